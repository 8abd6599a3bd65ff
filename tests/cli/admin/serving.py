"""The admin API of a place, served over HTTP as a control process does, for commands that ask over the network."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from exeat.admin.app import build_app
from exeat.admin.services import Services
from exeat.cli.control.effect import Effect
from exeat.config.settings import read_settings
from exeat.store.database import open_database
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer
from tests.cli.admin.place import Place
from tests.support.gateway import environment, wait_until


@contextmanager
def served(place: Place, listener: socket.socket) -> Iterator[None]:
    """Serve the database of a place on a listener, for a block."""
    settings = read_settings(environment({}), place.folder)
    engine = open_database(f"sqlite:///{place.folder}/exeat-data/exeat.db")
    effect = Effect(settings, engine)
    services = Services(
        engine=engine,
        sealer=Sealer(open_keyring(None, place.folder, place.folder / "exeat-data")),
        check=effect.check,
        outside=effect.outside,
        audit=lambda *_change: True,
        clock=lambda: time.clock_gettime(time.CLOCK_REALTIME),
        steady=time.monotonic,
        status=_status,
    )
    server = uvicorn.Server(uvicorn.Config(build_app(services), log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        wait_until(lambda: server.started, "the admin API is served")
        yield
    finally:
        server.should_exit = True
        thread.join()
        engine.dispose()


def _status() -> Mapping[str, object]:
    return {"version": "0"}
