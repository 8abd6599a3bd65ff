"""Limits of several gateways that count in one Redis: exact together, whatever happens to any of them or to Redis."""

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

import h11
import pytest

from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller
from tests.support.redis import PASSWORD, RedisServer, cluster_url, redis_cluster, redis_server

ENVIRONMENT = os.environ  # noqa: TID251 - a switch of the test run
RUNS_LIMIT = int(ENVIRONMENT.get("EXEAT_LIMIT_RUNS", "1"))
RUNS = [range(RUNS_LIMIT)[first : first + 5] for first in range(0, RUNS_LIMIT, 5)]  # on the same gateways
INSTANCES = 4
CALLERS = 64
CALLS = 6
N = 500
NUMBERS = itertools.count()
QUOTA: Mapping[str, object] = {"quota": f"{N}/year"}
# What all run out of, and how that is said.
EXACT: dict[str, tuple[Mapping[str, object], int]] = {
    "quota": (QUOTA, 429),
    "rate": ({"rate": f"{N}/24h"}, 429),
    "budget": ({"budget": "5 EUR/year", "price": "0.01 EUR"}, 402),
}
GONE = "Redis can't be reached: rates and concurrency are counted by each worker alone, quotas and budgets refuse"
BACK = "Redis is reached again"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One server for the tests that leave it as it is."""
    MARKERS.add("the password of Redis", PASSWORD)
    with redis_server() as server:
        yield server


class Place:
    """A consumer of gateways in front of an upstream that notes what reaches it."""

    def __init__(self, gateways: list[Gateway], name: str, key: str) -> None:
        self.gateways = gateways
        self.answers: Counter[int] = Counter()
        self.received: list[str] = []  # of its own target
        self._target = f"/api/{name}"
        self._key = key
        self._lock = threading.Lock()

    def status(self, number: int = 0, target: str = "") -> int:
        """The status of one call of one gateway."""
        with RawCaller(self.gateways[number].port) as caller:
            return caller.call("GET", target or self._target, f"Exeat-Key: {self._key}").status

    def crowd(self, callers: int = CALLERS, calls: int = CALLS, *, during: Callable[[], None] | None = None) -> None:
        """Have so many call each gateway at once; `during` happens in the middle of it."""
        threads = [
            threading.Thread(target=self._crowd_one, args=(gateway, calls))
            for gateway in self.gateways
            for _ in range(callers)
        ]
        for thread in threads:
            thread.start()
        if during is not None:
            during()
        for thread in threads:
            thread.join()

    def _crowd_one(self, gateway: Gateway, calls: int) -> None:
        left = calls
        while left > 0:
            left -= 1  # for the connection: nobody may be there any more
            with suppress(OSError, h11.RemoteProtocolError, AssertionError), RawCaller(gateway.port) as caller:
                left += 1
                while left > 0:
                    left -= 1
                    status = caller.call("GET", self._target, f"Exeat-Key: {self._key}").status
                    with self._lock:
                        self.answers[status] += 1

    def exhaust(self) -> None:
        """Call until every gateway says that nothing is left."""
        before = -1
        while self.answers[200] != before:
            before = self.answers[200]
            self.crowd(4, 3)

    def middle(self, part: int) -> None:
        """Wait until so many requests have reached the upstream."""
        wait_until(lambda: len(self.received) >= part, f"{part} requests")


@contextmanager
def instances(
    url: str,
    *limits: Mapping[str, object],
    count: int = INSTANCES,
    workers: int = 1,
    behave: Callable[[], None] = lambda: None,
) -> Iterator[Place]:
    """So many gateways, and a consumer who has these limits; its name is new: so is what Redis counts for it."""
    name = f"web-{next(NUMBERS)}"
    with consumers_of(url, {name: limits}, count=count, workers=workers, behave=behave) as places:
        yield places[name]


@contextmanager
def consumers_of(
    url: str,
    limits: Mapping[str, Sequence[Mapping[str, object]]],
    *,
    count: int = INSTANCES,
    workers: int = 1,
    behave: Callable[[], None] = lambda: None,
) -> Iterator[dict[str, Place]]:
    """So many gateways, and for each name a consumer who has these limits."""
    keys = {name: make_key() for name in limits}
    gateways: list[Gateway] = []
    places = {name: Place(gateways, name, key.key) for name, key in keys.items()}

    def answer(peer: Peer, request: Request) -> None:
        place = places.get(request.target[1:])
        if place is not None:
            place.received.append(request.target)
        behave()
        if request.target == "/busy":
            peer.answer(b"no", "Retry-After: 60", status="429 Too Many Requests")
        else:
            peer.answer(b"fine")

    with ExitStack() as stack:
        origin = stack.enter_context(Origin(answer))
        document = {
            "upstreams": {"api": origin.entry()},
            "consumers": {
                name: {"keys": [{"sha256": keys[name].sha256}], "grants": ["api"], "limits": list(own)}
                for name, own in limits.items()
            },
        }
        settings = {"EXEAT_REDIS_URL": url}
        gateways += [stack.enter_context(Gateway(document, settings, workers=workers)) for _ in range(count)]
        yield places


@pytest.fixture(scope="module")
def exact(redis: RedisServer, request: pytest.FixtureRequest) -> Iterator[dict[str, Place]]:
    """Gateways for some runs of what is exact: a consumer for each."""
    limits = {f"{name}-{run}": [EXACT[name][0]] for name in EXACT for run in RUNS[request.param]}
    with consumers_of(redis.url, limits) as places:
        yield places


# Exact


@pytest.mark.parametrize(
    ("exact", "run"), [(number, run) for number, runs in enumerate(RUNS) for run in runs], indirect=["exact"]
)
@pytest.mark.parametrize("name", EXACT)
def test_exactly_as_many_pass(exact: dict[str, Place], name: str, run: int) -> None:
    """Of many at once on all gateways, exactly as many pass as the limit lets."""
    place = exact[f"{name}-{run}"]
    place.crowd()
    assert place.answers == {200: N, EXACT[name][1]: INSTANCES * CALLERS * CALLS - N}
    assert len(place.received) == N


def test_as_many_run_at_once(redis: RedisServer) -> None:
    """At no time run more on all gateways together than may; all callers in line have their turn."""
    running, most, lock = 0, 0, threading.Lock()

    def behave() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1

    limit = {"concurrency": 7, "wait": "20s", "queue": 1000}
    with instances(redis.url, limit, count=3, behave=behave) as place:
        place.crowd(16, 5)
        assert place.answers == {200: 240}
    assert most == 7


def test_cluster() -> None:
    """The same in a cluster."""
    with redis_cluster() as servers, instances(cluster_url(servers), QUOTA, count=2) as place:
        place.crowd(CALLERS, CALLS)
        assert place.answers == {200: N, 429: 2 * CALLERS * CALLS - N}


def test_few_questions(redis: RedisServer) -> None:
    """Under load, one call of Redis serves at least fifty requests."""
    with instances(redis.url, {"quota": "1_000_000/year"}, {"rate": "1_000_000/minute"}, count=2) as place:
        place.crowd(4, 20)
        before = redis.calls("evalsha")
        place.crowd(32, 100)
        assert place.answers == {200: 6400 + 160}
        assert (redis.calls("evalsha") - before) * 50 <= 6400


# Deaths


def test_killed_instance(redis: RedisServer) -> None:
    """An instance that dies takes with it what it held, and not more."""
    with instances(redis.url, QUOTA, count=3) as place:
        victim = place.gateways.pop()

        def during() -> None:
            place.middle(100)
            pids = [*victim.worker_pids(), *victim.counters_pids(), *victim.control_pids()]
            victim.kill()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

        place.gateways.append(victim)
        place.crowd(CALLERS // 2, 20, during=during)
        place.gateways.remove(victim)
        place.exhaust()
        wait_until(lambda: {place.status(0), place.status(1)} == {429}, "the quota is used up")
        assert N * 3 // 4 <= len(place.received) <= N


def test_redis_is_gone_and_comes_back() -> None:
    """Without Redis a rate goes on and a quota refuses, which is said once; with it, everything goes on by itself."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        limits: list[dict[str, object]] = [{"rate": "100_000/second", "per": "key"}, {"concurrency": 100}]
        with (
            instances(server.url, *limits, {"quota": "100/year"}, count=2) as strict,
            instances(server.url, *limits, {"quota": "100/year", "unless_known": "continue"}, count=1) as lenient,
        ):
            assert [strict.status(0), strict.status(1), lenient.status()] == [200, 200, 200]
            server.stop(signal.SIGKILL)
            wait_until(lambda: strict.status(0) == 503, "it refuses what it can't count")
            wait_until(lambda: lenient.status() == 200, "it goes on")
            assert {strict.status(1) for _ in range(5)} == {503}
            assert {lenient.status() for _ in range(20)} == {200}
            server.start()
            wait_until(lambda: {strict.status(0) for _ in range(5)} == {200}, "it counts again")
            strict.exhaust()
            assert len(strict.received) <= 100
            for gateway in (strict.gateways[0], lenient.gateways[0]):
                wait_until(lambda gateway=gateway: bool(gateway.events(BACK)), "it is said")  # type: ignore[misc]
                assert len(gateway.events(GONE)) == 1


def test_share_of_each_while_redis_is_away() -> None:
    """Without Redis, each worker of each instance goes on with its part of a rate."""
    with redis_server() as server, instances(server.url, {"rate": "80/24h"}, count=2, workers=2) as place:
        assert place.status() == 200
        wait_until(lambda: int(server.run("PUBSUB", "NUMPAT")) == 0 and server.calls("evalsha") > 4, "they have met")
        threading.Event().wait(3)  # until both have been heard of, and know it
        assert place.status() == 200
        server.stop()
        place.crowd(32, 6)
        assert place.answers[200] == 80
        assert place.answers[429] == 2 * 32 * 6 - 80


# Settings


def test_without_redis_at_the_start() -> None:
    """A gateway starts without its Redis, and the password is nowhere."""
    with redis_server() as server:
        server.stop()
        with instances(server.url, QUOTA, count=1) as place:
            assert place.status() == 503
            assert len(place.gateways[0].events(GONE)) == 1
            server.start()
            wait_until(lambda: place.status() == 200, "it counts")


# What upstreams say


def test_what_an_upstream_asks_for_is_kept_by_every_instance(redis: RedisServer) -> None:
    """One instance hears that the upstream wants a pause: the others send nothing more either."""
    with instances(redis.url, count=3) as place:
        assert [place.status(number) for number in range(3)] == [200] * 3
        assert place.status(0, "/api/busy") == 429
        wait_until(lambda: {place.status(number) for number in range(3)} == {429}, "every instance knows")
        before = len(place.received)
        place.crowd(4, 3)
        assert (len(place.received), set(place.answers)) == (before, {429})
