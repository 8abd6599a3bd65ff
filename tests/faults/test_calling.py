"""Callers that go, reset, or stop reading, at every stage of a call: each fault of the table."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.checks import check_left
from tests.faults.family import Family
from tests.faults.stand import CALM, Act, Seen, Way, ask, observe
from tests.faults.table import CALLING
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, wait_until
from tests.support.origins import Behaviour, Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller

LIMIT_S = 20.0
LARGE = 100_000_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Stage:
    """An upstream that calls have to arrive at, and that has to be given up again by each of them."""

    def __init__(self, begin: bytes = b"", more: int = 0) -> None:
        self._begin = begin
        self._more = more
        self._arrived: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(0))
        self._released: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(0))

    def __call__(self, peer: Peer, request: Request) -> None:
        """Begin an answer, and see that the gateway ends the connection, or stops taking what is sent."""
        name = name_of(request.target)
        peer.send(self._begin)
        self._arrived[name].release()
        try:
            peer.send(bytes(self._more))
            assert peer.has_ended(LIMIT_S)
        finally:
            self._released[name].release()

    def wait_for_arrival(self, target: str) -> None:
        """Wait until a call is there."""
        assert self._arrived[name_of(target)].acquire(timeout=LIMIT_S)

    def wait_for_release(self, target: str) -> None:
        """Wait until the gateway has given a call up."""
        assert self._released[name_of(target)].acquire(timeout=LIMIT_S)


def name_of(target: str) -> str:
    """What is the same of a target at the gateway and at the upstream: what follows the last slash."""
    return target.rpartition("/")[2]


def echoes(peer: Peer, request: Request) -> None:
    """An upstream as they should be."""
    peer.answer(request.raw)


def leaves(stage: Stage, *, how: str = "close", after: bytes = b"", body: bytes | None = None) -> Act:
    """Call, and go when the call is there, or when so much of its answer is."""

    def act(caller: RawCaller, target: str, line: str) -> None:
        if body is None:
            caller.request("GET", target, line)
        else:
            caller.request("POST", target, line, f"Content-Length: {2 * len(body)}")
            caller.send(body)
        stage.wait_for_arrival(target)
        if after:
            caller.read_until(after)
        getattr(caller, how)()
        stage.wait_for_release(target)

    return act


def half_closes(caller: RawCaller, target: str, line: str) -> Answer:
    """Send nothing more after the request."""
    caller.request("GET", target, line)
    caller.half_close()
    return caller.read()


def stops_reading(stage: Stage) -> Act:
    """Read nothing until the gateway has given the upstream up."""

    def act(caller: RawCaller, target: str, line: str) -> Answer:
        caller.request("GET", target, line)
        stage.wait_for_release(target)
        return caller.read()

    return act


def ways_of(authority: Authority, origins: ExitStack) -> dict[str, Way]:
    """How each fault is brought about."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE
    context = authority.server_context()
    stages = {
        "goes-before-answer": Stage(),
        "resets-before-answer": Stage(),
        "goes-in-body": Stage(head + b"half."),
        "goes-in-upload": Stage(),
        "stops-reading": Stage(head, LARGE),
    }
    acts = {
        "goes-before-answer": leaves(stages["goes-before-answer"]),
        "resets-before-answer": leaves(stages["resets-before-answer"], how="reset"),
        "goes-in-body": leaves(stages["goes-in-body"], after=b"half."),
        "goes-in-upload": leaves(stages["goes-in-upload"], body=b"half."),
        "stops-reading": stops_reading(stages["stops-reading"]),
        "half-closes": half_closes,
        CALM: ask,
    }
    behaviours: dict[str, Behaviour] = {**stages, CALM: echoes, "half-closes": echoes}
    upstreams = {name: origins.enter_context(Origin(one, context)) for name, one in behaviours.items()}
    return {name: Way(upstreams[name].entry(authority.file), act) for name, act in acts.items()}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All of it, once."""
    folder = Path(tmp_path_factory.mktemp("calling"))
    with ExitStack() as origins:
        yield observe(CALLING, ways_of(Authority(folder), origins), origins, folder)


@pytest.mark.parametrize("fault", CALLING, ids=lambda fault: fault.name)
class TestCalling(Family):
    """Each row of the table."""


def test_nothing_is_left(seen: Seen) -> None:
    """When all is over, nothing of it is left."""
    check_left(seen.left)


def test_goes_before_its_head_is_whole() -> None:
    """A caller that goes before its request has a head leaves nothing: no record, no connection, no error."""
    with Gateway("upstreams: {}\n") as gateway:
        (pid,) = gateway.worker_pids()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        for way in ("close", "reset", "half_close"):
            caller = RawCaller(gateway.port)
            caller.send(b"GET /api/ HTTP/1.1\r\nHost: gate")
            getattr(caller, way)()
            if way == "half_close":
                assert caller.is_ended()
                caller.close()
        wait_until(lambda: len(list(Path(f"/proc/{pid}/fd").iterdir())) <= files, "every connection is closed")
        gateway.stop()
        assert [event for event in gateway.events() if event["level"] == "error"] == []
        assert [line["error"] for line in gateway.access_lines() if line["error"] != "malformed-request"] == []
