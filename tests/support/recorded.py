"""A gateway with a trail of every kind of record, its database, and the commands that read it."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key, run_exeat, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller


def database_of(folder: Path) -> Path:
    """The database of a gateway that runs in a folder."""
    return folder / "exeat-data" / "exeat.db"


def recorded_in(database: Path) -> list[bytes]:
    """The bytes of all records in a database, in the order of their times; none if it isn't there yet."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return [row[0] for row in connection.execute("SELECT body FROM records ORDER BY time, id")]
        except sqlite3.OperationalError:
            return []  # the tables are being made


def wait_for_records(folder: Path, *identifiers: str) -> list[JsonObject]:
    """Wait until exchanges are in the database; all records that are there then."""
    found: list[JsonObject] = []

    def are_there() -> bool:
        found[:] = map(json.loads, recorded_in(database_of(folder)))
        return {*identifiers} <= {str(record["id"]) for record in found}

    wait_until(are_there, "the records are in the database")
    return found


def edit(database: Path, statement: str, *values: object) -> int:
    """Do to a database what somebody with a pencil can; the number of rows it changed."""
    with closing(sqlite3.connect(database)) as connection, connection:
        return connection.execute(statement, values).rowcount


def behave(peer: Peer, request: Request) -> None:
    """What the upstream does, by path."""
    peer.read_body(request)
    if request.target.startswith("/silent"):
        peer.has_ended()
    elif request.target.startswith("/missing"):
        peer.answer(b"not here", status="404 Not Found")
    else:
        peer.answer(b"fine")


class Recorded(NamedTuple):
    """A gateway that has served exchanges; `ids` of them by name."""

    gateway: Gateway
    web: MadeKey
    guest: MadeKey
    ids: dict[str, str]

    def audit(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `exeat audit`."""
        return run_exeat("audit", *arguments, cwd=self.gateway.folder, env=env)

    def found(self, *arguments: str) -> list[str]:
        """The names of the exchanges that a search finds, newest first; what else is found by its action."""
        result = self.audit("search", "--json", *arguments)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        names = {identifier: name for name, identifier in self.ids.items()}
        records = map(json.loads, result.stdout.splitlines())
        return [names.get(record["id"]) or record["action"] for record in records]

    def call(self, name: str, method: str, target: str, key: MadeKey | None, *lines: str, body: bytes = b"") -> Answer:
        """Make a call, and note the id of its exchange under a name."""
        shown = [] if key is None else [f"Exeat-Key: {key.key}"]
        with RawCaller(self.gateway.port) as caller:
            answer = caller.call(method, target, *shown, *lines, body=body)
        self.ids[name] = str(answer.field("exeat-request-id"))
        return answer


TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def recorded(authority: Authority) -> Iterator[Recorded]:
    """A running gateway whose records of every outcome are in its database."""
    web, guest = make_key(), make_key()
    with Origin(behave, authority.server_context()) as origin, Origin(behave) as gone:
        document = {
            "upstreams": {"api": origin.entry(authority.file), "gone": gone.entry()},
            "consumers": {
                "web": {"keys": [{"sha256": web.sha256, "id": "key1"}], "grants": ["api", "gone"]},
                "guest": {"keys": [{"sha256": guest.sha256}], "grants": ["gone"]},
            },
            "audit": {"query_values": ["page"]},
        }
        gone.__exit__(None, None, None)
        with Gateway(document) as gateway:
            place = Recorded(gateway, web, guest, {})
            trace = f"traceparent: 00-{TRACE}-b7ad6b7169203331-01"
            place.call("fine", "GET", "/api/Fine/one?page=2&token=abc", web, trace)
            place.call("posted", "POST", "/api/fine/two", web, body=b"content")
            place.call("missing", "GET", "/api/missing", web)
            place.call("strange", "GET", "/api/%1b%5B31m/red", web)
            place.call("keyless", "GET", "/api/fine", None)
            place.call("ungranted", "GET", "/api/fine", guest)
            place.call("broken", "GET", "/gone/fine", guest)
            with RawCaller(gateway.port) as caller:
                caller.request("GET", "/api/silent", f"Exeat-Key: {web.key}")
                wait_until(lambda: origin.requests[-1].target == "/silent", "it is under way")
                with gateway.expect("worker is ready"):
                    gateway.kill_worker(gateway.worker_pids()[0])
            wait_until(lambda: any(b'"interrupted"' in r for r in recorded_in(database_of(gateway.folder))), "it is recorded")
            records = wait_for_records(gateway.folder, *place.ids.values())
            [cut] = [record for record in records if record["outcome"] == "interrupted"]
            place.ids["cut"] = str(cut["id"])
            yield place
