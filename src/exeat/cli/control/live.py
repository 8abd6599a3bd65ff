"""What happens in a gateway, told to those who follow it over the admin API.

Rule 1: where nobody follows, nothing is done; callers never wait for who does.
Rule 2: whoever is slow, or is told of too much, misses something and is told how much that was.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

import orjson
from starlette.concurrency import run_in_threadpool

from exeat.admin.running import Told
from exeat.admin.shown import render_time
from exeat.cli.control.recent import Rates
from exeat.model.audit import Batch
from exeat.store.failure import StoreError
from exeat.store.rows import Row, parse_row
from exeat.store.search import Query, matches

FOLLOWERS_LIMIT = 50
RECORDS_PER_S = 200
WAITING_LIMIT = 2 * RECORDS_PER_S
TICK_S = 1.0
COSTS_S = 10.0


class Follower:
    """One who follows."""

    def __init__(self, query: Query, leave: Callable[["Follower"], None]) -> None:
        self.query = query
        self.is_selective = query != Query()
        self._leave = leave
        self._waiting: deque[Told] = deque()
        self._come = asyncio.Event()
        self._is_over = False
        self._room = RECORDS_PER_S
        self._skipped = 0

    def show(self, body: bytes) -> None:
        """Tell of a record, or count it."""
        if self._room <= 0 or len(self._waiting) >= WAITING_LIMIT:
            self._skipped += 1
            return
        self._room -= 1
        self._put(Told("record", body))

    def tick(self, facts: Mapping[str, object]) -> None:
        """Tell how it stands; records may come again."""
        if len(self._waiting) >= WAITING_LIMIT:
            return
        self._put(Told("tick", orjson.dumps({**facts, "skipped": self._skipped})))
        self._room, self._skipped = RECORDS_PER_S, 0

    def _put(self, told: Told) -> None:
        self._waiting.append(told)
        self._come.set()

    async def __aiter__(self) -> AsyncIterator[Told]:
        """All that happens, until it ends."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._is_over:
                return
            self._come.clear()
            await self._come.wait()

    def end(self) -> None:
        """Tell no more."""
        self._is_over = True
        self._come.set()
        self._leave(self)


class Live:
    """All who follow. `rates` says how much there was to do, `in_flight` what is under way, `costs` those of today."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        rates: Callable[[], Rates],
        in_flight: Callable[[], int],
        costs: Callable[[], Mapping[str, str]],
    ) -> None:
        self._loop = loop
        self._rates = rates
        self._in_flight = in_flight
        self._costs_of_today = costs
        self._costs: Mapping[str, str] = {}
        self._costs_at = float("-inf")
        self._followers: set[Follower] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._is_over = False

    def follow(self, query: Query) -> Follower | None:
        """Tell of what fits from now on; None where too many are told already."""
        if len(self._followers) >= FOLLOWERS_LIMIT or self._is_over:
            return None
        follower = Follower(query, self._followers.discard)
        self._followers.add(follower)
        self._begin()
        return follower

    def show(self, batches: Sequence[Batch]) -> None:
        """Records that are in the database now; from any thread."""
        if self._followers:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._show, batches)

    def end(self) -> None:
        """Nothing happens any more."""
        self._is_over = True
        if self._ticking is not None:
            self._ticking.cancel()
        for follower in list(self._followers):
            follower.end()

    def _begin(self) -> None:
        if self._ticking is None or self._ticking.done():
            self._ticking = self._loop.create_task(self._tick())

    async def _tick(self) -> None:
        while self._followers:
            await self._find_costs()
            facts = {
                "time": render_time(int(datetime.now(UTC).timestamp() * 1_000_000)),
                "in_flight": self._in_flight(),
                **self._rates()._asdict(),
                "cost": self._costs,
            }
            for follower in self._followers:
                follower.tick(facts)
            await asyncio.sleep(TICK_S)

    async def _find_costs(self) -> None:
        if self._loop.time() - self._costs_at < COSTS_S:
            return
        self._costs_at = self._loop.time()
        with contextlib.suppress(StoreError):  # the status says so
            self._costs = await run_in_threadpool(self._costs_of_today)

    def _show(self, batches: Sequence[Batch]) -> None:
        is_selective = any(follower.is_selective for follower in self._followers)
        for batch in batches:
            for number, body in enumerate(batch.records, batch.first):
                row = parse_row(batch.chain, number, body) if is_selective else None
                for follower in self._followers:
                    if row is None or fits(follower, row):
                        follower.show(body)


def fits(follower: Follower, row: Row) -> bool:
    """Whether a record is what somebody asked for."""
    return not follower.is_selective or matches(follower.query, row)
