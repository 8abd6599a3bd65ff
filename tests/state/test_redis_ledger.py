"""The ledger in Redis: the same as the one in memory, for several instances, and whatever happens to Redis."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exeat.state.ledger import PERMITS, RATE, WINDOW, Answer, Charge, Give, Recall
from exeat.state.redis_line import RedisLine
from tests.state.instances import MS, SECOND, WALL, YEAR_END, instance, names, wish
from tests.support.certificates import Authority
from tests.support.redis import RedisServer, cluster_url, redis_cluster, redis_server

GONE = "Redis can't be reached: rates and concurrency are counted by each worker alone, quotas and budgets refuse"
BACK = "Redis is reached again"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One server for the tests that leave it as it is."""
    with redis_server() as server:
        yield server


async def until(holds: Callable[[], Awaitable[bool]], what: str, limit_s: float = 5.0) -> None:
    """Look again and again until something holds."""
    try:
        async with asyncio.timeout(limit_s):
            while not await holds():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {limit_s:g} s") from None


# Several instances


def test_exactly_as_many_for_all(redis: RedisServer) -> None:
    """Of what many holders of many instances ask at once, exactly as much is granted as there is."""

    async def ask() -> None:
        name, amount = next(names), 5000
        granted = [0] * 8

        async def take(number: int) -> None:
            async with instance(redis.url) as one:
                while True:
                    (answer,) = await one.ask(wish(name, WINDOW, amount, need=1 + number, want=200))
                    assert answer is not None
                    granted[number] += answer.granted
                    if not answer.remaining:
                        return

        async with asyncio.TaskGroup() as tasks:
            for number in range(8):
                tasks.create_task(take(number))
        assert sum(granted) == amount

    asyncio.run(ask())


def test_instances_know_of_each_other(redis: RedisServer) -> None:
    """Each knows how many there are; others are told that somebody needs what lies idle with them."""

    async def meet() -> None:
        name = next(names)
        redis.run("FLUSHALL")
        async with instance(redis.url) as one, instance(redis.url) as two:
            await one.beat()
            assert (one.ledger.instances, two.ledger.instances) == (2, 2)
            await one.ask(wish(name, WINDOW, 80, want=10), holder=7)
            await asyncio.sleep(0.1)  # until it listens
            one.woken.clear()
            (answer,) = await two.ask(wish(name, WINDOW, 80, need=75))
            assert answer is not None
            assert (answer.granted, answer.held) == (70, True)
            async with asyncio.timeout(5):
                await one.woken.wait()
            assert one.ledger.recalls() == [Recall(7, name, WINDOW, 1)]

    asyncio.run(meet())


@pytest.mark.timeout(40)
def test_permits_of_the_dead_are_free_again(redis: RedisServer) -> None:
    """Permits of an instance that is heard of stay its own; those of one that isn't are free after ten seconds."""

    async def die() -> None:
        name = next(names)
        async with instance(redis.url) as one:
            async with instance(redis.url) as two:
                await one.ask(wish(name, PERMITS, 10, need=4))
                await two.ask(wish(name, PERMITS, 10, need=6))
            for _ in range(4):  # two isn't heard of any more
                await asyncio.sleep(2)
                await one.beat()
                (answer,) = await one.ask(wish(name, PERMITS, 10), holder=2)
                assert answer is not None
                assert answer.granted == 0
            await asyncio.sleep(3.5)
            await one.beat()
            (answer,) = await one.ask(wish(name, PERMITS, 10, need=10), holder=2)
            assert answer is not None
            assert answer.granted == 6

    asyncio.run(die())


def test_a_worker_that_is_gone_frees_its_permits(redis: RedisServer) -> None:
    """The permits of one holder are free when it has left; those of others aren't."""

    async def leave() -> None:
        name = next(names)
        async with instance(redis.url) as one:
            for holder in (1, 2):
                await one.ask(wish(name, PERMITS, 10, need=5), holder=holder)
            one.ledger.leave(1)
            (answer,) = await one.ask(wish(name, PERMITS, 10, need=9), holder=3)
            assert answer is not None
            assert answer.granted == 5

    asyncio.run(leave())


# What happens to Redis


def test_gone_and_back() -> None:
    """While Redis is away nothing is known, nobody waits, and it is said once; what was spent meanwhile is told."""

    async def go(server: RedisServer) -> None:
        name = next(names)
        async with instance(server.url) as one:
            (answer,) = await one.ask(wish(name, WINDOW, 100, need=10))
            assert answer is not None
            server.stop(signal.SIGKILL)
            for _ in range(20):
                assert await one.ask(wish(name, WINDOW, 100), wish(name, RATE, 10, MS)) == [None, None]
                await one.ask(Charge(name, YEAR_END, 2))
            assert (one.said(GONE), one.said(BACK)) == (1, 0)
            server.start()

            async def is_known() -> bool:
                (answer,) = await one.ask(wish(name, WINDOW, 100, need=1))
                return answer is not None

            await until(is_known, "it is known again")
            assert (one.said(GONE), one.said(BACK)) == (1, 1)
            (answer,) = await one.ask(wish(name, WINDOW, 100))
            assert answer is not None
            assert answer.remaining == 100 - 10 - 40 - 2

    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        asyncio.run(go(server))


def test_one_that_hangs() -> None:
    """A Redis that doesn't answer holds up the first call for a quarter of a second, and the next not at all."""

    async def hang(server: RedisServer) -> None:
        name = next(names)
        loop = asyncio.get_running_loop()
        async with instance(server.url) as one:
            with server.hanging():
                began = loop.time()
                assert await one.ask(wish(name, PERMITS, 10)) == [None]
                assert loop.time() - began < 0.5
                began = loop.time()
                for _ in range(10):
                    assert await one.ask(wish(name, PERMITS, 10)) == [None]
                assert loop.time() - began < 0.1

            async def is_known() -> bool:
                return await one.ask(wish(name, PERMITS, 10)) != [None]

            await until(is_known, "it is known again")
            # What was taken without being heard of is given back, so that all can be had but what the look took.
            await one.beat()
            (answer,) = await one.ask(wish(name, PERMITS, 10, need=10))
            assert answer is not None
            assert answer.granted == 9

    with redis_server() as server:
        asyncio.run(hang(server))


def test_what_is_lost_is_said(redis: RedisServer) -> None:
    """When somebody empties Redis, that is in the log; permits are known again when the instance says what it has."""

    async def lose() -> None:
        name = next(names)
        async with instance(redis.url) as one:
            await one.ask(wish(name, PERMITS, 10, need=4))
            redis.run("FLUSHALL")
            await one.beat()
            assert one.said("Redis has lost what it held: quotas and budgets are counted from zero") == 1
            (answer,) = await one.ask(wish(name, PERMITS, 10, need=10), holder=2)
            assert answer is not None
            assert answer.granted == 6

    asyncio.run(lose())


def test_script_is_loaded_again(redis: RedisServer) -> None:
    """When Redis has forgotten the script, nobody notices."""

    async def flush() -> None:
        async with instance(redis.url) as one:
            for _ in range(3):
                redis.run("SCRIPT", "FLUSH")
                assert await one.ask(wish(next(names), WINDOW, 10)) == [
                    Answer(1, 9, YEAR_END - WALL, held=False, life=0)
                ]
            assert one.said(GONE) == 0

    asyncio.run(flush())


def test_foreign_entries_stop_nobody_else(redis: RedisServer) -> None:
    """What somebody else has written under one of our keys makes that limit unknown, and no other; it is said once."""

    async def spoil() -> None:
        name, other = next(names), next(names)
        async with instance(redis.url) as one:
            before = set(redis.run("KEYS", "exeat:*"))
            await one.ask(wish(name, WINDOW, 10))
            (key,) = set(redis.run("KEYS", "exeat:*")) - before
            for command in (("SET", key, "not ours"), ("DEL", key), ("LPUSH", key, "a list")):
                redis.run(*command)
                if command[0] != "DEL":
                    assert (await one.ask(wish(name, WINDOW, 10), wish(other, WINDOW, 10)))[0] is None
                    assert (await one.ask(wish(other, WINDOW, 10))) != [None]
            event = "a limit can't be counted: what Redis has for it isn't from Exeat; remove it"
            assert one.said(event) == 1

    asyncio.run(spoil())


def test_wrong_password_is_said_and_isn_t_shown(redis: RedisServer) -> None:
    """The log says that the password is refused, without the password."""

    async def refuse() -> None:
        async with instance(f"redis://:wrong-one@127.0.0.1:{redis.port}") as one:
            assert await one.ask(wish(next(names), WINDOW, 10)) == [None]
            assert one.said(GONE) == 1
            assert "EXEAT_REDIS_URL" in one.log
            assert "wrong-one" not in one.log

    asyncio.run(refuse())


# Ways to it


def test_entries_end_by_themselves(redis: RedisServer) -> None:
    """No key is kept for ever; a window's outlives it."""

    async def fill() -> None:
        redis.run("FLUSHALL")
        async with instance(redis.url) as one:
            await one.ask(wish("a", RATE, 10, SECOND, need=5), wish("b", WINDOW, 10), wish("c", PERMITS, 10))
            await one.ask(Give("b", WINDOW, 1))
        lives = {key.rpartition(":")[2]: redis.run("PTTL", key) for key in redis.run("KEYS", "*")}
        assert 4_000 < lives[RATE] <= 6_000
        assert 10**10 < lives[WINDOW] <= 10**10 + 3_600_000
        assert 10_000 < lives[PERMITS] <= 15_000
        assert 0 < lives["{instances}"] <= 86_400_000

    asyncio.run(fill())


def test_no_connection_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that doesn't hear at once that it has to end, and connects once more, leaves nothing open."""
    publish, connecting = RedisLine.publish, asyncio.Event()

    async def publish_late(line: RedisLine, channel: str, text: bytes) -> None:
        connecting.set()
        with suppress(asyncio.CancelledError):  # as the library does now and then
            await asyncio.sleep(60)
        await asyncio.sleep(0.01)
        await publish(line, channel, text)

    async def look(redis: RedisServer) -> None:
        async with instance(redis.url):
            await connecting.wait()
        assert "name=exeat" not in str(redis.run("CLIENT", "LIST"))

    monkeypatch.setattr(RedisLine, "publish", publish_late)
    with redis_server() as redis:
        asyncio.run(look(redis))


def test_unix_socket(redis: RedisServer) -> None:
    """Redis may be reached by a Unix socket."""

    async def ask() -> None:
        async with instance(redis.socket_url) as one:
            assert await one.ask(wish(next(names), WINDOW, 10)) != [None]

    asyncio.run(ask())


def test_tls(tmp_path: Path) -> None:
    """Over TLS it is reached where its certificate can be verified, and else not."""
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate, key = tmp_path / "redis.pem", tmp_path / "redis.key"
    authority.write_pair(certificate, key)

    async def ask(url: str) -> bool:
        async with instance(url) as one:
            return (await one.ask(wish(next(names), WINDOW, 10))) != [None]

    with redis_server(tls=(authority.file, certificate, key)) as server:
        assert asyncio.run(ask(server.url))
        assert not asyncio.run(ask(server.url.replace(str(authority.file), str(other.file))))


def test_cluster() -> None:
    """In a cluster each entry is on one server, and whatever is asked in one turn is answered; one that dies is one."""

    async def ask(servers: list[RedisServer]) -> None:
        async with instance(cluster_url(servers)) as one, instance(cluster_url(servers)) as two:

            async def are_answered() -> bool:
                wishes = [wish(next(names), WINDOW, 40, need=30, want=35) for _ in range(100)]
                answers = [await which.ask(*wishes) for which in (one, two)]
                if any(None in each for each in answers):  # a server was slow once
                    return False
                assert [{answer.granted for answer in each if answer is not None} for each in answers] == [{30}, {10}]
                return True

            await until(are_answered, "all are answered")
            assert all(server.run("DBSIZE") > 10 for server in servers)
            await one.beat()
            assert one.ledger.instances == 2
            servers[2].stop(signal.SIGKILL)
            more = [wish(next(names), WINDOW, 40) for _ in range(100)]
            first = await one.ask(*more)
            assert 10 < first.count(None) < 90
            second = await one.ask(*more)
            assert [answer is None for answer in second] == [answer is None for answer in first]

    with redis_cluster() as servers:
        asyncio.run(ask(servers))
