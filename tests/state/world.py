"""Workers and a ledger without processes, sockets and clocks: what they say to each other passes by hand, in turns."""

import dataclasses
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from exeat.model.limit import Kind, Limit, Scope
from exeat.state.leased import LeasedCell, Lender
from exeat.state.ledger import (
    Answer,
    Answers,
    Charge,
    Give,
    Grant,
    Ledger,
    More,
    Pause,
    Question,
    Recall,
    Rest,
    Said,
    Stand,
    Take,
)
from exeat.state.memory import MemoryLedger
from exeat.state.messages import Frames, parse_questions, parse_reply, render_answers, render_questions, render_word
from exeat.state.shared import lease
from exeat.state.turns import Turns

MS: Final = 1_000_000
SECOND: Final = 1000 * MS
BEGIN: Final = 1_700_000_000 * SECOND  # since the epoch, when the monotonic clock says SECOND
VISIT: Final = 50 * MS


def make_limit(kind: Kind, amount: int, **changes: object) -> Limit:
    """A limit of the whole gateway."""
    known = Limit(f"gateway//{kind}", str(kind), kind, Scope.GATEWAY, "", amount, period=SECOND, burst=amount)
    return dataclasses.replace(known, **changes)  # type: ignore[arg-type]  # they are fields of a limit


Done = Callable[[bool], None]


def ignore(passed: bool) -> None:  # noqa: FBT001 - as any Done
    """Go on, whatever came of it."""


def at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of something that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


class Plain(Ledger):
    """A ledger in memory alone, for who waits in front of it."""

    def __init__(self) -> None:
        self.memory = MemoryLedger()

    async def answer(self, asked: list[tuple[int, list[Question]]], now: int, wall: int) -> list[Answers]:
        """Answer a round of questions."""
        return [
            [answer for one, answer in self._each(holder, said, now, wall) if isinstance(one, Take)]
            for holder, said in asked
        ]

    def _each(self, holder: int, said: list[Question], now: int, wall: int) -> list[tuple[Question, Answer | None]]:
        return [(one, self.memory.ask(holder, one, now, wall)) for one in said]

    def recalls(self) -> list[Recall]:
        """Who has to be told that others need what lies idle."""
        return self.memory.recalls()

    def give_up(self, name: str, now: int) -> None:
        """Wait no longer for who hasn't answered."""
        self.memory.give_up(name, now)

    def leave(self, holder: int) -> None:
        """A holder is gone."""
        self.memory.leave(holder)

    def tend(self, now: int, wall: int) -> None:
        """Forget nothing."""

    def close(self) -> None:
        """Keep nothing open."""


class SimulatedLender(Lender):
    """One worker's line to the ledger of its world. A message waits until `deliver`, in both directions."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.workers = 4
        self.is_there = True
        self.is_away = False
        self.is_stuck = False
        self.asked = 0
        self.inbox: deque[bytes] = deque()
        self._under_way: deque[list[LeasedCell]] = deque()
        self._cells: dict[LeasedCell, None] = {}
        self._lines: dict[LeasedCell, None] = {}
        self._said: list[Give | Charge | Stand] = []
        self._kept: dict[LeasedCell, None] = {}
        self._names: dict[str, LeasedCell] = {}

    def wall(self) -> int:
        """The time of the world."""
        return BEGIN + self.world.now - SECOND

    def ask(self, cell: LeasedCell) -> None:
        """Note a question."""
        self._cells[cell] = None

    def stand(self, cell: LeasedCell) -> None:
        """Note that a line has changed."""
        self._lines[cell] = None

    def say(self, what: Give | Charge | Stand) -> None:
        """Note what the ledger is told."""
        self._said.append(what)

    def keep(self, cell: LeasedCell) -> None:
        """Note a cell that holds something."""
        self._kept[cell] = None

    def tick(self) -> None:
        """Come to cells that hold something."""
        for cell in list(self._kept):
            if not cell.visit(self.world.now):
                del self._kept[cell]

    def listen(self) -> None:
        """Hear what has been said so far."""
        while self.inbox and not self.is_stuck:
            (message,) = Frames().feed(self.inbox.popleft())
            self._hear(message)

    def deliver(self) -> None:
        """Hear what has been said so far, and send one message."""
        if self.is_stuck:
            return
        self.listen()
        now = self.world.now
        cells, self._cells = self._cells, {}
        lines, self._lines = self._lines, {}
        questions = {cell: cell.question(now) for cell in cells}
        takes = {cell: take for cell, take in questions.items() if take is not None}
        stands = {cell: cell.place(now) for cell in lines}
        said: list[Said] = [*self._said, *takes.values(), *stands.values()]
        self._said = []
        if said:
            self.asked += len(takes)
            self._names.update({take.name: cell for cell, take in takes.items()})
            self._names.update({stand.name: cell for cell, stand in stands.items()})
            self._under_way.append(list(takes))
            self.world.tell(self, said)
        for cell, take in questions.items():
            if take is None:
                cell.answered_without()

    def _hear(self, message: bytes) -> None:
        said, now = parse_reply(message), self.world.now
        match said:
            case list():
                for cell, answer in zip(self._under_way.popleft(), said, strict=True):
                    cell.answered(answer, now)
            case Grant():
                cell = self._names[said.name]
                if cell.name == said.name:
                    cell.granted(said, now)
            case More():
                self._names[said.name].hear_of_more()
            case Recall():
                if said.name in self._names:
                    self._names[said.name].recall(said, now)
                else:
                    self.say(Give(said.name, said.kind, 0, said.serial))
            case _:
                raise AssertionError(said)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be heard or sent."""
        return self.is_stuck or not (self._cells or self._lines or self._said or self.inbox)


class World:
    """A ledger and workers that share one limit. Every message passes through its rendering."""

    def __init__(self, limit: Limit, workers: int) -> None:
        self.now = SECOND
        self.limit = limit
        self._plain = Plain()
        self.ledger = self._plain.memory
        self.turns = Turns(self._plain)
        self.passed: list[int] = []  # when each request passed
        self.running = 0
        self.refused = 0
        self.when_refused: Callable[[], None] = lambda: None
        self._numbers = 0
        self.lenders: list[SimulatedLender] = []
        self.cells: list[LeasedCell] = []
        for _ in range(workers):
            self._hire(len(self.lenders))

    def _hire(self, place: int) -> None:
        self._numbers += 1
        lender = SimulatedLender(self, self._numbers)
        cell = lease(self.limit, "", lender)
        assert isinstance(cell, LeasedCell)
        self.lenders[place : place + 1] = [lender]
        self.cells[place : place + 1] = [cell]

    def tell(self, lender: SimulatedLender, said: list[Said]) -> None:
        """Bring a message to the ledger; its answers are on their way."""
        (message,) = Frames().feed(render_questions(said))
        heard = [one for one in parse_questions(message) if not isinstance(one, Pause | Rest)]
        self.settle([(lender.number, heard)])

    def settle(self, asked: list[tuple[int, list[Said]]]) -> None:
        """Have the ledger answer, and tell who waits."""
        answers = at_once(self.turns.answer(asked, self.now, BEGIN + self.now - SECOND))
        by_number = {lender.number: lender for lender in self.lenders}
        for (number, _), answer in zip(asked, answers, strict=True):
            by_number[number].inbox.append(render_answers(answer))
        for number, word in self.turns.words():
            if number in by_number:
                by_number[number].inbox.append(render_word(word))
        for recall in self.ledger.recalls():
            if recall.holder in by_number:
                by_number[recall.holder].inbox.append(render_word(recall))

    # What happens

    def request(self, place: int, cost: int = 1, *, done: Done | None = None) -> None:
        """A request of one worker: it passes, is refused, or waits for an answer."""
        self._try(self.cells[place], cost, 0, done or ignore)

    def _try(self, cell: LeasedCell, cost: int, asked: int, done: Done) -> None:
        if cell.ready_at(self.now, cost) <= self.now:
            cell.spend(self.now, cost)
            self.passed.append(self.now)
            self.running += cost
            done(True)  # noqa: FBT003 - as any Done
        elif asked < 4 and cell.must_ask(self.now, cost):
            cell.ask(cost, lambda: self._try(cell, cost, asked + 1, done))
        else:
            self.refused += 1
            self.when_refused()
            done(False)  # noqa: FBT003 - as above

    def turn(self) -> None:
        """Deliver whatever waits, until nothing does."""
        for _ in range(100):
            for lender in self.lenders:
                if not lender.is_quiet:
                    lender.deliver()
            if self.turns.due_at <= self.now:
                self.settle([])
        assert all(lender.is_quiet for lender in self.lenders)

    def wait(self, duration: int) -> None:
        """Let time pass; what has been said is heard before."""
        for lender in self.lenders:
            lender.listen()
        ends_at = self.now + duration
        while self.now < ends_at:
            self.now = min(ends_at, self.now + VISIT, max(self.now + 1, self.turns.due_at))
            for lender in self.lenders:
                lender.tick()
            self.turn()

    def kill(self, place: int) -> None:
        """A worker dies, with all that it holds; another one takes its place."""
        self.turns.leave(self.lenders[place].number)
        self._hire(place)

    def demand(self, rounds: int = 12) -> None:
        """Ask of every worker until it refuses, again and again."""
        for _ in range(rounds):
            for place in range(len(self.cells)):
                answers: list[bool] = []
                for _ in range(200):
                    self.request(place, done=answers.append)
                    self.turn()
                    if answers and not answers[-1]:
                        break
            self.wait(VISIT)
