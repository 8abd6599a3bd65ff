"""Workers and a ledger without processes, sockets and clocks: what they say to each other passes by hand, in turns."""

import dataclasses
from collections.abc import Callable
from typing import Final

from exeat.model.limit import Kind, Limit, Scope
from exeat.state.leased import LeasedCell, Lender
from exeat.state.ledger import Answers, Charge, Give, Pause, Question, Take
from exeat.state.memory import MemoryLedger
from exeat.state.messages import Frames, parse_questions, parse_reply, render_answers, render_questions, render_recall
from exeat.state.shared import lease

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


class SimulatedLender(Lender):
    """One worker's line to the ledger of its world. A message waits until `deliver`."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.workers = 4
        self.is_there = True
        self.is_away = False
        self.asked = 0
        self._cells: dict[LeasedCell, None] = {}
        self._said: list[Give | Charge] = []
        self._later: list[tuple[int, LeasedCell]] = []
        self._kept: dict[LeasedCell, None] = {}

    def wall(self) -> int:
        """The time of the world."""
        return BEGIN + self.world.now - SECOND

    def ask(self, cell: LeasedCell, after_ns: int = 0) -> None:
        """Note a question, for now or later."""
        if after_ns:
            self._later.append((self.world.now + after_ns, cell))
        else:
            self._cells[cell] = None

    def say(self, what: Give | Charge) -> None:
        """Note what the ledger is told."""
        self._said.append(what)

    def keep(self, cell: LeasedCell) -> None:
        """Note a cell that holds something."""
        self._kept[cell] = None

    def tick(self) -> None:
        """Come to cells that wait, and to those that hold something."""
        now = self.world.now
        due = [cell for at, cell in self._later if at <= now]
        self._later = [(at, cell) for at, cell in self._later if at > now]
        self._cells.update(dict.fromkeys(due))
        for cell in list(self._kept):
            if not cell.visit(now):
                del self._kept[cell]

    def deliver(self) -> None:
        """Send one message, and hear the answer and whatever it makes others do."""
        now = self.world.now
        cells, self._cells = self._cells, {}
        questions = {cell: cell.question(now) for cell in cells}
        takes = {cell: take for cell, take in questions.items() if take is not None}
        said: list[Question] = [*self._said, *takes.values()]
        self._said = []
        self.asked += len(takes)
        answers = self.world.tell(self, said)
        for cell, answer in zip(takes, answers, strict=True):
            cell.answered(answer, now)
        for cell, take in questions.items():
            if take is None:
                cell.answered_without()

    def recall(self, name: str, kind: str) -> None:
        """Hear that others need what lies idle."""
        for cell in self._kept:
            if cell.name == name:
                cell.recall(self.world.now)
                return
        self.say(Give(name, kind, 0))

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._cells and not self._said


class World:
    """A ledger and workers that share one limit. Every message passes through its rendering."""

    def __init__(self, limit: Limit, workers: int) -> None:
        self.now = SECOND
        self.limit = limit
        self.ledger = MemoryLedger()
        self.passed: list[int] = []  # when each request passed
        self.running = 0
        self.refused = 0
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

    def tell(self, lender: SimulatedLender, said: list[Question]) -> Answers:
        """Bring a message to the ledger; its answers."""
        (message,) = Frames().feed(render_questions(said))
        wall = BEGIN + self.now - SECOND
        heard = [one for one in parse_questions(message) if not isinstance(one, Pause)]
        answers = [self.ledger.ask(lender.number, one, self.now, wall) for one in heard]
        (reply,) = Frames().feed(
            render_answers([a for a, one in zip(answers, heard, strict=True) if isinstance(one, Take)])
        )
        for recall in self.ledger.recalls():
            Frames().feed(render_recall(recall))
            for other in self.lenders:
                if other.number == recall.holder:
                    other.recall(recall.name, recall.kind)
        parsed = parse_reply(reply)
        assert isinstance(parsed, list)
        return parsed

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
            done(False)  # noqa: FBT003 - as above

    def turn(self) -> None:
        """Deliver whatever waits, until nothing does."""
        for _ in range(20):
            for lender in self.lenders:
                if not lender.is_quiet:
                    lender.deliver()
        assert all(lender.is_quiet for lender in self.lenders)

    def wait(self, duration: int) -> None:
        """Let time pass."""
        ends_at = self.now + duration
        while self.now < ends_at:
            self.now = min(ends_at, self.now + VISIT)
            for lender in self.lenders:
                lender.tick()
            self.turn()

    def kill(self, place: int) -> None:
        """A worker dies, with all that it holds; another one takes its place."""
        self.ledger.leave(self.lenders[place].number)
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
