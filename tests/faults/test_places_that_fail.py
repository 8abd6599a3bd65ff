"""The database goes away and comes back, the disk is full and has room again: nothing is lost, and all heals."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exeat.store.database import default_url, open_database
from tests.faults.callers import Callers
from tests.faults.noting import Noting
from tests.faults.trail import check_trail
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.postgres import postgres

CALLERS = 8
MANY = 200
DISK_MIB = 256
PADDING = "x" * 2000  # of a path: a record grows by it, and what was reserved is full sooner
HEALED_S = 20.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def document(noting: Noting, key: MadeKey) -> dict[str, object]:
    """A gateway in front of the upstream that notes."""
    return {
        "upstreams": {"noting": noting.origin.entry(paths={"deny": ["/denied/**"]})},
        "consumers": {"everybody": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
    }


def many_more(callers: Callers) -> None:
    """Wait until very many more answers have been read."""
    enough = len(callers.answered) + MANY
    wait_until(lambda: len(callers.answered) >= enough, "calls go on")


def test_database_goes_and_comes_back() -> None:
    """While the database lets nobody in, calls go on; when it does again, every record gets there, once."""
    key, noting = make_key(), Noting()
    with postgres() as server, noting.origin:
        url = server.make_database()
        name = url.partition("?")[0].rpartition("/")[2]
        with Gateway(document(noting, key), {"EXEAT_DATABASE_URL": url}) as gateway:
            with Callers(CALLERS, lambda: gateway.port, key.key) as callers:
                many_more(callers)
                with gateway.expect("records stay in the journal"):
                    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
                    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'")
                many_more(callers)
                with gateway.expect("records are moved again"):
                    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
                many_more(callers)
            assert callers.broken == 0
            engine = open_database(url)
            check_trail(engine, noting.seen, callers.answered)
            engine.dispose()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_database_server_is_stopped_and_started(number: signal.Signals) -> None:
    """While the database's server doesn't run, calls go on; when it runs again, every record gets there, once."""
    key, noting = make_key(), Noting()
    with postgres() as server, noting.origin:
        url = server.make_database()
        with Gateway(document(noting, key), {"EXEAT_DATABASE_URL": url}) as gateway:
            with Callers(CALLERS, lambda: gateway.port, key.key) as callers:
                for _ in range(2):
                    many_more(callers)
                    with gateway.expect("records stay in the journal"):
                        server.stop(number)
                    many_more(callers)
                    with gateway.expect("records are moved again"):
                        server.start()
                many_more(callers)
            assert callers.broken == 0
            engine = open_database(url)
            check_trail(engine, noting.seen, callers.answered)
            engine.dispose()


def test_database_server_hangs() -> None:
    """While the server takes connections and answers nobody, calls go on; afterwards every record gets there, once."""
    key, noting = make_key(), Noting()
    with postgres() as server, noting.origin:
        url = server.make_database()
        with Gateway(document(noting, key), {"EXEAT_DATABASE_URL": url}) as gateway:
            with Callers(CALLERS, lambda: gateway.port, key.key) as callers:
                for _ in range(3):
                    many_more(callers)
                    with server.hanging():
                        many_more(callers)
                many_more(callers)
            assert callers.broken == 0
            engine = open_database(url)
            check_trail(engine, noting.seen, callers.answered)
            engine.dispose()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own for a folder, with little room."""
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # also where a failed test left something open


def fill(file: Path) -> None:
    """Leave no room on a disk."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
    with suppress(OSError):
        while True:
            os.write(descriptor, bytes(64 * 1024))
    os.close(descriptor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_disk_is_full_and_has_room_again(tmp_path: Path) -> None:
    """On a full disk new calls are refused, those under way are recorded; with room again, all goes on by itself."""
    key, noting = make_key(), Noting()
    data = tmp_path / "exeat-data"
    ballast = data / "ballast"
    with noting.origin, small_disk(data), Gateway(document(noting, key), folder=tmp_path) as gateway:
        with Callers(CALLERS, lambda: gateway.port, key.key, PADDING) as callers:
            many_more(callers)

            def refused() -> int:
                return sum(answer.error == "audit-unavailable" for answer in list(callers.answered))

            with gateway.expect("records can't be kept"):
                fill(ballast)
            wait_until(lambda: refused() >= MANY, "calls are refused", HEALED_S)
            with gateway.expect("records are kept again"):
                ballast.unlink()
            before = refused()
            many_more(callers)
            assert refused() <= before + CALLERS, "calls are still refused"
        assert callers.broken == 0
        engine = open_database(default_url(data))
        check_trail(engine, noting.seen, callers.answered)
        engine.dispose()
