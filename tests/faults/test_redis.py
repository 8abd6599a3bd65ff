"""Redis in trouble: what can't be counted is refused or goes on alone, at once either way, and all heals by itself."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple

import pytest
from redis import Redis

from tests.faults.table import REDIS, Trouble
from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin
from tests.support.problems import check_problem
from tests.support.programs import free_port
from tests.support.raw_caller import Answer, RawCaller
from tests.support.redis import PASSWORD, RedisServer, redis_server

OTHER_PASSWORD = MARKERS.make("another password of Redis")
MANY = 1_000_000
LIMITS: dict[str, dict[str, object]] = {
    "rate": {"rate": f"{MANY}/second"},
    "concurrency": {"concurrency": 100},
    "quota": {"quota": f"{MANY}/year"},
    "budget": {"budget": f"{MANY} USD/year", "price": "1 USD"},
    "lenient": {"quota": f"{MANY}/year", "unless_known": "continue"},
}
WITHIN_S = 1.5  # a question of Redis has 250 ms

pytestmark = [pytest.mark.slow]


class Place(NamedTuple):
    """A gateway with an upstream for each kind of limit, and its Redis."""

    gateway: Gateway
    redis: RedisServer
    line: str

    def call(self, upstream: str) -> Answer:
        """One call, which doesn't take long whatever happens."""
        began = time.monotonic()
        with RawCaller(self.gateway.port) as caller:
            answer = caller.call("GET", f"/{upstream}/", self.line)
        assert time.monotonic() - began < WITHIN_S
        return answer

    def refusals(self) -> dict[str, str]:
        """What calls are refused with now, by the limit that applies to them."""
        told = {name: self.call(name).field("exeat-error") for name in LIMITS}
        return {name: code for name, code in told.items() if code is not None}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """One gateway that goes through all of it."""
    MARKERS.add("the password of Redis", PASSWORD)
    key = make_key()
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server("--appendonly", "yes", "--appendfsync", "always"))
        origin = stack.enter_context(Origin())
        document = {
            "upstreams": {name: origin.entry(limits=[limit]) for name, limit in LIMITS.items()},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        gateway = stack.enter_context(Gateway(document, {"EXEAT_REDIS_URL": redis.url}))
        yield Place(gateway, redis, f"Exeat-Key: {key.key}")


def stopped(redis: RedisServer, number: signal.Signals) -> Iterator[None]:
    redis.stop(number)
    yield
    redis.start()


def failing_over(redis: RedisServer) -> Iterator[None]:
    redis.run("REPLICAOF", "127.0.0.1", free_port())
    yield
    redis.run("REPLICAOF", "NO", "ONE")


def wrong_password(redis: RedisServer) -> Iterator[None]:
    redis.run("CONFIG", "SET", "requirepass", OTHER_PASSWORD)
    with Redis(unix_socket_path=str(redis.socket), password=OTHER_PASSWORD) as client:
        client.execute_command("CLIENT", "KILL", "SKIPME", "yes")
        yield
        client.execute_command("CONFIG", "SET", "requirepass", PASSWORD)


def full(redis: RedisServer) -> Iterator[None]:
    redis.run("CONFIG", "SET", "maxmemory", 1)
    yield
    redis.run("CONFIG", "SET", "maxmemory", 0)


IN_TROUBLE: dict[str, Callable[[RedisServer], AbstractContextManager[None]]] = {
    "stopped": contextmanager(lambda redis: stopped(redis, signal.SIGTERM)),
    "killed": contextmanager(lambda redis: stopped(redis, signal.SIGKILL)),
    "hanging": RedisServer.hanging,
    "failing-over": contextmanager(failing_over),
    "wrong-password": contextmanager(wrong_password),
    "full": contextmanager(full),
}


@pytest.mark.parametrize("trouble", REDIS, ids=lambda trouble: trouble.name)
def test_trouble(place: Place, trouble: Trouble) -> None:
    """Calls meet what the table says, none waits, what is refused isn't sent; afterwards all calls pass again."""
    wait_until(lambda: not place.refusals(), "all calls pass before")
    with IN_TROUBLE[trouble.name](place.redis):
        wait_until(lambda: place.refusals() == trouble.meets, f"what calls meet: {trouble.meets}")
        for _ in range(3):
            assert place.refusals() == trouble.meets
        for name, code in trouble.meets.items():
            problem = check_problem(place.call(name), code, name)
            assert problem["attempts"] == 0
            assert place.gateway.access_line(str(problem["request_id"]))["outcome"] == "refused"
    wait_until(lambda: not place.refusals(), "all calls pass afterwards")


def test_it_is_said(place: Place) -> None:
    """Each time it is said that Redis is away, and then that it is back."""
    gone, back = (
        place.gateway.events(message)
        for message in (
            "Redis can't be reached: rates and concurrency are counted by each worker alone, quotas and budgets refuse",
            "Redis is reached again",
        )
    )
    assert len(gone) == len(back) >= len(REDIS)
