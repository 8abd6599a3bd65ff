"""Names that change their answer, at every moment: what is dialled was judged, and no answer outlives its time."""

import asyncio
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.upstream import Reach, Timeouts
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import Answer, Names
from tests.addresses import oracle
from tests.addresses.resolving import BLOCKED, WELL, Scene, in_real_time, plain, resolving
from tests.support.access import attempts_of
from tests.support.dns_server import addresses
from tests.support.transports import MemoryLoop, run
from tests.support.values import route

OLD, NEW, PRIVATE, METADATA = "93.184.215.14", "8.8.8.8", "10.0.0.1", "169.254.169.254"
STALE_S, LONGEST_S, SHORTEST_S = 300.0, 300.0, 1.0


async def refreshed(scene: Scene, name: str, count: int) -> None:
    """Wait until a name was looked up so many times, and the answer is there."""
    async with asyncio.timeout(5):
        await scene.server.until(name, count)
    await asyncio.sleep(0.03)


def test_between_judging_and_dialling() -> None:
    """A name that is private from its second look-up on gains nothing: there is only one."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", addresses(OLD, ttl_s=0), addresses(METADATA, ttl_s=0))
            assert (await scene.ask()).dialled == [(OLD, 80)]
            assert scene.server.count("a.test") == 1

    in_real_time(check())


@pytest.mark.parametrize(("ttl_s", "kept_s"), [(0, 1.0), (86_400, 300.0)])
def test_when_its_time_is_over(ttl_s: int, kept_s: float) -> None:
    """Within its time (1 s to 5 min) an answer is used without asking, after it once more; then the new one is judged.

    The clock that moves on is the gateway's own: whatever below it keeps answers by another one would show.
    """

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", addresses(OLD, ttl_s=ttl_s), addresses(METADATA, ttl_s=ttl_s))
            assert (await scene.ask()).dialled == [(OLD, 80)]
            scene.advance(kept_s * 0.9 - 0.2)
            assert (await scene.ask()).dialled == [(OLD, 80)]
            assert scene.server.count("a.test") == 1
            scene.advance(kept_s * 0.1 + 0.3)
            assert (await scene.ask()).dialled == [(OLD, 80)]
            await refreshed(scene, "a.test", 2)
            for _ in range(2):
                asked = await scene.ask()
                assert (asked.outcome, asked.dialled) == (BLOCKED, [])

    in_real_time(check())


def test_an_answer_that_is_too_old() -> None:
    """Five minutes after its time an answer isn't used even once: the new one is waited for, and judged."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", addresses(OLD, ttl_s=0), addresses(PRIVATE, ttl_s=0))
            assert (await scene.ask()).outcome == WELL
            scene.advance(SHORTEST_S + STALE_S + 0.1)
            asked = await scene.ask()
            assert (asked.outcome, asked.dialled) == (BLOCKED, [])

    in_real_time(check())


def test_between_two_requests_on_one_connection() -> None:
    """A kept connection leads where it was judged to lead; the next one that is dialled is judged by the new answer."""

    async def check() -> None:
        async with resolving() as scene:
            scene.server.say("a.test", addresses(OLD, ttl_s=0), addresses(METADATA, ttl_s=0))
            assert (await scene.ask(keep=True)).dialled == [(OLD, 80)]
            scene.advance(2)
            second = asyncio.get_running_loop().create_task(scene.ask())
            await sent_twice(scene)
            scene.network.connections[0].deliver(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert (await second).dialled == []
            scene.advance(SHORTEST_S + STALE_S)
            third = await scene.ask()
            assert (third.outcome, third.dialled) == (BLOCKED, [])

    in_real_time(check())


def test_between_an_attempt_and_its_repetition() -> None:
    """When a kept connection turns out dead, the new one for the same request is judged by what the name says then."""

    async def check() -> None:
        async with resolving(a=plain("http://a.test"), b=plain("http://a.test:81")) as scene:
            scene.server.say("a.test", addresses(OLD, ttl_s=0), addresses(METADATA, ttl_s=0))
            assert (await scene.ask("a", keep=True)).dialled == [(OLD, 80)]
            scene.advance(2)
            assert (await scene.ask("b", keep=True)).dialled == [(OLD, 81)]
            await refreshed(scene, "a.test", 2)
            repeated = asyncio.get_running_loop().create_task(scene.ask("a"))
            await sent_twice(scene)
            scene.network.connections[0].lose(None)
            asked = await repeated
            assert (asked.outcome, asked.dialled) == (BLOCKED, [])

    in_real_time(check())


async def sent_twice(scene: Scene) -> None:
    """Wait until the second request is on the first connection."""
    connection, is_there = scene.network.connections[0], asyncio.Event()

    def arrived() -> None:
        if connection.sent.count(b"\r\n\r\n") == 2:
            is_there.set()

    connection.arrived = arrived
    async with asyncio.timeout(5):
        await is_there.wait()


@pytest.mark.parametrize("blocked_first", [False, True])
def test_between_endpoints(blocked_first: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Each endpoint is judged by its own name: a private one is refused, not dialled, whichever is tried first.

    The call could have gone through at the other endpoint, and may do later: so the caller is told that attempts failed
    variously, which can be repeated, and not 403, which can't. That one was refused stands in the record.
    """

    async def check() -> None:
        urls = ("http://b.test", "http://a.test") if blocked_first else ("http://a.test", "http://b.test")
        async with resolving(a={**plain(*urls), "retries": 1}) as scene:
            scene.network.refused.add(OLD)
            scene.server.say("a.test", addresses(OLD, ttl_s=0))
            scene.server.say("b.test", addresses(METADATA, ttl_s=0))
            asked = await scene.ask()
            assert (asked.outcome, asked.dialled) == ((502, "retries-exhausted"), [(OLD, 80)])
            errors = [attempt["error"] for attempt in attempts_of(asked.lines[0])]
            assert errors == ["connect-failed", "address-blocked"][:: -1 if blocked_first else 1]

    in_real_time(check())


def test_every_endpoint_is_blocked() -> None:
    """Where no endpoint may be called, the caller is told that, and nothing is dialled."""

    async def check() -> None:
        async with resolving(a=plain("http://a.test", "http://b.test")) as scene:
            scene.server.say("a.test", addresses(PRIVATE, ttl_s=0))
            scene.server.say("b.test", addresses(METADATA, ttl_s=0))
            asked = await scene.ask()
            assert (asked.outcome, asked.dialled) == (BLOCKED, [])
            assert len(attempts_of(asked.lines[0])) == 2

    in_real_time(check())


class Given(NamedTuple):
    """An answer that a name server gave, and when."""

    addresses: tuple[str, ...]
    ttl_s: float
    at: float


class Fickle:
    """Name servers that say something else each time; a failure is an answer of None. `given` are the answers."""

    def __init__(self, answers: list[tuple[tuple[str, ...], float] | None], takes_s: float) -> None:
        self._answers = list(answers)
        self._takes_s = takes_s
        self.given: list[Given] = []

    async def __call__(self, host: str) -> Answer:
        """The next answer, the last one again and again."""
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await asyncio.sleep(self._takes_s)
        if answer is None:
            raise LookupError(f"{host} isn't there")
        kept_s = min(max(answer[1], SHORTEST_S), LONGEST_S)
        self.given.append(Given(answer[0], kept_s, asyncio.get_running_loop().time()))
        return Answer(*answer)


texts = st.sampled_from([OLD, NEW, "11.0.0.1", "2606:2800:21f::1", PRIVATE, METADATA, "::1", "::ffff:8.8.8.8"])
lists = st.lists(texts, min_size=1, max_size=3).map(tuple)
pauses = st.sampled_from([0.0, 0.5, 1.0, 4.0, 59.0, 61.0, 299.0, 301.0, 360.0, 700.0])


@settings(max_examples=300)
@given(
    answers=st.lists(
        st.none() | st.tuples(lists | st.just((OLD,)), st.sampled_from([0.0, 1.0, 60.0, 300.0, 86_400.0])),
        min_size=1,
        max_size=8,
    ),
    moments=st.lists(pauses, min_size=1, max_size=12),
    takes_s=st.sampled_from([0.0, 0.3, 2.0]),
)
def test_at_any_moment(
    answers: list[tuple[tuple[str, ...], float] | None], moments: list[float], takes_s: float
) -> None:
    """Only addresses of the newest answer are dialled, each judged, and of one that isn't older than it may be."""

    async def check() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MemoryLoop)
        servers = Fickle(answers, takes_s)
        dialler = Dialler(Names(servers, loop.time), [], Trust())
        for moment in moments:
            await asyncio.sleep(moment)
            before, began_at, dialled = servers.given[-1:], loop.time(), len(loop.network.dialled)
            code = None
            try:
                await dialler.dial(route("http://a.test", reach=Reach()), Timeouts(), reported=print)
            except GatewayError as error:
                code = error.code
            addresses_dialled = [host for host, _ in loop.network.dialled[dialled:]]
            assert all(oracle.judge(host) == "allow" for host in addresses_dialled)
            if addresses_dialled:
                [used] = (
                    before if before and began_at < before[0].at + before[0].ttl_s + STALE_S else servers.given[-1:]
                )
                assert addresses_dialled == [used.addresses[0]]
                assert loop.time() < used.at + used.ttl_s + STALE_S
                assert {oracle.judge(host) for host in used.addresses} == {"allow"}
            else:
                assert code in {Code.DNS_FAILED, Code.ADDRESS_BLOCKED}

    run(check())
