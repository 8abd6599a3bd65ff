"""The control process: what it moves into the database, whatever happens to it, to the database and to the workers."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.model.audit import KeptBody
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from tests.store.made import DAY, Chain
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key, run_exeat, wait_until
from tests.support.origins import Origin
from tests.support.postgres import Postgres, postgres
from tests.support.raw_caller import RawCaller
from tests.support.recorded import behave, database_of, edit, recorded_in, run_here, wait_for_records

STAYS = "records stay in the journal"
MOVES = "records are moved again"


class Place(NamedTuple):
    """A gateway in front of an upstream."""

    gateway: Gateway
    key: MadeKey

    @property
    def folder(self) -> Path:
        """Where it runs."""
        return self.gateway.folder

    def call(self, path: str = "/fine") -> str:
        """One call; the id of its exchange."""
        with RawCaller(self.gateway.port) as caller:
            answer = caller.call("GET", f"/api{path}", f"Exeat-Key: {self.key.key}")
        assert answer.status == 200
        return str(answer.field("exeat-request-id"))

    def calls(self, count: int) -> list[str]:
        """Several calls."""
        return [self.call(f"/{number}") for number in range(count)]

    def changes(self) -> list[JsonObject]:
        """The changes in the database, oldest first."""
        return [one for one in map(json.loads, recorded_in(database_of(self.folder))) if one["kind"] == "change"]


@contextmanager
def running(
    env: Mapping[str, str] | None = None, *, workers: int = 1, folder: Path | None = None, **document: object
) -> Iterator[Place]:
    """A running gateway, and its upstream."""
    key = make_key()
    with Origin(behave) as origin:
        whole = {
            "upstreams": {"api": origin.entry()},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
            **document,
        }
        with Gateway(whole, env, workers=workers, folder=folder) as gateway:
            yield Place(gateway, key)


def verified(folder: Path, env: Mapping[str, str] | None = None) -> str:
    """What `exeat audit verify` prints of a trail that is right."""
    result = run_here(folder, "audit", "verify", env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def exchanges_in(database: Path) -> list[str]:
    """The ids of the exchanges in a database."""
    return [one["id"] for one in map(json.loads, recorded_in(database)) if one["kind"] == "exchange"]


# Ends and beginnings


def test_it_is_killed_again_and_again() -> None:
    """Traffic doesn't notice, it is started again, and each record is in the database exactly once."""
    with running() as place:
        gateway = place.gateway
        ids = place.calls(5)
        for _ in range(3):
            wait_until(lambda: len(gateway.control_pids()) == 1, "there is a control process")
            with gateway.expect("control process died; it is started again"):
                os.kill(gateway.control_pids()[0], signal.SIGKILL)
                ids += place.calls(5)
        wait_for_records(place.folder, *ids)
        gateway.stop()
        assert sorted(exchanges_in(database_of(place.folder))) == sorted(ids)
        assert "Traceback" not in gateway.stderr()
        assert "bug: " not in gateway.stderr()
        verified(place.folder)


def test_the_end_moves_what_is_left() -> None:
    """When the gateway has ended, the database has every record, its start and its end among them, in their order."""
    with running(workers=2) as place:
        ids = place.calls(50)
        place.gateway.stop()
        assert sorted(exchanges_in(database_of(place.folder))) == sorted(ids)
        start, stop = place.changes()
        assert (start["action"], stop["action"]) == ("start", "stop")
        assert start["time"] < stop["time"]  # type: ignore[operator]  # both are text
        times = [json.loads(record)["time"] for record in recorded_in(database_of(place.folder))]
        assert start["time"] == times[0]
        assert verified(place.folder).count(": right") in {2, 3}


def test_the_supervisor_is_killed() -> None:
    """After a supervisor that nobody expected to end, the next one goes on with all journals, and has no trouble."""
    with running(workers=2) as place:
        ids = place.calls(10)
        wait_until(lambda: len(place.changes()) == 1, "the start is recorded")
        place.gateway.kill()
        place.gateway.start()
        ids += place.calls(10)
        place.gateway.stop()
        assert sorted(exchanges_in(database_of(place.folder))) == sorted(ids)
        assert "Traceback" not in place.gateway.stderr()
        assert [change["action"] for change in place.changes()] == ["start", "start", "stop"]
        verified(place.folder)


def test_fewer_workers_than_before(tmp_path: Path) -> None:
    """Journals of workers that don't run any more are ended, what they left open is interrupted, and all is moved."""
    with running(workers=3, folder=tmp_path) as place:
        gateway = place.gateway
        ids = place.calls(20)
        callers = [RawCaller(gateway.port) for _ in range(12)]
        for caller in callers:
            caller.request("GET", "/api/silent", f"Exeat-Key: {place.key.key}")
        journals = tmp_path / "exeat-data" / "journal"
        wait_until(lambda: sum(_intents(journals / f"worker-{n}") for n in (1, 2, 3)) == 12, "they are under way")
        of_others = sum(_intents(journals / f"worker-{n}") for n in (2, 3))
        pids = [*gateway.worker_pids(), *gateway.control_pids()]
        gateway.signal(signal.SIGSTOP)  # or it would start new workers, with their numbers
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        gateway.kill()
        for caller in callers:
            caller.close()
    with running(workers=1, folder=tmp_path) as place:
        database = database_of(tmp_path)
        wait_until(lambda: len(exchanges_in(database)) == 32, "everything is moved")
        records = [json.loads(record) for record in recorded_in(database)]
        assert sum(record["outcome"] == "interrupted" for record in records) == 12
        assert set(ids) <= {record["id"] for record in records}
        assert len({record["id"] for record in records}) == len(records)
        chains = verified(tmp_path)
        assert chains.count("/worker-") == (3 if of_others else 1)


def _intents(folder: Path) -> int:
    """How many calls of /silent a journal knows the beginning of."""
    return sum(file.read_bytes().count(b'"/silent"') for file in folder.glob("*.segment"))


def test_a_journal_of_its_own_that_cannot_be_made(tmp_path: Path) -> None:
    """Where the control process can't begin, that is said in a line of the log, and calls are answered and recorded."""
    journals = tmp_path / "exeat-data" / "journal"
    journals.mkdir(parents=True, mode=0o700)
    (journals / "control").write_text("a file")
    with running(folder=tmp_path) as place:
        ids = place.calls(3)
        gateway = place.gateway
        wait_until(lambda: len(gateway.events("control process died; it is started again")) > 1, "it is tried again")
        assert gateway.events("records can't be moved")
        assert [line for line in gateway.stderr().splitlines() if not line.startswith("{")] == []
        (journals / "control").unlink()
        wait_for_records(tmp_path, *ids)


# Changes


def test_a_change_of_the_configuration() -> None:
    """A new document is a record of what it was and is; one that is refused, or the same again, is none."""
    with running() as place:
        gateway = place.gateway
        before = gateway.serving["revision"]
        document = json.loads(gateway.file.read_text())
        gateway.reload({**document, "destinations": ["api.example.com"]})
        wait_until(lambda: len(place.changes()) == 2, "it is recorded")
        _, change = place.changes()
        assert (change["actor"], change["action"], change["object"]) == ("document", "apply", "configuration")
        assert change["before"] == {"revision": before}
        after = gateway.events("in force")[-1]["revision"]
        assert change["after"] == {"revision": after, "changes": "destinations +api.example.com"}
        with gateway.expect("reload refused; nothing changed"):
            gateway.write({**document, "nonsense": 1})
            gateway.signal(signal.SIGHUP)
        with gateway.expect("reloaded; nothing is different"):
            gateway.write({**document, "destinations": ["api.example.com"]})
            gateway.signal(signal.SIGHUP)
        gateway.stop()
        assert [one["action"] for one in place.changes()] == ["start", "apply", "stop"]


def test_a_change_while_it_is_dead() -> None:
    """What changes while the control process is being started again is recorded with the time at which it changed."""
    with running() as place:
        gateway = place.gateway
        wait_until(lambda: len(place.changes()) == 1, "the start is recorded")
        document = json.loads(gateway.file.read_text())
        with gateway.expect("control process died; it is started again"):
            os.kill(gateway.control_pids()[0], signal.SIGKILL)
        gateway.reload({**document, "destinations": ["api.example.com"]})
        wait_until(lambda: len(place.changes()) == 2, "the change is recorded")
        logged = str(gateway.events("reloaded")[-1]["time"])
        assert abs(float(str(place.changes()[1]["time"])[17:23]) - float(logged[17:23])) % 60 < 0.5


# Databases


def test_a_database_that_is_away_and_comes(tmp_path: Path) -> None:
    """Where the database can't be opened that is said once, calls go on, and their records arrive when it can."""
    database = tmp_path / "later" / "exeat.db"
    with running({"EXEAT_DATABASE_URL": f"sqlite:///{database}"}) as place:
        gateway = place.gateway
        ids = place.calls(5)
        wait_until(lambda: bool(gateway.events(STAYS)), "it is said")
        os.kill(gateway.control_pids()[0], signal.SIGKILL)
        ids += place.calls(5)
        wait_until(lambda: len(gateway.events(STAYS)) == 2, "the next process says it, too")
        with gateway.expect(MOVES):
            database.parent.mkdir()
        wait_until(lambda: len(exchanges_in(database)) == 10, "the records arrive")
        assert sorted(exchanges_in(database)) == sorted(ids)
        said = gateway.events(STAYS)[0]
        assert (said["of"], said["level"]) == ("database", "error")
        assert "can't be opened: see that its folder exists and may be written" in str(said["reason"])
        assert len(gateway.events(STAYS)) == 2


def test_a_supervisor_that_is_killed_while_the_database_is_away(tmp_path: Path) -> None:
    """The next gateway has all journals as soon as the processes of the one before let go of them."""
    database = tmp_path / "later" / "exeat.db"
    with running({"EXEAT_DATABASE_URL": f"sqlite:///{database}"}) as place:
        ids = place.calls(3)
        wait_until(lambda: bool(place.gateway.events(STAYS)), "it is said")
        place.gateway.kill()
        place.gateway.start()
        ids += place.calls(3)
        database.parent.mkdir()
        wait_until(lambda: len(exchanges_in(database)) == 6, "the records arrive")
        assert sorted(exchanges_in(database)) == sorted(ids)
        assert "Traceback" not in place.gateway.stderr()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with postgres() as running_server:
        yield running_server


def test_postgresql_goes_away_and_comes_back(server: Postgres) -> None:
    """A server that drops its connections and takes no others is said to be away once; nothing is lost or doubled."""
    url = server.make_database()
    name = url.partition("@/")[2].partition("?")[0]
    env = {"EXEAT_DATABASE_URL": url}
    with running(env) as place:
        gateway = place.gateway
        ids = place.calls(5)

        def found() -> list[str]:
            result = run_here(place.folder, "audit", "search", "--json", "--kind", "exchange", env=env)
            return [json.loads(line)["id"] for line in result.stdout.splitlines()]

        wait_until(lambda: len(found()) == 5, "the first arrive")
        with gateway.expect(STAYS):
            server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - ours
            ids += place.calls(5)
        ids += place.calls(5)
        with gateway.expect(MOVES):
            server.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        wait_until(lambda: len(found()) == 15, "the others arrive")
        assert sorted(found()) == sorted(ids)
        verified(place.folder, env)
        lines = gateway.stderr().splitlines()
        assert [line for line in lines if not line.startswith("{")] == []
        reasons = {str(event["reason"]) for event in gateway.events(STAYS)}
        assert len(gateway.events(STAYS)) == len(reasons)


def test_another_database(tmp_path: Path) -> None:
    """A gateway that is given another database goes on there from where its journals are, and that trail is right."""
    with running(folder=tmp_path) as place:
        before = place.calls(5)
        place.gateway.stop()
        first = recorded_in(database_of(tmp_path))
    env = {"EXEAT_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}
    with running(env, folder=tmp_path) as place:
        after = place.calls(5)
        place.gateway.stop()
    found = exchanges_in(tmp_path / "other.db")
    assert sorted(found[-5:]) == sorted(after)
    assert set(found[:-5]) <= set(before)
    verified(tmp_path, env)
    assert recorded_in(database_of(tmp_path)) == first
    verified(tmp_path)


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    """A database that a newer version has made is left alone: calls go on, records wait, and no start succeeds."""
    with running(folder=tmp_path) as place:
        wait_for_records(tmp_path, place.call())
        with closing(sqlite3.connect(database_of(tmp_path))) as connection:
            ((version,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        edit(database_of(tmp_path), "UPDATE alembic_version SET version_num = '9999'")
        with place.gateway.expect("control process died; it is started again"):
            os.kill(place.gateway.control_pids()[0], signal.SIGKILL)
            wait_until(lambda: bool(place.gateway.events(STAYS)), "it is said")
        place.call()
        assert "was made by a newer Exeat" in str(place.gateway.events(STAYS)[0]["reason"])
        place.gateway.stop()
        refused = run_exeat("serve", cwd=tmp_path, env={"EXEAT_LISTEN": "127.0.0.1:0"})
        assert refused.returncode == 2
        assert "was made by a newer Exeat" in refused.stderr
    with closing(sqlite3.connect(database_of(tmp_path))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])


# Time


def test_what_is_old_goes(tmp_path: Path) -> None:
    """Records older than `retention` and bodies whose time is over go at the start; that is recorded, and verifies."""
    database = database_of(tmp_path)
    database.parent.mkdir(mode=0o700)
    engine = open_database(f"sqlite:///{database}")
    migrate(engine)
    chain, now = Chain(), int(datetime.now(UTC).timestamp() * 1e6)
    old, new = (chain.batches([3], now - days * DAY)[0] for days in (10, 0))
    kept = [KeptBody("id-000001", "request", 1, b"gone"), KeptBody("id-000004", "request", 2**40, b"here")]
    AuditWriter(engine).write([old._replace(bodies=tuple(kept[:1])), new._replace(bodies=tuple(kept[1:]))])
    engine.dispose()
    with running(folder=tmp_path, audit={"retention": "1d"}) as place:
        wait_until(lambda: any(one["action"] == "prune" for one in place.changes()), "it is recorded")
        [pruned] = [one for one in place.changes() if one["action"] == "prune"]
        assert (pruned["actor"], pruned["object"]) == ("retention", "audit/records")
        assert pruned["after"]["records"] == 3  # type: ignore[index]  # a record is JSON
        assert exchanges_in(database) == ["id-000004", "id-000005", "id-000006"]
        assert "no record says so" not in verified(tmp_path)
        place.gateway.stop()
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT id, sealed FROM bodies").fetchall() == [("id-000004", b"here")]
