"""Several limits on one call: which one refuses it, when it may stand in line, and how callers tell them apart."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from exeat.errors import Code
from exeat.model.limit import SECOND_NS, Limit, Per, Scope
from exeat.proxy.claims import OWN_LIMIT
from tests.proxy.test_admission import Desk, concurrency, passed, rate, run
from tests.support.playbook import KEYED, on_stage
from tests.support.values import consumer, grant, key, new_key, snapshot, upstream

DAY_S = 86_400
Test = Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]


def daily(amount: int, **more: Any) -> Limit:
    """A rate that gives next to nothing back."""
    return rate(amount, DAY_S, name="daily", **more)


def policy(desk: Desk, *fields: str, owner: str = "shop") -> str:
    """The RateLimit-Policy of a call, without the word before it."""
    request = desk.ask(*fields, owner=owner)
    desk.end(request)
    told = desk.admission.tell(request.exchange).decode()
    return told.partition("\r\n")[0].partition(": ")[2]


class TestWhichRefuses:
    @pytest.mark.parametrize("order", [1, -1])
    def test_the_one_that_holds_longest(self, order: int) -> None:
        """Whatever order they stand in: a caller that comes when it is told to isn't refused by the next one."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            limits = [rate(3, 60), daily(3), concurrency(3)][::order]
            desk = Desk(loop, *limits)
            assert passed([desk.ask() for _ in range(3)]) == 3
            error = desk.ask().error
            assert error is not None
            assert (error.code, error.retry_after) == (Code.RATE_LIMITED, DAY_S // 3)
            assert "'daily' of the consumer" in error.detail

        run(test)

    @pytest.mark.parametrize(
        "first", [rate(1, 1, wait_ns=3 * SECOND_NS, queue=9), concurrency(3, wait_ns=SECOND_NS, queue=9)]
    )
    def test_nobody_waits_in_vain(self, first: Limit) -> None:
        """Who is over a limit that it can't wait for stands in line for no other, and takes no place there."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            desk = Desk(loop, first, daily(3))
            requests = [desk.ask() for _ in range(3)]
            await desk.sleep(2.1)
            assert passed(requests) == 3
            refused = [desk.ask() for _ in range(2)]
            assert [one.code for one in refused] == [Code.RATE_LIMITED] * 2
            assert all(one.error is not None and "daily" in one.error.detail for one in refused)
            assert all(cell.waiting == 0 for cell in desk.admission.cells())

        run(test)

    def test_a_line_for_each(self) -> None:
        """Who can be served in time by all of them stands in one line after the other, and spends once."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            wait = {"wait_ns": 9 * SECOND_NS, "queue": 9}
            desk = Desk(loop, rate(1, 1, name="quick", **wait), rate(2, 4, burst=1, name="slow", **wait))
            requests = [desk.ask() for _ in range(3)]
            await desk.sleep(4.1)
            assert [round((one.passed_at or 0) - (requests[0].passed_at or 0)) for one in requests] == [0, 2, 4]

        run(test)

    def test_a_full_line(self) -> None:
        """It refuses though another limit would let it wait, and spends nothing."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            everybody = (concurrency(1, scope=Scope.GATEWAY, wait_ns=60 * SECOND_NS, queue=1),)
            desk = Desk(loop, rate(4, 60, burst=4, wait_ns=60 * SECOND_NS, queue=9), gateway=everybody)
            running, waiting = desk.ask(), desk.ask()
            assert [desk.ask().code for _ in range(5)] == [Code.QUEUE_FULL] * 5
            desk.end(running)
            assert waiting.passed_at is not None

        run(test)


class TestPriority:
    @pytest.mark.parametrize("limit", [rate(100, 60), rate(100, 60, wait_ns=SECOND_NS, queue=1)])
    def test_one_that_is_none(self, limit: Limit) -> None:
        """It is refused whether or not there is a line, and spends nothing."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            desk = Desk(loop, limit)
            codes = [desk.ask(f"Exeat-Priority: {word}").code for word in ("banana", "8", "", "7")]
            assert codes == [*[Code.MALFORMED_REQUEST] * 3, None]
            assert passed([desk.ask() for _ in range(100)]) == 99

        run(test)


class TestTelling:
    def test_names(self) -> None:
        """Where two limits have one name, the later one's says whose it is; the first one's stays what it is."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            owned = {
                "key": (rate(2, 60, scope=Scope.KEY),),
                "upstream": (rate(3, 60, scope=Scope.UPSTREAM, per=Per("consumer")),),
                "grant": (rate(4, 60, scope=Scope.GRANT, name="key-rate"),),
            }
            desk = Desk(loop, rate(1, 60), **owned)
            names = [part.partition(";")[0] for part in policy(desk).split(", ")]
            assert names == ['"rate"', '"key-rate"', '"grant-key-rate"', '"upstream-rate"']
            told = desk.admission.tell(desk.ask("Exeat-RateLimit: legacy").exchange).decode()
            assert told.count('"upstream-rate"') == 2

        run(test)

    @pytest.mark.parametrize(
        ("per", "is_told"),
        [
            (Per("consumer"), True),
            (Per("key"), True),
            (Per("ip"), False),
            (Per("header", b"x-tenant"), False),
            (None, False),
        ],
    )
    def test_nothing_of_others(self, per: Per | None, is_told: bool) -> None:  # noqa: FBT001 - pytest's own
        """An address or the value of a field may be that of several consumers: what is left for it isn't told."""

        async def test(loop: asyncio.AbstractEventLoop) -> None:
            for scope in ("gateway", "upstream"):
                desk = Desk(loop, **{scope: (rate(5, 60, scope=Scope(scope), per=per),)})
                assert bool(policy(desk, "X-Tenant: a")) is is_told
                assert bool(policy(desk, "X-Tenant: a", owner="app")) is is_told
            desk = Desk(loop, rate(5, 60, per=per))
            assert policy(desk)

        run(test)


def test_whoami_is_bounded() -> None:
    """Somebody with very many limits is told of some, and how many more there are."""
    limits = tuple(rate(5, 60, name=f"rate-{number}") for number in range(OWN_LIMIT + 3))
    api = upstream("api", "http://api.test")
    owner = replace(consumer({"api": [grant("api")]}), limits=limits)
    known = {bytes.fromhex(new_key().sha256): key(owner)}
    with on_stage(snapshot(api, known=known)) as stage:
        caller = stage.caller()
        caller.says("GET /-/whoami HTTP/1.1", "Host: gateway.test", KEYED)
        listed = json.loads(caller.takes().partition(b"\r\n\r\n")[2])
        assert [limit["name"] for limit in listed["limits"]] == [limit.name for limit in limits[:OWN_LIMIT]]
        assert listed["limits_left_out"] == 3
