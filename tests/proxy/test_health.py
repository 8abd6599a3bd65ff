"""Active checks: what they send, what they make of the answer, and that they begin and end with the configuration."""

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest

from exeat.model.circuit import HealthCheck
from exeat.model.credential import Bearer
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach, Upstream
from exeat.proxy.balancing import Balancing
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.health import HealthChecks
from exeat.proxy.names import Answer, Names
from exeat.telemetry.logs import Log
from tests.support.playbook import ADDRESS
from tests.support.transports import MemoryLoop, MemoryTransport
from tests.support.values import snapshot, upstream

RULES = HealthCheck(b"/healthz?deep=1", every_s=10.0, timeout_s=2.0, healthy=2, unhealthy=3)
OK = b"HTTP/1.1 204 No Content\r\n\r\n"
ID = "api http://api.test"


class Watch:
    """Checks on a loop of its own time, of which every connection is seen."""

    def __init__(self, loop: MemoryLoop) -> None:
        self.loop = loop
        self.told: list[tuple[str, str, str]] = []
        self.address = ADDRESS
        self._log = io.StringIO()
        self.checks: HealthChecks = loop.run_until_complete(self._begin())

    async def _begin(self) -> HealthChecks:
        loop = self.loop
        self.dialler = Dialler(Names(self._look_up, loop.time), [("127.0.0.1", 8080)], Trust())
        self.balancing = Balancing(loop.time, self._tell)
        return HealthChecks(self.dialler, self.balancing, Log("test", out=self._log), lambda: 0.5)

    async def _look_up(self, host: str) -> Answer:
        del host
        return Answer((self.address,), 1.0)

    def _tell(self, endpoint_id: str, state: str, reason: str, rest_s: float) -> None:
        del rest_s
        self.told.append((endpoint_id, state, reason))

    @property
    def log(self) -> str:
        """What was logged."""
        return self._log.getvalue()

    def follow(self, configuration: Snapshot) -> None:
        """Another configuration."""

        async def follow() -> None:
            self.balancing.follow(configuration)
            self.checks.follow(configuration)

        self.loop.run_until_complete(follow())

    @property
    def connections(self) -> list[MemoryTransport]:
        """Those that were made, in their order."""
        return self.loop.network.connections

    def check(self, answer: bytes | None, after: float = 10.0) -> MemoryTransport:
        """Let time pass until the next check, and answer it; None is a reset."""
        before = len(self.connections)
        self.loop.settle(after)
        assert len(self.connections) == before + 1
        transport = self.connections[-1]
        if answer is None:
            self.loop.do(transport.lose, ConnectionResetError(104, "Connection reset by peer"))
        elif answer:
            self.loop.do(transport.deliver, answer)
        return transport


@contextmanager
def watching(rules: HealthCheck = RULES) -> Iterator[Watch]:
    """Checks of one upstream for the length of a block; every connection has to be closed at its end."""
    loop = MemoryLoop()
    watch = Watch(loop)
    try:
        watch.follow(checked(rules))
        yield watch
        loop.run_until_complete(ended(watch.checks))
        assert all(transport.is_closing() for transport in watch.connections)
    finally:
        loop.run_until_complete(ended(watch.checks))
        loop.close()


async def ended(checks: HealthChecks) -> None:
    """End all checks, and let their tasks see it."""
    checks.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def checked(rules: HealthCheck | None, *urls: str, reach: Reach | None = None) -> Snapshot:
    """One upstream with checks."""
    return snapshot(
        with_checks(upstream("api", *(urls or ("http://api.test",)), kind=Bearer(Secret("s3cr3t"))), rules, reach)
    )


def with_checks(made: Upstream, rules: HealthCheck | None, reach: Reach | None) -> Upstream:
    """An upstream with checks, in other networks if need be."""
    if reach is not None:
        endpoints = tuple(replace(one, route=replace(one.route, reach=reach)) for one in made.endpoints)
        made = replace(made, endpoints=endpoints)
    return replace(made, health=rules)


def test_what_is_sent() -> None:
    """A check is a GET without any credential, first at some moment within its time, then after each."""
    with watching() as watch:
        watch.loop.settle(4.9)
        assert watch.connections == []
        first = watch.check(OK, 0.2)
        assert first.sent == (
            b"GET /healthz?deep=1 HTTP/1.1\r\nHost: api.test\r\nUser-Agent: exeat health check\r\n"
            b"Accept: */*\r\nConnection: close\r\n\r\n"
        )
        assert first.end
        watch.check(OK)
        assert watch.told == []
        assert watch.log == ""


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "status 500"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"what?\r\n\r\n", "upstream-malformed"),
        (b"", "no answer within 2 s"),
        (b"HTTP/1.1 200", "no answer within 2 s"),
        (None, "upstream-closed"),
    ],
)
def test_bad_checks(answer: bytes | None, reason: str) -> None:
    """Three bad checks in a row give the endpoint a rest; two good ones end it."""
    with watching() as watch:
        watch.check(answer, 5.1)
        watch.check(OK)
        for _ in range(2):
            watch.check(answer)
        watch.loop.settle(3.0)
        assert watch.told == []
        watch.check(answer, 7.0)
        watch.loop.settle(3.0)
        assert watch.told == [(ID, "open", f"health check: {reason}")]
        watch.check(OK, 7.0)
        assert [change for _, change, _ in watch.told] == ["open"]
        watch.check(OK)
        assert [change for _, change, _ in watch.told] == ["open", "recovering"]
        assert "endpoint isn't well" in watch.log
        assert "endpoint is well again" in watch.log


def test_it_goes_on_to_rest() -> None:
    """While checks fail, the rest is prolonged, each time; the log says it once."""
    with watching() as watch:
        watch.check(b"HTTP/1.1 500 No\r\n\r\n", 5.1)
        for _ in range(7):
            watch.check(b"HTTP/1.1 500 No\r\n\r\n")
        assert [change for _, change, _ in watch.told] == ["open", *["resting"] * 5]
        assert watch.log.count("endpoint isn't well") == 1
        assert watch.balancing.report()[0]["rests_s"] == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_the_head_is_enough(answer: bytes) -> None:
    """Of an answer only the head counts; the connection is closed after it, however long the body is."""
    with watching(replace(RULES, unhealthy=1, statuses=((201, 299),))) as watch:
        assert watch.check(answer, 5.1).end
        assert [change for _, change, _ in watch.told] == ["open"]


def test_what_may_not_be_reached() -> None:
    """An address that calls may not reach isn't checked either, and that says nothing of the endpoint."""
    with watching(replace(RULES, unhealthy=1)) as watch:
        watch.address = "10.0.0.7"
        watch.loop.settle(30.0)
        assert watch.connections == []
        assert watch.told == []
        watch.follow(checked(replace(RULES, unhealthy=1), reach=Reach((ip_network("10.0.0.0/8"),))))
        watch.check(OK, 5.1)


def test_the_configuration_changes() -> None:
    """Checks that are the same go on; others begin anew; what isn't checked any more doesn't rest for it."""
    with watching() as watch:
        watch.loop.settle(4.0)
        watch.follow(checked(RULES, "http://api.test", "http://b.test"))
        watch.check(OK, 1.1)  # the first, in its time
        watch.check(OK, 4.0)  # the second
        watch.follow(checked(replace(RULES, unhealthy=1, path=b"/other")))
        assert watch.check(b"HTTP/1.1 500 No\r\n\r\n", 5.1).sent.startswith(b"GET /other ")
        assert [change for _, change, _ in watch.told] == ["open"]
        watch.follow(checked(None))
        assert [change for _, change, _ in watch.told] == ["open", "recovering"]
        made = len(watch.connections)
        watch.loop.settle(60.0)
        assert len(watch.connections) == made


def test_a_check_that_is_under_way_ends() -> None:
    """A check that is no longer wanted is given up at once."""
    with watching() as watch:
        transport = watch.check(b"", 5.1)
        assert not transport.end
        watch.follow(checked(None))
        watch.loop.settle(0.1)
        assert transport.end


def test_nothing_is_left() -> None:
    """After thousands of checks there are no more tasks than endpoints."""
    with watching(replace(RULES, every_s=0.1, timeout_s=0.05)) as watch:
        watch.loop.settle(0.06)
        for number in range(300):
            watch.check(OK if number % 3 else None, 0.1)
        assert len(asyncio.all_tasks(watch.loop)) == 1
