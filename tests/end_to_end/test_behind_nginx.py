"""Three instances on one PostgreSQL behind nginx, with the configuration that the guide gives."""

import http.client
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Self

from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.vault.keyring_file import open_keyring
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.origins import Origin
from tests.support.postgres import postgres
from tests.support.recorded import behave
from tests.support.site import CALLER, INSTANCES, Site, ask, site

SOON_S = 1.0
PAUSE_S = 0.01  # of a caller between two calls: the machine is to have time for the instances too
MINE_AGAIN_S = 15.0  # nginx leaves an instance alone for ten seconds after it wasn't there


def status_of(site: Site, key: MadeKey) -> int:
    """The status of one call on a connection of its own."""
    with closing(site.connect()) as connection:
        return call(connection, "GET", key)


def call(connection: http.client.HTTPSConnection, method: str, key: MadeKey) -> int:
    """One call, and its status; the connection is kept, or made again where it was closed in good order."""
    body = b"order" if method == "POST" else None
    connection.request(method, "/api/fine", body=body, headers={"Exeat-Key": key.key})
    response = connection.getresponse()
    response.read()
    return response.status


class Load:
    """Callers with kept connections, who note every answer and when it came."""

    def __init__(self, site: Site, key: MadeKey, *, readers: int = 4) -> None:
        self.reads: list[tuple[float, int]] = []
        self.writes: list[tuple[float, int]] = []
        self.failures: list[str] = []
        self._site, self._key = site, key
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=("GET", self.reads)) for _ in range(readers)]
        self._threads.append(threading.Thread(target=self._run, args=("POST", self.writes)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, method: str, answers: list[tuple[float, int]]) -> None:
        connection = self._site.connect()
        try:
            while not self._ending.wait(PAUSE_S):
                answers.append((time.monotonic(), call(connection, method, self._key)))
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{method}: {error!r}")
        finally:
            connection.close()


def revoke(gateway: Gateway, key: MadeKey) -> None:
    """Revoke a key by the API of an instance."""
    assert ask(gateway, "POST", f"/keys/{key.key[6:18]}/revoke").status == 200


def test_instances_behind_nginx(tmp_path: Path) -> None:
    """An instance may be ended and started again: what nginx can repeat doesn't fail; a revoked key is soon refused."""
    key, other = make_key(), make_key()
    open_keyring(None, tmp_path, tmp_path)
    with postgres() as server, Origin(behave) as origin:
        url = server.make_database()
        engine = open_database(url)
        migrate(engine)
        with editing(engine, Author("test"), now_us=time.time_ns() // 1000) as edit:
            edit.put("upstream", "api", origin.entry())
            edit.put("consumer", "web", {"grants": ["api"]})
            for one in (key, other):
                edit.add_key(id=one.key[6:18], sha256=one.sha256, consumer="web")
        engine.dispose()
        with site(tmp_path, {"EXEAT_DATABASE_URL": url, "EXEAT_KEYRING": f"file:{tmp_path}/keyring"}) as here:
            ended, asked, _ = here.gateways
            with Load(here, key) as load:
                wait_until(lambda: len(load.reads) > 300 and len(load.writes) > 50, "there is load")
                ended.stop()
                begun = len(load.reads)
                wait_until(lambda: len(load.reads) > begun + 300, "there is load without it")
                ended.start()
                wait_until(lambda: len(ended.access_lines()) > 20, "it gets calls again", MINE_AGAIN_S)
                revoke(asked, other)
                revoked_at = time.monotonic()
                wait_until(lambda: status_of(here, other) == 401, "the key is refused somewhere")
                while time.monotonic() < revoked_at + SOON_S:
                    status_of(here, other)
                assert {status_of(here, other) for _ in range(4 * INSTANCES)} == {401}
            assert load.failures == []
            assert {status for _, status in load.reads} == {200}
            assert {status for _, status in load.writes} <= {200, 502}
            assert {line["address"] for line in ended.access_lines()} == {CALLER}
