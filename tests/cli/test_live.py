"""What is told to those who follow a gateway: within bounds, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import orjson
import pytest

from exeat.admin.running import Told
from exeat.cli.control import live as live_module
from exeat.cli.control.live import FOLLOWERS_LIMIT, RECORDS_PER_S, Follower, Live
from exeat.cli.control.recent import Recent
from exeat.store.failure import StoreError
from exeat.store.search import Query
from tests.store.made import NOON, Chain, make_record

Run = Callable[[Live], Awaitable[None]]


def costs() -> Mapping[str, str]:
    """What was spent."""
    return {"EUR": "1.75"}


def follow(run: Run, costs_of_today: Callable[[], Mapping[str, str]] = costs) -> None:
    """Do something with what is told of a gateway."""

    async def begin() -> None:
        live = Live(asyncio.get_running_loop(), lambda: Recent().rates(0.0), lambda: 3, costs_of_today)
        async with asyncio.timeout(10):
            await run(live)
        live.end()

    asyncio.run(begin())


def begun(live: Live, query: Query | None = None) -> Follower:
    """One who follows."""
    follower = live.follow(query or Query())
    assert follower is not None
    return follower


async def take(told: AsyncIterator[Told], count: int, event: str = "record") -> list[Told]:
    """The next things of a kind."""
    found = []
    async for one in told:
        if one.event == event:
            found.append(one)
        if len(found) == count:
            break
    return found


def test_records_come_as_they_were_written() -> None:
    """Who follows all gets each record; who asks for some gets those alone."""

    async def run(live: Live) -> None:
        everything, some = begun(live), begun(live, Query({"consumer": "shop"}, status="4xx", text="USERS"))
        records = [
            make_record(1, NOON, consumer="shop", status=404),
            make_record(2, NOON, consumer="shop"),
            make_record(3, NOON, consumer="web", status=404),
            make_record(4, NOON, consumer="shop", status=410),
        ]
        chain = Chain()
        await asyncio.to_thread(live.show, [chain.seal(*records[:2]), chain.seal(*records[2:])])
        assert [told.data for told in await take(aiter(everything), 4)] == records
        assert [told.data for told in await take(aiter(some), 2)] == [records[0], records[3]]

    follow(run)


def test_a_tick_says_how_it_stands() -> None:
    """At once, and then every second, it is told how much there is to do and what was spent."""

    async def run(live: Live) -> None:
        ticks = await take(aiter(begun(live)), 2, "tick")
        members = orjson.loads(ticks[0].data)
        assert {name: members[name] for name in ("in_flight", "requests_per_s", "errors", "cost", "skipped")} == {
            "in_flight": 3, "requests_per_s": 0.0, "errors": {}, "cost": {"EUR": "1.75"}, "skipped": 0,
        }  # fmt: skip

    follow(run)


def test_costs_that_are_not_known() -> None:
    """While the database is away, everything else is told all the same."""

    def fail() -> Mapping[str, str]:
        raise StoreError("The database is away.")

    async def run(live: Live) -> None:
        [tick] = await take(aiter(begun(live)), 1, "tick")
        assert orjson.loads(tick.data)["cost"] == {}

    follow(run, fail)


def test_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more records than fit into a second, the rest is counted in the next tick, and then there is room again."""
    monkeypatch.setattr(live_module, "TICK_S", 0.05)

    async def run(live: Live) -> None:
        follower, chain = begun(live), Chain()
        told = aiter(follower)
        await take(told, 1, "tick")
        live.show(chain.batches([RECORDS_PER_S + 30]))
        assert len(await take(told, RECORDS_PER_S)) == RECORDS_PER_S
        [tick] = await take(told, 1, "tick")
        assert orjson.loads(tick.data)["skipped"] == 30
        live.show(chain.batches([1]))
        assert len(await take(told, 1)) == 1

    follow(run)


def test_who_is_slow_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for one who doesn't take it is bounded; the others get everything."""
    monkeypatch.setattr(live_module, "TICK_S", 0.01)

    async def run(live: Live) -> None:
        slow, quick = begun(live), begun(live)
        told = aiter(quick)
        for _ in range(20):
            live.show(Chain().batches([100]))
            assert len(await take(told, 100)) == 100
            await take(told, 1, "tick")
        slow.end()
        waited = [one async for one in slow]
        assert len(waited) == live_module.WAITING_LIMIT
        assert waited[-1].event == "record"

    follow(run)


def test_nobody_follows_for_nothing() -> None:
    """There are so many at once at most; one who leaves makes room, and without any nothing is done."""

    async def run(live: Live) -> None:
        followers = [begun(live) for _ in range(FOLLOWERS_LIMIT)]
        assert live.follow(Query()) is None
        followers[0].end()
        followers[0].end()
        assert live.follow(Query()) is not None
        live.end()
        for follower in followers:
            assert await take(aiter(follower), 1) == []
        assert live.follow(Query()) is None

    follow(run)
