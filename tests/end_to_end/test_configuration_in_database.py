"""A gateway's configuration in its database: changes reach every worker, and a start without the database works."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from sqlalchemy import Engine

from exeat.store.address import default_url
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import Edit, editing
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer
from tests.support.gateway import Gateway, MadeKey, make_key, run_exeat, wait_until
from tests.support.origins import Origin
from tests.support.postgres import Postgres, postgres
from tests.support.raw_caller import RawCaller
from tests.support.recorded import behave

SOON_S = 1.0
RELOADS = int(os.environ.get("EXEAT_RELOADS", "60"))  # noqa: TID251 - of the test run; the long form has 1000


class Caller(NamedTuple):
    """Somebody who calls the upstream `api` through a gateway."""

    gateway: Gateway
    key: MadeKey

    def status(self) -> int:
        """The status of one call on a connection of its own, which any worker may get."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call("GET", "/api/fine", f"Exeat-Key: {self.key.key}").status


def change(engine: Engine) -> AbstractContextManager[Edit]:
    """A change by a test."""
    return editing(engine, Author("test"), now_us=time.time_ns() // 1000)


def id_of(key: MadeKey) -> str:
    """The part of a key that may be shown."""
    return key.key[6:18]


def add_key(edit: Edit, key: MadeKey) -> None:
    """Make a key one of the consumer `web`."""
    edit.add_key(id=id_of(key), sha256=key.sha256, consumer="web")


@contextmanager
def database_of(folder: Path) -> Iterator[Engine]:
    """The database in a gateway's data directory, with its tables, whether or not the gateway has run."""
    (folder / "exeat-data").mkdir(mode=0o700, exist_ok=True)
    engine = open_database(default_url(folder / "exeat-data"))
    migrate(engine)
    yield engine
    engine.dispose()


def fill(engine: Engine, origin: Origin, *keys: MadeKey) -> None:
    """An upstream, and a consumer with keys."""
    with change(engine) as edit:
        edit.put("upstream", "api", origin.entry())
        edit.put("consumer", "web", {"grants": ["api"]})
        for key in keys:
            add_key(edit, key)


def within(seconds: float, caller: Caller, status: int) -> None:
    """Every worker answers so within this time: a row of calls that all agree."""
    ends_at = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if all(caller.status() == status for _ in range(12)):
            return
        assert began < ends_at, f"not every call is answered with {status} after {seconds} s"


def test_changes_reach_every_worker(tmp_path: Path) -> None:
    """What is made, changed and revoked in the database counts in every worker within a second."""
    key, other = make_key(), make_key()
    with Origin(behave) as origin, Gateway("destinations: []\n", folder=tmp_path, workers=2) as gateway:
        caller = Caller(gateway, key)
        with database_of(tmp_path) as engine:
            assert caller.status() == 401
            fill(engine, origin, key)
            within(SOON_S, caller, 200)
            with change(engine) as edit:
                add_key(edit, other)
                edit.revoke_key(id_of(key))
            within(SOON_S, caller, 401)
            within(SOON_S, Caller(gateway, other), 200)
            with change(engine) as edit:
                edit.remove("upstream", "api")
            wait_until(lambda: "reload refused; nothing changed" in gateway.stderr(), "a wrong change is refused")
            assert Caller(gateway, other).status() == 200


def test_consumer_of_the_file(tmp_path: Path) -> None:
    """A key in the database may belong to a consumer that the file describes."""
    key = make_key()
    with Origin(behave) as origin:
        document = {"upstreams": {"api": origin.entry()}, "consumers": {"web": {"grants": ["api"]}}}
        with Gateway(document, folder=tmp_path) as gateway, database_of(tmp_path) as engine:
            with change(engine) as edit:
                add_key(edit, key)
            within(SOON_S, Caller(gateway, key), 200)


def test_start_knows_the_database(tmp_path: Path) -> None:
    """From its first answer on, a gateway knows what the database holds, vault included."""
    key = make_key()
    with Origin(behave) as origin, database_of(tmp_path) as engine:
        fill(engine, origin, key)
        sealer = Sealer(open_keyring(None, tmp_path, tmp_path / "exeat-data"))
        entry = {**origin.entry(), "credential": {"kind": "bearer", "secret": "literal-s3cr3t"}}
        with editing(engine, Author("test"), now_us=1, sealer=sealer) as edit:
            edit.put("upstream", "api", entry)
        with Gateway("{}", folder=tmp_path) as gateway:
            assert Caller(gateway, key).status() == 200
            assert origin.requests[-1].values("authorization") == ["Bearer literal-s3cr3t"]


# The database is away, or damaged


def test_start_without_the_database(tmp_path: Path) -> None:
    """Without its database a gateway starts by what it knew last, and says so; then the database counts again."""
    key, other = make_key(), make_key()
    with postgres() as server, Origin(behave) as origin:
        url = server.make_database()
        env = {"EXEAT_DATABASE_URL": url}
        engine = open_database(url)
        migrate(engine)
        fill(engine, origin, key)
        with Gateway("{}", env, folder=tmp_path) as gateway:
            assert Caller(gateway, key).status() == 200
        engine.dispose()
        close_database(server, url)
        with Gateway("{}", env, folder=tmp_path) as gateway:
            assert "the database is away: what was last known of it counts" in gateway.stderr()
            assert Caller(gateway, key).status() == 200
            open_again(server, url)
            with change(engine) as edit:
                add_key(edit, other)
            within(5.0, Caller(gateway, other), 200)
        engine.dispose()


def close_database(server: Postgres, url: str) -> None:
    """Let nobody into a database."""
    name = url.partition("@/")[2].partition("?")[0]
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")


def open_again(server: Postgres, url: str) -> None:
    """Let everybody in."""
    name = url.partition("@/")[2].partition("?")[0]
    server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_damaged_database(tmp_path: Path) -> None:
    """A damaged database stops a start, with one line that says what to do; a gateway that runs goes on."""
    key = make_key()
    with Origin(behave) as origin, Gateway("{}", folder=tmp_path) as gateway:
        with database_of(tmp_path) as engine:
            fill(engine, origin, key)
        within(SOON_S, Caller(gateway, key), 200)
        gateway.stop()
        (tmp_path / "exeat-data" / "exeat.db").write_bytes(b"not a database at all" * 1000)
        for beside in ("exeat.db-wal", "exeat.db-shm"):
            (tmp_path / "exeat-data" / beside).unlink(missing_ok=True)
        result = run_exeat("serve", cwd=tmp_path, env={"EXEAT_LISTEN": "127.0.0.1:0"})
        assert result.returncode == 2
        (line,) = result.stderr.splitlines()
        assert "is damaged: move it away and restore a copy" in line


def test_keyring_of_somebody_else(tmp_path: Path) -> None:
    """A keyring that doesn't open what the database holds stops a start, and names the key that is missing."""
    with Origin(behave) as origin, database_of(tmp_path) as engine:
        sealer = Sealer(open_keyring(None, tmp_path, tmp_path / "exeat-data"))
        entry = {**origin.entry(), "credential": {"kind": "bearer", "secret": "literal-s3cr3t"}}
        with editing(engine, Author("test"), now_us=1, sealer=sealer) as edit:
            edit.put("upstream", "api", entry)
    (tmp_path / "exeat-data" / "keyring").unlink()
    open_keyring(None, tmp_path, tmp_path / "exeat-data")
    result = run_exeat("serve", cwd=tmp_path, env={"EXEAT_LISTEN": "127.0.0.1:0"})
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("exeat: database: upstreams.api.credential.secret: the vault's 'api.credential.secret'")
    assert "which the keyring lacks" in line


# Under load


class Load:
    """Callers that call until told to end, and note every answer and when it came."""

    def __init__(self, callers: list[Caller]) -> None:
        self.answers: list[tuple[float, int]] = []
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(caller,)) for caller in callers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, caller: Caller) -> None:
        while not self._ending.is_set():
            with RawCaller(caller.gateway.port) as raw:
                for _ in range(20):
                    status = raw.call("GET", "/api/fine", f"Exeat-Key: {caller.key.key}").status
                    self.answers.append((time.monotonic(), status))


def test_three_instances(tmp_path: Path) -> None:
    """A key that is revoked on one of three instances is refused by every worker of all of them within a second."""
    key, other = make_key(), make_key()
    with postgres() as server, Origin(behave) as origin, ExitStack() as stack:
        url = server.make_database()
        engine = open_database(url)
        migrate(engine)
        fill(engine, origin, key, other)
        gateways = []
        for number in range(3):
            folder = tmp_path / str(number)
            folder.mkdir()
            env = {"EXEAT_DATABASE_URL": url, "EXEAT_LOG_LEVEL": "info"}
            gateways.append(stack.enter_context(Gateway("{}", env, folder=folder, workers=2)))
        callers = [Caller(gateway, key) for gateway in gateways]
        with Load([*callers, *(Caller(gateway, other) for gateway in gateways)]) as load:
            wait_until(lambda: len(load.answers) > 300, "there is load")
            with change(engine) as edit:
                edit.revoke_key(id_of(key))
            revoked_at = time.monotonic()
            for caller in callers:
                within(SOON_S, caller, 401)
            wait_until(lambda: time.monotonic() > revoked_at + 2 * SOON_S, "some more load")
        late = [status for at, status in load.answers if at > revoked_at + SOON_S]
        assert set(late) == {200, 401}
        assert {Caller(gateway, other).status() for gateway in gateways} == {200}
        engine.dispose()


def test_many_reloads(tmp_path: Path) -> None:
    """No request fails while the configuration changes again and again, and no process grows by it."""
    key = make_key()
    with Origin(behave) as origin, Gateway("{}", {"EXEAT_LOG_LEVEL": "info"}, folder=tmp_path) as gateway:
        with database_of(tmp_path) as engine, Load([Caller(gateway, key)]) as load:
            fill(engine, origin, key)
            within(SOON_S, Caller(gateway, key), 200)
            begun = len(load.answers)
            sizes: list[int] = []
            for number in range(RELOADS):
                with change(engine) as edit:
                    edit.put(
                        "destination",
                        "example.com",
                        {"host": "example.com", "private": [f"10.{number // 256}.{number % 256}.0/24"]},
                    )
                wait_until(partial(_has_reloaded, gateway, number), "it is in force")
                if number in {RELOADS // 3, RELOADS - 1}:
                    sizes.append(sum(_resident(pid) for pid in (gateway.pid, *gateway.worker_pids())))
        assert {status for _, status in load.answers[begun:]} == {200}
        assert sizes[1] < sizes[0] + 4 * 2**20


def _has_reloaded(gateway: Gateway, number: int) -> bool:
    return gateway.stderr().count('"in force"') - 1 > number


def _resident(pid: int) -> int:
    """The resident memory of a process (bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4096
