"""The machine in trouble: no room on its disk, no more files, a process that is killed; and all heals by itself."""

import os
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import h11
import pytest

from exeat.store.address import default_url
from exeat.store.database import open_database
from tests.faults.callers import Callers
from tests.faults.noting import Noting
from tests.faults.places import MANY, fill, many_more, noted, small_disk
from tests.faults.table import MACHINE
from tests.faults.trail import check_trail
from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller
from tests.support.recorded import cut_in

DISK_MIB = 256
PADDING = "x" * 7000  # of a path: a record grows by it, and what was reserved is full sooner
HEALED_S = 20.0
SPARE_FILES = 7  # an odd number: one caller more than connections to the upstream
CROWD = 24

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
TROUBLES = {trouble.name: trouble for trouble in MACHINE}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_disk_full(tmp_path: Path) -> None:
    """On a full disk new calls are refused, those under way are recorded; with room again, all goes on by itself."""
    key, noting = make_key(), Noting()
    data = tmp_path / "exeat-data"
    (code,) = TROUBLES["disk-full"].meets.values()
    with noting.origin, small_disk(data, DISK_MIB), Gateway(noted(noting, key), folder=tmp_path) as gateway:
        with Callers(8, lambda: gateway.port, key.key, PADDING) as callers:
            many_more(callers)

            def refused() -> int:
                return sum(answer.error == code for answer in list(callers.answered))

            with gateway.expect("records can't be kept"):
                fill(data / "ballast")
            wait_until(lambda: refused() >= MANY, "calls are refused", HEALED_S)
            with gateway.expect("records are kept again"):
                (data / "ballast").unlink()
            before = refused()
            many_more(callers)
            assert refused() <= before + 8, "calls are still refused"
        assert callers.broken == 0
        engine = open_database(default_url(data))
        check_trail(engine, noting.seen, callers.answered)
        engine.dispose()


class Place(NamedTuple):
    """A gateway whose upstream `held` answers when it is let, and `fine` at once; `counted` has a quota."""

    gateway: Gateway
    held: Origin
    release: threading.Event
    line: str

    def call(self, upstream: str) -> Answer:
        """One call on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call("GET", f"/{upstream}/", self.line)

    def met(self, upstream: str) -> str:
        """What one call meets: a code, `200`, or `closed` where nobody even took it."""
        try:
            answer = self.call(upstream)
        except (OSError, h11.RemoteProtocolError, AssertionError):
            return "closed"
        return answer.field("exeat-error") or str(answer.status or "closed")


@contextmanager
def running(workers: int = 1) -> Iterator[Place]:
    """A gateway in front of upstreams."""
    key, release = make_key(), threading.Event()

    def hold(peer: Peer, request: Request) -> None:
        del request
        assert release.wait(30)
        peer.answer(b"at last")

    with ExitStack() as stack:
        held, fine = stack.enter_context(Origin(hold)), stack.enter_context(Origin())
        stack.callback(release.set)
        document = {
            "upstreams": {
                "held": held.entry(retries="off", circuit="off"),
                "fine": fine.entry(),
                "counted": fine.entry(limits=[{"quota": "1_000_000/year"}]),
            },
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        gateway = stack.enter_context(Gateway(document, workers=workers))
        yield Place(gateway, held, release, f"Exeat-Key: {key.key}")


def files_of(pid: int) -> int:
    """How many files a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def busy_s(pid: int) -> float:
    """How long a process has kept a processor busy (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_files() -> None:
    """A worker that may open no more files says so or takes no more calls, and doesn't spin; then all calls pass."""
    codes = {str(code) for code in TROUBLES["no-files"].meets.values()}
    with running() as place, RawCaller(place.gateway.port) as early:
        assert early.call("GET", "/fine/", place.line).status == 200
        (pid,) = place.gateway.worker_pids()
        files, limits = files_of(pid), resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files + SPARE_FILES, limits[1]))
        with ThreadPoolExecutor(CROWD) as pool:
            crowd = [pool.submit(place.met, "held") for _ in range(CROWD)]
            wait_until(lambda: sum(one.done() for one in crowd) >= CROWD - SPARE_FILES, "most have been told")
            before = busy_s(pid)
            assert early.call("GET", "/fine/", place.line).status == 200
            place.release.set()
            met = {one.result() for one in crowd}
        assert met <= codes | {"200", "closed"}
        assert met & codes
        assert busy_s(pid) - before < 1.0
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert {place.met("held") for _ in range(CROWD)} == {"200"}
        assert [event for event in place.gateway.events() if event["level"] == "error"] == []
        assert early.call("GET", "/fine/", place.line).status == 200


def test_worker_killed() -> None:
    """What a killed worker served breaks off and is recorded; the other workers go on, and there is soon a new one."""
    with running(workers=2) as place, RawCaller(place.gateway.port) as caller:
        caller.request("GET", "/held/", place.line)
        wait_until(lambda: len(place.held.requests) == 1, "it is under way")
        before = place.gateway.worker_pids()
        with place.gateway.expect("worker is ready"):
            for pid in before:
                place.gateway.kill_worker(pid)
        assert caller.is_ended()
        wait_until(lambda: len(place.gateway.worker_pids()) == 2, "there are two workers again")
        wait_until(lambda: len(cut_in(place.gateway.folder)) == 1, "it is recorded as interrupted")
        assert {place.met("fine") for _ in range(20)} == {"200"}


@pytest.mark.parametrize("name", ["control-killed", "counters-killed"])
def test_another_process_killed(name: str) -> None:
    """Calls go on while a process beside the workers is killed, again and again, and is there again by itself."""
    refusals = {str(code) for code in TROUBLES[name].meets.values()}
    with running() as place:
        pids = {"control-killed": place.gateway.control_pids, "counters-killed": place.gateway.counters_pids}[name]
        wait_until(lambda: place.met("counted") == "200" and bool(pids()), "it runs")
        for _ in range(2):
            (pid,) = pids()
            os.kill(pid, signal.SIGKILL)
            assert {place.met("fine") for _ in range(10)} == {"200"}
            assert {place.met("counted") for _ in range(10)} <= {"200"} | refusals
            wait_until(lambda: bool(pids()) and pid not in pids(), "it runs again")  # noqa: B023 - before the next
        wait_until(lambda: place.met("counted") == "200", "all calls pass again")


def test_every_trouble_is_provoked() -> None:
    """Every row has its test, here or where it says."""
    root = Path(__file__).resolve().parents[2]
    apart = {trouble.name for trouble in MACHINE if (root / trouble.tested).is_file() and trouble.tested}
    assert apart | {"disk-full", "no-files", "worker-killed", "control-killed", "counters-killed"} == set(TROUBLES)
