"""An endpoint that one worker sees fail rests for all of them, in every instance; each event is told once."""

from collections.abc import Iterator

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.markers import MARKERS
from tests.support.receiver import Receiver, unless
from tests.support.redis import PASSWORD, RedisServer, redis_server
from tests.support.two_endpoints import Pair, kill, two_endpoints

CONNECTIONS = 16  # so many reach every worker
AWAY = "Redis can't be reached: rates and concurrency are counted by each worker alone, quotas and budgets refuse"
OPENED, CLOSED = "an endpoint rests", "an endpoint is well again"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server."""
    MARKERS.add("the password of Redis", PASSWORD)
    with redis_server() as server:
        yield server


def fail_until_it_rests(pair: Pair, number: int = 0) -> None:
    """Call over one connection, and so one worker, until it sends nothing more to the first endpoint."""
    first, second = pair.sides
    first.ill = True
    with pair.caller(number) as caller:
        statuses = [caller.call() for _ in range(8)]
    assert statuses.count(503) == 3
    assert (first.calls, second.calls) == (3, 5)


def reaches_first(pair: Pair, number: int = 0, calls: int = 2) -> int:
    """How many calls over many connections reach the first endpoint."""
    before = pair.sides[0].calls
    with pair.callers(CONNECTIONS, number) as callers:
        for caller in callers:
            for _ in range(calls):
                caller.call()
    return pair.sides[0].calls - before


def has_all_workers(pair: Pair, workers: int) -> bool:
    """Whether connections are spread over all workers."""
    found = pair.get("/status")["workers"]
    return len(found) == workers and all(worker["connections"] for worker in found)


def test_between_workers() -> None:
    """One worker sees the failures; the others send nothing there either, and it is told once."""
    with two_endpoints(workers=2) as pair:
        with pair.callers(CONNECTIONS):
            wait_until(lambda: has_all_workers(pair, 2), "connections of both workers")
        fail_until_it_rests(pair)
        assert reaches_first(pair) == 0
        pair.wait_for("resting", "well")
        (first, _) = pair.get("/upstreams/billing/endpoints")["items"]
        assert first["reason"] == "3 calls failed in a row"
        assert [one["endpoint"] for one in pair.get("/status")["resting"]] == [pair.sides[0].url]
        (line,) = pair.gateways[0].events(OPENED)
        assert (line["upstream"], line["endpoint"], line["level"]) == ("billing", pair.sides[0].url, "warning")


def test_a_worker_that_starts_later() -> None:
    """A worker that takes the place of one that died knows what rests, and so do all when the counters have died."""
    with two_endpoints(workers=2) as pair:
        fail_until_it_rests(pair)
        gateway = pair.gateways[0]
        for _ in range(2):
            (counters,) = gateway.counters_pids()
            kill(counters)
            wait_until(lambda gone=counters: gateway.counters_pids() not in ([], [gone]), "there are other counters")  # type: ignore[misc]
            wait_until(lambda: len(gateway.events("counters are ready")) >= 2, "they are ready")
            unless(lambda: False, 0.7)  # workers connect again
            old = gateway.worker_pids()[0]
            kill(old)
            wait_until(lambda gone=old: len(set(gateway.worker_pids()) - {gone}) == 2, "there is another worker")  # type: ignore[misc]
            wait_until(lambda: len(pair.get("/status")["workers"]) == 2, "it serves")
            assert reaches_first(pair) == 0
        assert len(gateway.events(OPENED)) == 1


def test_it_recovers_everywhere(authority: Authority) -> None:
    """When a probe of one worker goes well, all send calls again; webhooks hear of the beginning and the end once."""
    with Receiver(authority) as receiver:
        circuit = {"rest": "1s", "ramp": "1s"}
        env = {"SSL_CERT_FILE": str(authority.file)}
        with two_endpoints(workers=2, circuit=circuit, env=env, webhooks=[receiver.entry()]) as pair:
            fail_until_it_rests(pair)
            pair.sides[0].ill = False
            (opened,) = receiver.wait_for(1)
            assert opened.type == "circuit.opened"
            assert opened.data["endpoint"] == pair.sides[0].url
            assert opened.data["reason"] == "3 calls failed in a row"
            wait_until(lambda: reaches_first(pair) >= CONNECTIONS // 2, "it has its share again")
            _, closed = receiver.wait_for(2)
            assert (closed.type, closed.data["upstream"]) == ("circuit.closed", "billing")
            pair.wait_for("well", "well")
            unless(lambda: len(receiver.messages) > 2, 0.5)
            assert [len(pair.gateways[0].events(word)) for word in (OPENED, CLOSED)] == [1, 1]


def test_between_instances(redis: RedisServer) -> None:
    """With Redis, an endpoint rests in every instance; the one that saw it fail tells of it."""
    with two_endpoints(count=2, env={"EXEAT_REDIS_URL": redis.url}) as pair:
        with pair.caller(1) as caller:
            caller.call()
        pair.sides[0].origin.requests.clear()
        pair.sides[1].origin.requests.clear()
        fail_until_it_rests(pair)
        pair.wait_for("resting", "well", number=1)
        assert reaches_first(pair, 1) == 0
        assert [len(gateway.events(OPENED)) for gateway in pair.gateways] == [1, 0]


def test_an_instance_that_starts_later(redis: RedisServer) -> None:
    """With Redis, an instance that begins is told what rests then."""
    with two_endpoints(count=2, env={"EXEAT_REDIS_URL": redis.url}) as pair:
        pair.gateways[1].stop()
        fail_until_it_rests(pair)
        pair.gateways[1].start()
        pair.wait_for("resting", "well", number=1)
        assert reaches_first(pair, 1) == 0


def test_without_redis_for_a_while(redis: RedisServer) -> None:
    """While Redis is away each instance goes by itself, and when it is back they tell each other again."""
    with two_endpoints(count=2, circuit={"rest": "1s"}, env={"EXEAT_REDIS_URL": redis.url}) as pair:
        redis.stop()
        for gateway in pair.gateways:
            wait_until(lambda one=gateway: bool(one.events(AWAY)), "Redis is missed")  # type: ignore[misc]
        fail_until_it_rests(pair)
        assert reaches_first(pair, 1) > 0
        redis.start()
        wait_until(lambda: all(one.events("Redis is reached again") for one in pair.gateways), "Redis is back")

        def is_told() -> bool:
            with pair.caller() as caller:
                caller.call()
            return pair.states(1)[0] == "resting"

        wait_until(is_told, "the other instance hears of a probe that failed")
