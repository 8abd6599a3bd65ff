"""Upstreams that fail and come back, in front of real workers: who gets the calls, and what callers see of it."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from exeat.errors import Code
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.origins import Behaviour, Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import RawCaller

PRIVATE = {"network": {"private": ["127.0.0.0/8"]}, "plaintext": True}
CIRCUIT = {"failures": 3, "rest": "1s", "rest_limit": "2s", "ramp": "500ms"}
CHECK = "/healthz"


def well(peer: Peer, request: Request) -> None:
    """Answer."""
    peer.read_body(request)
    peer.answer(b"fine")


def ill(peer: Peer, request: Request) -> None:
    """Fail: checks as well as calls."""
    peer.read_body(request)
    peer.answer(b"no", status="503 Service Unavailable")


def gone(peer: Peer, request: Request) -> None:
    """Die."""
    del request
    peer.reset()


class Site(NamedTuple):
    """A gateway in front of two servers, a and b, of one upstream."""

    gateway: Gateway
    a: Origin
    b: Origin
    key: MadeKey

    def call(self, method: str = "GET") -> int:
        """One call on a connection of its own; its status."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, "/api/x", f"Exeat-Key: {self.key.key}").status

    def calls(self, count: int) -> Counter[int]:
        """So many calls; how often each status came."""
        return Counter(self.call() for _ in range(count))

    def shares(self, count: int) -> tuple[int, int, int]:
        """So many calls; how many a and b got, and how many failed."""
        before = received(self.a), received(self.b)
        statuses = self.calls(count)
        return received(self.a) - before[0], received(self.b) - before[1], count - statuses[200]


def received(origin: Origin) -> int:
    """How many calls an upstream got."""
    return sum(request.target != CHECK for request in origin.requests)


def checks(origin: Origin) -> int:
    """How many checks an upstream got."""
    return sum(request.target == CHECK for request in origin.requests)


@contextmanager
def site(workers: int = 1, *, one: bool = False, **more: object) -> Iterator[Site]:
    """A site for the length of a block; with only one endpoint if need be."""
    key = make_key()
    with Origin(well) as a, Origin(well) as b, ExitStack() as stack:
        endpoints = [a.url] if one else [a.url, b.url]
        upstream = {"endpoints": endpoints, "circuit": CIRCUIT, **PRIVATE, **more}
        document = {
            "upstreams": {"api": upstream},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        gateway = stack.enter_context(Gateway(document, workers=workers))
        yield Site(gateway, a, b, key)


@pytest.mark.slow
@pytest.mark.parametrize("failing", [ill, gone])
def test_one_of_two_fails_and_comes_back(failing: Behaviour) -> None:
    """While one of two servers fails no caller notices, and soon it gets nothing; well again, it gets its share."""
    with site() as here:
        assert here.shares(20) == (10, 10, 0)
        with here.a.doing(failing):
            assert here.calls(40) == {200: 40}
            to_a, to_b = received(here.a), received(here.b)
            assert here.calls(20) == {200: 20}
            assert received(here.a) - to_a <= 1  # a probe
            assert received(here.b) - to_b >= 20
        wait_until(lambda: here.shares(1) == (1, 0, 0), "the one that had failed gets a call")
        wait_until(lambda: here.shares(20)[0] == 10, "it gets its share")


@pytest.mark.slow
def test_the_only_one_fails_and_comes_back() -> None:
    """Where nobody is left, callers are told when to come back; then one call tries, and all is well."""
    with site(one=True, retries="off") as here:
        with here.a.doing(ill):
            assert here.calls(3) == {503: 3}
            before = received(here.a)
            with RawCaller(here.gateway.port) as caller:
                answer = caller.call("GET", "/api/x", f"Exeat-Key: {here.key.key}")
            problem = check_problem(answer, Code.CIRCUIT_OPEN, "api")
            assert problem["retry_after"] == 1
            assert problem["attempts"] == 0
            assert received(here.a) == before
            line = here.gateway.access_line(str(problem["request_id"]))
            assert (line["status"], line["error"], line["attempts"]) == (503, "circuit-open", [])
        wait_until(lambda: here.call() == 200, "a call passes")
        assert here.calls(10) == {200: 10}


@pytest.mark.slow
def test_one_probe_at_a_time() -> None:
    """However many call at the end of a rest, one of them tries, and the others are told to come back."""
    release = threading.Event()

    def slow(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        assert release.wait(20)
        peer.answer(b"fine")

    with site(one=True, retries="off", circuit={**CIRCUIT, "rest": "1s"}) as here:
        with here.a.doing(ill):
            here.calls(3)
        with here.a.doing(slow):
            before, statuses = received(here.a), list[int]()

            def call_until_one_passes() -> None:
                while received(here.a) == before:
                    statuses.append(here.call())

            probe = threading.Thread(target=call_until_one_passes)
            probe.start()
            wait_until(lambda: received(here.a) == before + 1, "one call tries")
            assert here.calls(20) == {503: 20}
            assert received(here.a) == before + 1
            release.set()
            probe.join()
        assert statuses[-1] == 200
        assert set(statuses[:-1]) <= {503}
        assert here.calls(5) == {200: 5}


@pytest.mark.slow
def test_a_reload_changes_weights_at_once_and_forgets_nothing() -> None:
    """A new configuration: other weights from the next call on, and who rests goes on to rest."""
    with site(circuit={**CIRCUIT, "rest": "30s", "rest_limit": "30s"}) as here:
        document = {
            "upstreams": {
                "api": {
                    "endpoints": [{"url": here.a.url, "weight": 3}, here.b.url],
                    "circuit": {**CIRCUIT, "rest": "30s", "rest_limit": "30s"},
                    **PRIVATE,
                }
            },
            "consumers": {"web": {"keys": [{"sha256": here.key.sha256}], "grants": ["*"]}},
        }
        here.gateway.reload(document)
        assert here.shares(20) == (15, 5, 0)
        with here.b.doing(gone):
            assert here.calls(30) == {200: 30}
        here.gateway.reload({**document, "domains": ["gateway.test"]})
        assert here.shares(10) == (10, 0, 0)


@pytest.mark.slow
def test_checks_of_one_worker_for_all() -> None:
    """One of the workers checks; what it finds counts for all; its successor goes on; no check is an exchange."""
    health = {"path": CHECK, "every": "400ms", "timeout": "390ms", "healthy": 2, "unhealthy": 2}
    with site(3, circuit="off", health=health, credential={"kind": "bearer", "secret": "s3cr3t"}) as here:
        wait_until(lambda: checks(here.a) >= 3, "it is checked")
        begun, more = checks(here.a), checks(here.b)
        wait_until(lambda: checks(here.a) >= begun + 6, "it is checked six times")
        assert 4 <= checks(here.b) - more <= 8  # as often, and not by each worker
        with here.a.doing(ill):
            wait_until(lambda: bool(here.gateway.events("endpoint isn't well")), "the checks find it")
            wait_until(lambda: here.shares(12) == (0, 12, 0), "no worker sends calls to it")
            seen = checks(here.a)
            for pid in here.gateway.worker_pids():
                here.gateway.kill_worker(pid)
            wait_until(lambda: len(here.gateway.events("endpoint isn't well")) == 2, "the successor finds it, too")
            assert checks(here.a) > seen
            wait_until(lambda: here.shares(12) == (0, 12, 0), "no worker sends calls to it")
        wait_until(lambda: bool(here.gateway.events("endpoint is well again")), "the checks find it well")
        wait_until(lambda: here.shares(12)[0] >= 4, "it gets calls again")
        assert not any(CHECK in str(line["path"]) for line in here.gateway.access_lines())
        shown = {request.target: b"s3cr3t" in request.raw for request in here.a.requests}
        assert shown == {"/x": True, CHECK: False}
    assert all(
        "authorization" not in request.raw.lower().decode() for request in here.a.requests if request.target == CHECK
    )
