"""Records are kept of whatever happens: a process that is killed, a disk that takes no more, and exchanges without."""

import json
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.errors import Code
from exeat.journal.follow import Follower
from tests.support.access import access_line
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller

LONG = "x" * 4000  # of a path: a record grows by it
CALLS = 20
ROOM_BYTES = 24 * 1024  # what the worker may still write to its standard output and error
RECOVERY_S = 2.5
SEGMENT_BYTES = 16 * 1024 * 1024


class Place(NamedTuple):
    """A gateway in front of an upstream."""

    gateway: Gateway
    origin: Origin
    key: MadeKey

    def call(self, target: str) -> Answer:
        """One call on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call("GET", target, f"Exeat-Key: {self.key.key}")

    @property
    def worker(self) -> int:
        """The process that serves."""
        return self.gateway.worker_pids()[0]

    @property
    def journal(self) -> Path:
        """The folder of its journal."""
        return self.gateway.folder / "exeat-data" / "journal" / "worker-1"

    def records(self) -> list[JsonObject]:
        """All records in the journal."""
        follower, found = Follower(self.journal), []
        while batches := follower.read():
            found += [json.loads(record) for batch in batches for record in batch.records]
        return found


def behave(peer: Peer, request: Request) -> None:
    """What the upstream does, by path."""
    if request.target == "/silent":
        peer.has_ended()
    else:
        peer.answer(b"fine")


@contextmanager
def running(authority: Authority, **document: object) -> Iterator[Place]:
    key = make_key()
    with Origin(behave, authority.server_context()) as origin:
        whole = {
            "upstreams": {"api": origin.entry(authority.file)},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
            **document,
        }
        with Gateway(whole) as gateway:
            yield Place(gateway, origin, key)


def fill(place: Place) -> int:
    """Have the journal grow past what standard output and error are; the limit of a file's size in between."""
    for _ in range(CALLS):
        place.call(f"/api/{LONG}")
    place.gateway.access_lines(CALLS)
    limit = len(place.gateway.stdout()) + ROOM_BYTES
    assert CALLS * 2 * len(LONG) > limit, "the journal isn't longer"
    return limit


def limit_files(pid: int, size: int) -> None:
    """Let a process make no file longer than this (SIGXFSZ is ignored by Python, so writing fails)."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def test_nothing_new_begins_without_records(authority: Authority) -> None:
    """Where no record can be kept, calls are refused untouched and readiness goes; both come back by themselves."""
    with running(authority) as place:
        gateway = place.gateway
        limit, worker, sent = fill(place), place.worker, len(place.origin.requests)
        limit_files(worker, limit)
        with gateway.expect("records can't be kept"):
            problem = check_problem(place.call("/api/a"), Code.AUDIT_UNAVAILABLE, "api")
        assert gateway.events("records can't be kept")[-1]["refuses"] is True
        for _ in range(3):
            check_problem(place.call("/api/b"), Code.AUDIT_UNAVAILABLE, "api")
        check_problem(place.call("/-/ready"), Code.AUDIT_UNAVAILABLE)
        assert place.call("/-/live").status == 200
        for path in ("/nothing/", "/-/whoami", "/-/nothing"):  # what is refused or answered otherwise has a record
            check_problem(place.call(path), Code.AUDIT_UNAVAILABLE)
        assert len(place.origin.requests) == sent
        line = access_line(gateway, str(problem["request_id"]))
        assert (line["status"], line["error"], line["decision"]) == (503, "audit-unavailable", "allow")
        with gateway.expect("records are kept again"):
            limit_files(worker, resource.RLIM_INFINITY)
            began = time.monotonic()
        assert time.monotonic() - began < RECOVERY_S
        assert gateway.events("records are kept again")[-1]["lost"] == 0
        assert place.call("/-/ready").status == 200
        assert place.call("/api/c").body == b"fine"
        assert place.worker == worker
        lines = gateway.access_lines(CALLS + 8)  # 4 that were refused, 3 that were answered otherwise, and the last
        wait_until(lambda: place.records() == lines, "what waited in memory was written, once and in order")


def test_calls_go_on_without_records_if_told_so(authority: Authority) -> None:
    """With `on_failure: continue` calls are answered, it stays ready, and what was kept in memory is written."""
    with running(authority, audit={"on_failure": "continue"}) as place:
        gateway = place.gateway
        limit, worker = fill(place), place.worker
        limit_files(worker, limit)
        with gateway.expect("records can't be kept"):
            assert place.call("/api/a").body == b"fine"
        assert gateway.events("records can't be kept")[-1]["refuses"] is False
        assert [place.call("/api/b").body for _ in range(3)] == [b"fine"] * 3
        assert place.call("/-/ready").status == 200
        with gateway.expect("records are kept again"):
            limit_files(worker, resource.RLIM_INFINITY)
        lines = gateway.access_lines(CALLS + 4)
        wait_until(lambda: place.records() == lines, "the records are those of the lines, in their order")


def test_a_worker_that_finds_no_room(authority: Authority) -> None:
    """A worker that can't reserve its first segment starts all the same, refuses, and serves once there is room."""
    with running(authority) as place:
        gateway = place.gateway
        limit_files(gateway.pid, SEGMENT_BYTES - 1)
        with gateway.expect("worker is ready"):
            gateway.kill_worker(place.worker)
        limit_files(gateway.pid, resource.RLIM_INFINITY)
        wait_until(lambda: bool(gateway.events("records can't be kept")), "it says so")
        check_problem(place.call("/api/a"), Code.AUDIT_UNAVAILABLE, "api")
        check_problem(place.call("/-/ready"), Code.AUDIT_UNAVAILABLE)
        with gateway.expect("records are kept again"):
            limit_files(place.worker, resource.RLIM_INFINITY)
        assert place.call("/api/b").body == b"fine"
        lines = gateway.access_lines(2)
        wait_until(lambda: place.records() == lines, "the records are those of the lines, in their order")


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_worker_that_is_killed(authority: Authority, durability: str) -> None:
    """Whoever has an answer has a record; a call that the end of the process cut off is recorded as interrupted."""
    with running(authority, audit={"durability": durability}) as place, RawCaller(place.gateway.port) as caller:
        gateway = place.gateway
        caller.request("GET", "/api/silent", f"Exeat-Key: {place.key.key}")
        wait_until(lambda: bool(place.origin.requests), "it is under way")
        answers = [place.call(f"/api/{number}").field("exeat-request-id") for number in range(5)]
        with gateway.expect("exchanges were interrupted by the end of the process"), gateway.expect("worker is ready"):
            gateway.kill_worker(place.worker)
        records = place.records()
        assert [record["id"] for record in records if record["outcome"] == "completed"] == answers
        [interrupted] = [record for record in records if record["outcome"] == "interrupted"]
        assert (interrupted["path"], interrupted["consumer"], interrupted["upstream"]) == ("/silent", "web", "api")
        assert (interrupted["status"], interrupted["attempts"]) == (0, [])
        assert set(interrupted) == set(records[0])
        with gateway.expect("worker is ready"):
            gateway.kill_worker(place.worker)
        assert place.call("/api/again").body == b"fine"
        assert len(gateway.events("exchanges were interrupted by the end of the process")) == 1


def test_everything_that_ends_has_a_record(authority: Authority) -> None:
    """A drained gateway leaves a record of each exchange, also of one that the drain cut off."""
    with running(authority) as place, RawCaller(place.gateway.port) as caller:
        caller.request("GET", "/api/silent", f"Exeat-Key: {place.key.key}")
        wait_until(lambda: bool(place.origin.requests), "it is under way")
        assert [place.call(path).status for path in ("/api/a", "/nothing/", "/-/whoami")] == [200, 404, 200]
        place.gateway.signal(signal.SIGTERM)
        place.gateway.wait()
        assert [record["error"] for record in place.records()] == [None, "upstream-unknown", None, "draining"]
        assert place.records() == place.gateway.access_lines(4)
