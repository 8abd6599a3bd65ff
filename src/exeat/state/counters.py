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
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, cast, final

from exeat.state.leased import LeasedCell, Lender
from exeat.state.ledger import Answers, Charge, Give, Grant, Learnt, More, Recall, Rest, Said, Stand
from exeat.state.messages import Frames, Reply, parse_reply, render_questions
from exeat.telemetry.logs import Log

AWAY_NS: Final = 1_000_000_000
VISIT_S: Final = 0.05
CHECK_S: Final = 0.1
PAUSE_FIRST_S: Final = 0.02
PAUSE_LAST_S: Final = 0.5
LAST_WORDS_STEP_S: Final = 0.005
NAMES_FIRST: Final = 1000  # of cells that are kept by name before those that hold nothing are forgotten
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

    `heard` is called with what other workers have learnt of upstreams; `rests` tells which endpoints rest here, for a
    ledger that has lost its memory.
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
        self.heard: Callable[[Learnt], None] = _ignore
        self.rests: Callable[[], Iterable[Rest]] = tuple
        self._path = path
        self._log = log
        self._clock = clock
        self._wall = wall
        self._link: Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._away_at = 0
        self._waiting: dict[LeasedCell, None] = {}  # in the order in which they came
        self._said: list[Give | Charge | Stand | Learnt] = []
        self._under_way: deque[Asked] = deque()
        self._expecting: dict[LeasedCell, None] = {}  # a grant, after an answer that was held
        self._to_stand: dict[LeasedCell, None] = {}
        self._standing: dict[LeasedCell, None] = {}  # with a line
        self._names: dict[str, LeasedCell] = {}  # of the ledger's entries
        self._names_limit = NAMES_FIRST
        self._kept: dict[LeasedCell, None] = {}
        self._is_flushing = False
        self._visits: asyncio.TimerHandle | None = None
        self._checks: asyncio.TimerHandle | None = None

    # Lender

    def wall(self) -> int:
        """Nanoseconds since the epoch."""
        return self._wall()

    def ask(self, cell: LeasedCell) -> None:
        """Put a cell's question at the end of this turn."""
        self._waiting[cell] = None
        self._soon()

    def stand(self, cell: LeasedCell) -> None:
        """Tell who stands in line at the end of this turn."""
        self._to_stand[cell] = None
        self._soon()

    def say(self, what: Give | Charge | Stand | Learnt) -> None:
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
        if self._link is not None:
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
        self._send(link, [*holds, *charges, *self.rests()], Asked(self._clock(), [], charges))

    def _end(self, link: Link) -> None:
        link.close()
        if self.is_there:
            self.is_there = False
            self._away_at = self._clock() + AWAY_NS
        self._link = None
        lost, self._under_way = self._under_way, deque()
        again = {cell: None for asked in lost for cell in asked.cells}
        self._waiting = {**self._expecting, **again, **self._waiting}
        self._expecting = {}
        for cell in self._standing:
            cell.forget_line()
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
        self._call_lines()

    def _call_lines(self) -> None:
        """Have all who stand in line look again: the ledger is away, or knows nothing of them."""
        for cell in list(self._standing):
            cell.call_line()

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
        to_stand, self._to_stand = self._to_stand, {}
        questions = {cell: cell.question(now) for cell in waiting}
        takes = {cell: take for cell, take in questions.items() if take is not None}
        stands = [self._place(cell, now) for cell in to_stand]
        said, self._said = self._said, []  # with what the cells have just put back
        if said or takes or stands:
            charges = [one for one in said if isinstance(one, Charge)]
            for cell, known in takes.items():
                self._know(known.name, cell, now)
            self._send(link, [*said, *takes.values(), *stands], Asked(now, list(takes), charges))
        for cell, take in questions.items():
            if take is None:
                cell.answered_without()

    def _place(self, cell: LeasedCell, now: int) -> Stand:
        stand = cell.place(now)
        if stand.line:
            self._standing[cell] = None
            self._know(stand.name, cell, now)
        else:
            self._standing.pop(cell, None)
        return stand

    def _know(self, name: str, cell: LeasedCell, now: int) -> None:
        """Know which cell a word of the ledger is for."""
        self._names[name] = cell
        if len(self._names) > self._names_limit:
            known = self._names.items()
            self._names = {name: cell for name, cell in known if cell.name == name and not cell.is_idle(now)}
            self._names_limit = max(NAMES_FIRST, 2 * len(self._names))

    def _send(self, link: Link, questions: list[Said | Learnt], asked: Asked) -> None:
        self._under_way.append(asked)
        link.send(render_questions(questions))
        self._check_soon()

    def _hear(self, said: Reply) -> None:
        now = self._clock()
        if isinstance(said, list):
            self._hear_answers(said, now)
        elif isinstance(said, int):
            self.workers = said * self._own_workers
        elif isinstance(said, More):
            if (cell := self._names.get(said.name)) is not None:
                cell.hear_of_more()
        elif isinstance(said, Recall):
            self._recall(said, now)
        elif isinstance(said, Grant):
            self._grant(said, now)
        else:
            self.heard(said)

    def _hear_answers(self, answers: Answers, now: int) -> None:
        asked = self._under_way.popleft()
        if not self.is_there:
            self._arrive()
        for cell, answer in zip(asked.cells, answers, strict=True):
            if answer is not None and answer.held:
                self._expecting[cell] = None
            cell.answered(answer, now)

    def _arrive(self) -> None:
        self.is_there = True
        self._connected.set()
        if self.is_away:
            self.is_away = False
            self._log.info("the counters are reached again")
        self._call_lines()
        self._soon()

    def _recall(self, said: Recall, now: int) -> None:
        cell = self._names.get(said.name)
        if cell is None:
            self.say(Give(said.name, said.kind, 0, said.serial))
        else:
            cell.recall(said, now)

    def _grant(self, said: Grant, now: int) -> None:
        cell = self._names.get(said.name)
        if cell is None:
            return  # which can't be: a cell that waits isn't forgotten
        if not said.of_line and not said.left:
            self._expecting.pop(cell, None)
        if cell.name == said.name:
            cell.granted(said, now)
            return
        if said.answer is not None:  # of a window that is over
            self.say(Give(said.name, cell.KIND, said.answer.granted))
        if not said.of_line:
            cell.answered_without()


def _ignore(_: Learnt) -> None:
    """Nobody wants to know."""


def _itself(link: Link) -> Link:
    return link
