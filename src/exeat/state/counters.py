"""A worker's line to the process of the ledger: one message for all questions of a turn of the loop.

Rule 1: it connects again by itself for as long as it is needed. Questions wait for that, but not longer than AWAY_NS;
from then on, until it is back, nothing is known.
Rule 2: what was spent without asking is told until it is answered: a message too often counts too much, never too
little. What goes back is told once.
"""

import asyncio
import contextlib
import functools
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, cast, final

from exeat.state.leased import LeasedCell, Lender
from exeat.state.ledger import Charge, Give, Pause, Question, Recall
from exeat.state.messages import Frames, Reply, parse_reply, render_questions
from exeat.telemetry.logs import Log

AWAY_NS: Final = 1_000_000_000
VISIT_S: Final = 0.05
CHECK_S: Final = 0.1
PAUSE_FIRST_S: Final = 0.02
PAUSE_LAST_S: Final = 0.5
LAST_WORDS_STEP_S: Final = 0.005
SECOND_NS: Final = 1_000_000_000


class Asked(NamedTuple):
    """A message under way: who waits for its answers, and what has to be told again if it is lost."""

    at: int
    cells: list[LeasedCell]
    charges: list[Charge]


@final
class Link:
    """One connection: a protocol of asyncio."""

    def __init__(self, hear: Callable[[Reply], None], lost: Callable[[], None]) -> None:
        self._hear = hear
        self._lost = lost
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hear what the ledger says."""
        for message in self._frames.feed(data):
            self._hear(parse_reply(message))

    def eof_received(self) -> None:
        """Close when the ledger does."""

    def pause_writing(self) -> None:
        """Go on: messages are few and small."""

    def resume_writing(self) -> None:
        """Go on."""

    def connection_lost(self, error: Exception | None) -> None:
        """Say that it is over."""
        self._lost()

    def send(self, data: bytes) -> None:
        """Send a message."""
        assert self._transport is not None  # noqa: S101 - it is connected
        self._transport.write(data)

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End it when everything is sent."""
        if self._transport is not None:
            self._transport.close()


@final
class Counters(Lender):
    """The line of one of `workers`; `path` is the socket of the ledger's process.

    `heard` is called with what upstreams said to other workers.
    """

    def __init__(
        self,
        path: Path,
        workers: int,
        log: Log,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.workers = workers
        self._own_workers = workers
        self.is_there = False
        self.is_away = False
        self.heard: Callable[[Pause], None] = _ignore
        self._path = path
        self._log = log
        self._clock = clock
        self._wall = wall
        self._link: Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._away_at = 0
        self._waiting: dict[LeasedCell, None] = {}  # in the order in which they came
        self._said: list[Give | Charge | Pause] = []
        self._under_way: deque[Asked] = deque()
        self._kept: dict[LeasedCell, None] = {}
        self._is_flushing = False
        self._visits: asyncio.TimerHandle | None = None
        self._checks: asyncio.TimerHandle | None = None

    # Lender

    def wall(self) -> int:
        """Nanoseconds since the epoch."""
        return self._wall()

    def ask(self, cell: LeasedCell, after_ns: int = 0) -> None:
        """Put a cell's question at the end of this turn, or later."""
        if after_ns:
            asyncio.get_running_loop().call_later(after_ns / SECOND_NS, self.ask, cell)
            return
        self._waiting[cell] = None
        self._soon()

    def say(self, what: Give | Charge | Pause) -> None:
        """Tell the ledger at the end of this turn; what goes back to one that isn't there is lost, which is safe."""
        if self.is_there or isinstance(what, Charge):
            self._said.append(what)
            self._soon()

    def keep(self, cell: LeasedCell) -> None:
        """Visit a cell until it holds nothing."""
        self._kept[cell] = None
        if self._visits is None:
            self._visits = asyncio.get_running_loop().call_later(VISIT_S, self._visit)

    def _visit(self) -> None:
        now = self._clock()
        for cell in list(self._kept):
            if not cell.visit(now):
                del self._kept[cell]
        loop = asyncio.get_running_loop()
        self._visits = loop.call_later(VISIT_S, self._visit) if self._kept else None

    # Life

    def follow(self, *, needed: bool) -> None:
        """Be connected, or not any more."""
        if needed and self._connecting is None:
            self._away_at = self._clock() + AWAY_NS
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        elif not needed and self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None

    async def connected(self, limit_s: float) -> bool:
        """Wait for the first connection; whether there is one in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._connected.wait()
        return self._connected.is_set()

    async def close(self) -> None:
        """Give everything back, and end."""
        for cell in list(self._kept):
            cell.leave()
        self._flush()
        ends_at = self._clock() + AWAY_NS
        while self.is_there and self._under_way and self._clock() < ends_at:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(LAST_WORDS_STEP_S)
        self.follow(needed=False)
        for timer in (self._visits, self._checks):
            if timer is not None:
                timer.cancel()

    async def _connect(self) -> None:
        """Be connected, again and again."""
        loop = asyncio.get_running_loop()
        pause_s = PAUSE_FIRST_S
        while True:
            over = asyncio.Event()
            link = Link(self._hear, over.set)
            try:
                await loop.create_unix_connection(functools.partial(_itself, link), str(self._path))  # type: ignore[type-var]
            except OSError:
                self._check_away()
            else:
                pause_s = PAUSE_FIRST_S
                self._begin(link)
                try:
                    await over.wait()
                finally:
                    self._end(link)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_LAST_S)

    def _begin(self, link: Link) -> None:
        """Say first what is held; the ledger is there when it has answered that."""
        self._link = link
        holds = [hold for cell in self._kept if (hold := cell.rejoin()) is not None]
        charges = [said for said in self._said if isinstance(said, Charge)]
        self._said = []
        self._send(link, [*holds, *charges], Asked(self._clock(), [], charges))

    def _end(self, link: Link) -> None:
        link.close()
        if self.is_there:
            self.is_there = False
            self._away_at = self._clock() + AWAY_NS
        self._link = None
        lost, self._under_way = self._under_way, deque()
        again = {cell: None for asked in lost for cell in asked.cells}
        self._waiting = {**again, **self._waiting}
        charges = [charge for asked in lost for charge in asked.charges]
        self._said = [*charges, *(said for said in self._said if isinstance(said, Charge))]
        self._check_soon()

    def _check(self) -> None:
        """End a connection that doesn't answer; stop waiting for one that doesn't come."""
        self._checks = None
        now = self._clock()
        if self._link is not None and self._under_way and now - self._under_way[0].at > AWAY_NS:
            self.is_there = False
            self._away_at = now
            self._link.abort()
        self._check_away()
        if self._under_way or self._waiting:
            self._check_soon()

    def _check_soon(self) -> None:
        if self._checks is None:
            self._checks = asyncio.get_running_loop().call_later(CHECK_S, self._check)

    def _check_away(self) -> None:
        if self.is_there or self._clock() < self._away_at:
            return
        if not self.is_away:
            self.is_away = True
            self._log.warning(
                "the counters can't be reached: rates and concurrency are counted by each worker alone,"
                " quotas and budgets refuse"
            )
        waiting, self._waiting = self._waiting, {}
        for cell in waiting:
            cell.answered(None, self._clock())

    # Messages

    def _soon(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send what has gathered in this turn."""
        self._is_flushing = False
        link = self._link
        if link is None or not self.is_there:
            self._check_away()
            self._check_soon()
            return
        now = self._clock()
        waiting, self._waiting = self._waiting, {}
        questions = {cell: cell.question(now) for cell in waiting}
        takes = {cell: take for cell, take in questions.items() if take is not None}
        said, self._said = self._said, []  # with what the cells have just put back
        if said or takes:
            charges = [one for one in said if isinstance(one, Charge)]
            self._send(link, [*said, *takes.values()], Asked(now, list(takes), charges))
        for cell, take in questions.items():
            if take is None:
                cell.answered_without()

    def _send(self, link: Link, questions: list[Question | Pause], asked: Asked) -> None:
        self._under_way.append(asked)
        link.send(render_questions(questions))
        self._check_soon()

    def _hear(self, said: Reply) -> None:
        now = self._clock()
        if isinstance(said, int):
            self.workers = said * self._own_workers
            return
        if isinstance(said, Recall):
            self._recall(said, now)
            return
        if isinstance(said, Pause):
            self.heard(said)
            return
        asked = self._under_way.popleft()
        if not self.is_there:
            self._arrive()
        for cell, answer in zip(asked.cells, said, strict=True):
            cell.answered(answer, now)

    def _arrive(self) -> None:
        self.is_there = True
        self._connected.set()
        if self.is_away:
            self.is_away = False
            self._log.info("the counters are reached again")
        self._soon()

    def _recall(self, said: Recall, now: int) -> None:
        for cell in self._kept:
            if cell.name == said.name:
                cell.recall(now)
                return
        self.say(Give(said.name, said.kind, 0))


def _ignore(_: Pause) -> None:
    """Nobody wants to know."""


def _itself(link: Link) -> Link:
    return link
