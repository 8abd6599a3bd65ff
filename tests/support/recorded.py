"""A gateway with a trail of every kind of record, its database, and the commands that read it."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import chdir, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from exeat.cli.main import app
from tests.support.gateway import Gateway, JsonObject, MadeKey, environment, make_key, wait_until
from tests.support.markers import MARKERS, assert_no_leaks
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


def cut_in(folder: Path) -> list[str]:
    """The ids of the exchanges that were interrupted."""
    records = map(json.loads, recorded_in(database_of(folder)))
    return [record["id"] for record in records if record["outcome"] == "interrupted"]


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


def run_here(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None, said: str = "", opens: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, which is ten times as fast as in one of its own; `said` is its input.

    What it writes holds no secret, unless it `opens` what was sealed.
    """
    wanted = environment(env or {})
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(wanted):  # noqa: TID251 - of the test run
            patch.delenv(name)
        result = CliRunner().invoke(app, arguments, input=said, env=wanted)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    leaks = [] if opens else MARKERS.leaks_in(result.stdout, "standard output")
    leaks += MARKERS.leaks_in(result.stderr, "standard error")
    assert_no_leaks(leaks)
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


class Recorded(NamedTuple):
    """A gateway that has served exchanges; `ids` of them by name."""

    gateway: Gateway
    web: MadeKey
    guest: MadeKey
    ids: dict[str, str]

    def audit(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `exeat audit`."""
        return run_here(self.gateway.folder, "audit", *arguments, env=env)

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
def recorded() -> Iterator[Recorded]:
    """A running gateway whose records of every outcome are in its database."""
    web, guest = make_key(), make_key()
    with Origin(behave) as gone:
        nobody = gone.entry()  # listens there when it is called
    with Origin(behave) as origin:
        document = {
            "upstreams": {"api": origin.entry(), "gone": nobody},
            "consumers": {
                "web": {"keys": [{"sha256": web.sha256, "id": "key1"}], "grants": ["api", "gone"]},
                "guest": {"keys": [{"sha256": guest.sha256}], "grants": ["gone"]},
            },
            "audit": {"query_values": ["page"]},
        }
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
            wait_for_records(gateway.folder, *place.ids.values())  # so the next life's are in another batch
            with RawCaller(gateway.port) as caller:
                caller.request("GET", "/api/silent", f"Exeat-Key: {web.key}")
                wait_until(lambda: origin.requests[-1].target == "/silent", "it is under way")
                with gateway.expect("worker is ready"):
                    gateway.kill_worker(gateway.worker_pids()[0])
            wait_until(lambda: bool(cut_in(gateway.folder)), "that it was interrupted is recorded")
            wait_for_records(gateway.folder, *place.ids.values())
            [place.ids["cut"]] = cut_in(gateway.folder)
            yield place
