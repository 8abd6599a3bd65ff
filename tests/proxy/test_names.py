"""Names and their addresses: how long they are kept, and who asks."""

import asyncio

import pytest

from exeat.errors import Code, GatewayError
from exeat.proxy.names import NAME_LIMIT, Answer, Names
from tests.support.transports import run

A, B = "192.0.2.1", "192.0.2.2"


class NameServer:
    """Answers what it is told to: an answer, an error, or nothing for ever; counts the questions."""

    def __init__(self, *said: Answer | Exception | None, takes_s: float = 0.0) -> None:
        self._said = list(said)
        self._takes_s = takes_s
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Answer:
        """The next answer, the last one again and again."""
        self.asked.append(host)
        said = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        if said is None:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self._takes_s)
        if isinstance(said, Exception):
            raise said
        assert said is not None
        return said


def names_of(server: NameServer) -> Names:
    """Names that ask this server, by the clock of the running loop."""
    return Names(server, asyncio.get_running_loop().time)


async def refusal(names: Names, host: str = "api.test", timeout_s: float = 5.0) -> str:
    """Why a name has no address."""
    with pytest.raises(GatewayError) as caught:
        await names.addresses(host, timeout_s)
    assert caught.value.code is Code.DNS_FAILED
    assert caught.value.untouched
    return caught.value.detail


def test_an_answer_is_kept_for_its_ttl() -> None:
    """Within the TTL nobody is asked again."""

    async def check() -> None:
        server = NameServer(Answer((A,), 60), Answer((B,), 60))
        names = names_of(server)
        assert await names.addresses("api.test", 5) == (A,)
        await asyncio.sleep(59)
        assert await names.addresses("api.test", 5) == (A,)
        assert server.asked == ["api.test"]

    run(check())


def test_a_stale_answer_serves_while_a_new_one_comes() -> None:
    """After the TTL the old answer is given at once, and the new one is there for the next."""

    async def check() -> None:
        server = NameServer(Answer((A,), 60), Answer((B,), 60), takes_s=1)
        names = names_of(server)
        await names.addresses("api.test", 5)
        await asyncio.sleep(61)
        assert await names.addresses("api.test", 5) == (A,)
        assert await names.addresses("api.test", 5) == (A,)
        await asyncio.sleep(2)
        assert await names.addresses("api.test", 5) == (B,)
        assert len(server.asked) == 2

    run(check())


def test_an_answer_that_is_too_old_is_not_used() -> None:
    """Five minutes after its TTL an answer is forgotten, and the name is waited for."""

    async def check() -> None:
        server = NameServer(Answer((A,), 60), Answer((B,), 60))
        names = names_of(server)
        await names.addresses("api.test", 5)
        await asyncio.sleep(361)
        assert await names.addresses("api.test", 5) == (B,)

    run(check())


@pytest.mark.parametrize(("ttl_s", "kept_s"), [(0, 1), (0.2, 1), (86400, 300)])
def test_ttls_are_bounded(ttl_s: float, kept_s: float) -> None:
    """A TTL is at least a second, lest every request asks, and at most five minutes, lest nothing is noticed."""

    async def check() -> None:
        server = NameServer(Answer((A,), ttl_s))
        names = names_of(server)
        await names.addresses("api.test", 5)
        await asyncio.sleep(kept_s * 0.9)
        await names.addresses("api.test", 5)
        assert len(server.asked) == 1
        await asyncio.sleep(kept_s * 0.2)
        await names.addresses("api.test", 5)
        await asyncio.sleep(0)
        assert len(server.asked) == 2

    run(check())


def test_who_asks_at_once_shares_one_question() -> None:
    """One query per name is in flight, however many wait for it."""

    async def check() -> None:
        server = NameServer(Answer((A, B), 60), takes_s=1)
        names = names_of(server)
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(names.addresses("api.test", 5)) for _ in range(20)]
            other = group.create_task(names.addresses("other.test", 5))
        assert {task.result() for task in [*waiting, other]} == {(A, B)}
        assert server.asked == ["api.test", "other.test"]

    run(check())


@pytest.mark.parametrize("said", [LookupError("no such name"), Answer((), 60)])
def test_a_failure_is_kept_briefly(said: Answer | Exception) -> None:
    """A name without addresses is refused for five seconds without asking, then asked again."""

    async def check() -> None:
        server = NameServer(said, Answer((A,), 60))
        names = names_of(server)
        assert (await refusal(names)).startswith("api.test: ")
        await asyncio.sleep(4)
        await refusal(names)
        assert len(server.asked) == 1
        await asyncio.sleep(2)
        assert await names.addresses("api.test", 5) == (A,)

    run(check())


def test_a_failed_refresh_keeps_what_was_known() -> None:
    """While name servers fail, addresses that are stale but not too old go on serving."""

    async def check() -> None:
        server = NameServer(Answer((A,), 60), LookupError("the name servers are down"))
        names = names_of(server)
        await names.addresses("api.test", 5)
        for _ in range(20):
            await asyncio.sleep(15)
            assert await names.addresses("api.test", 5) == (A,)
        assert len(server.asked) > 10
        await asyncio.sleep(70)
        assert "down" in await refusal(names)

    run(check())


def test_name_servers_that_do_not_answer() -> None:
    """A name is waited for only so long."""

    async def check() -> None:
        names = names_of(NameServer(None))
        began = asyncio.get_running_loop().time()
        assert "did not answer" in await refusal(names, timeout_s=2)
        assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.01)

    run(check())


def test_one_who_gives_up_does_not_end_the_question_for_others() -> None:
    """A caller with less time leaves the question to those who have more."""

    async def check() -> None:
        names = names_of(NameServer(Answer((A,), 60), takes_s=3))
        async with asyncio.TaskGroup() as group:
            patient = group.create_task(names.addresses("api.test", 5))
            await asyncio.sleep(0)
            hasty = group.create_task(refusal(names, timeout_s=1))
        assert patient.result() == (A,)
        assert "within 1 s" in hasty.result()

    run(check())


def test_a_question_outlives_who_asked_first() -> None:
    """When the first to ask is cancelled, the others still get the answer."""

    async def check() -> None:
        server = NameServer(Answer((A,), 60), takes_s=1)
        names = names_of(server)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(names.addresses("api.test", 5))
            await asyncio.sleep(0.5)
            second = group.create_task(names.addresses("api.test", 5))
            await asyncio.sleep(0.1)
            first.cancel()
        assert second.result() == (A,)
        assert len(server.asked) == 1

    run(check())


def test_a_resolver_that_breaks() -> None:
    """Whatever a resolver raises is a failure of the name, nothing that passes unseen."""

    async def check() -> None:
        names = names_of(NameServer(OSError("no file descriptors left"), Answer((A,), 60)))
        await refusal(names)
        await asyncio.sleep(6)
        assert await names.addresses("api.test", 5) == (A,)

    run(check())


def test_memory_is_bounded() -> None:
    """Names come from callers, so only so many are kept."""

    async def check() -> None:
        server = NameServer(Answer((A,), 300))
        names = names_of(server)
        for number in range(NAME_LIMIT + 10):
            await names.addresses(f"{number}.test", 5)
        await names.addresses(f"{NAME_LIMIT + 9}.test", 5)
        await names.addresses("0.test", 5)
        assert len(server.asked) == NAME_LIMIT + 11

    run(check())
