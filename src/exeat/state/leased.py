"""Cells of limits that several workers share: a worker takes a part from the ledger and spends from it by itself.

Rule 1: what is spent was granted before. Only where the ledger can't be reached, rates and concurrency go on with this
worker's share of the limit; quotas and budgets don't.
Rule 2: what lies idle goes back, at once where others need it. Who was asked for that and has got nothing since keeps
nothing: the ledger need not ask again.
Rule 3: several requests that need more share one question, and are answered in the order in which they came.
Rule 4: who stands in line stands at the ledger, so that it is everybody's turn by age, whichever worker it waits in.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from exeat.model.limit import Limit
from exeat.state.cells import NEVER, Cell
from exeat.state.ledger import Answer, Charge, Give, Grant, Hold, Recall, Stand, Take

MS: Final = 1_000_000
KEPT_NS: Final = 200 * MS  # after which what wasn't needed goes back
BARREN_NS: Final = 1_000 * MS  # after which what was used up is asked for again, if nobody has said that there is more
CUT_OFF_NS: Final = 100 * MS  # for which a ledger that knows nothing isn't asked
TRUSTED_NS: Final = 5_000 * MS  # after a grant; the ledger remembers it for longer
RECALLED_NS: Final = 1_000 * MS  # for which nothing is kept idle after others needed it
AHEAD_LIMIT: Final = 1000
TOLD_ENOUGH: Final = 8  # of a line: who comes behind so many isn't told of yet


class Lender(ABC):
    """Who speaks to the ledger for the cells of this worker, one of `workers`; once for each turn of the loop."""

    workers: int
    is_there: bool
    is_away: bool  # for so long that nobody waits for it any more

    @abstractmethod
    def wall(self) -> int:
        """Nanoseconds since the epoch."""

    @abstractmethod
    def ask(self, cell: "LeasedCell") -> None:
        """Put a cell's question, and bring it the answer and the grants that may follow."""

    @abstractmethod
    def stand(self, cell: "LeasedCell") -> None:
        """Tell the ledger who stands in line for a cell, and bring it what is granted to them."""

    @abstractmethod
    def say(self, what: Give | Charge | Stand) -> None:
        """Tell the ledger."""

    @abstractmethod
    def keep(self, cell: "LeasedCell") -> None:
        """Visit a cell until it holds nothing."""


class LeasedCell(Cell):
    """What this worker holds of a limit; `name` is that of the ledger's entry."""

    KIND: ClassVar[str]
    IDLE_NS: ClassVar[int] = KEPT_NS
    ANEW_NS: ClassVar[int] = BARREN_NS

    def __init__(self, limit: Limit, value: str, lender: Lender) -> None:
        super().__init__(limit, value)
        self.name = f"{limit.id}\n{value}"
        self._lender = lender
        self._hand = 0
        self._least = 0  # that the hand has held since the last visit
        self._visited_at = 0
        self._room = 0  # at the ledger, when it was asked last
        self._room_at = 0
        self._askers: list[tuple[int, Callable[[], None]]] = []
        self._is_asking = False
        self._asked_at = 0
        self._needed = 0
        self._line: Sequence[tuple[int, int, int]] = ()
        self._told = 0  # how many of the line the ledger knows of
        self._told_priority = 0
        self._called: Callable[[], None] | None = None
        self._ahead = 0  # how many requests are provided for
        self._granted = 0
        self._granted_at = 0
        self._barren_until = 0
        self._barren_cost = 0
        self._again_at = 0
        self._cut_off_until = 0
        self._recalled_until = 0
        self._trusted_until = 0  # with what lies idle: the ledger would ask for it

    # Cell

    def ready_at(self, now: int, cost: int) -> int:
        """At once if the hand suffices; else when the ledger said that there is more."""
        if self._hand >= cost:
            return now
        if now < self._barren_until and cost >= self._barren_cost:
            return max(self._again_at, now + 1)
        return NEVER

    def spend(self, now: int, cost: int) -> None:
        """Take from the hand."""
        self._hand -= cost
        self._least = min(self._least, self._hand)

    def must_ask(self, now: int, cost: int) -> bool:
        """Whether the hand doesn't suffice, and the ledger may have more."""
        return self._hand < cost and not self._told and not self._is_barren(now, cost) and not self.is_cut_off(now)

    def worth_asking_at(self, now: int) -> int:
        """When the ledger may have more, where it had too little."""
        return max(self._barren_until, self._cut_off_until, now + MS)

    def ask(self, cost: int, answered: Callable[[], None]) -> None:
        """Ask the ledger, together with all who ask in this turn."""
        self._askers.append((cost, answered))
        if not self._is_asking:
            self._is_asking = True
            self._lender.ask(self)

    def stand(self, now: int, line: Sequence[tuple[int, int, int]], called: Callable[[], None] | None) -> bool:
        """Have `called` be called when there is something for who stands in line; False while the ledger is away."""
        if self.is_cut_off(now):
            return False
        self._called = called
        told = self._told
        is_first = bool(line) and bool(told) and line[0][0] < self._told_priority
        if is_first or (told != len(line) and not TOLD_ENOUGH <= told < len(line)):
            self._line = line
            self._lender.stand(self)
        return True

    @property
    def is_known(self) -> bool:
        """Whether the ledger has said what there is."""
        return self._room_at > 0

    def remaining(self, now: int) -> int:
        """What is in hand, and what the ledger had when it was asked."""
        return max(0, self._hand) + self._room

    def whole_in(self, now: int) -> int:
        """Nobody knows."""
        return 0

    def is_idle(self, now: int) -> bool:
        """Whether it holds nothing, and nobody wants anything of it."""
        return not self._hand and not self._askers and not self.waiting and not self._told

    def redefine(self, limit: Limit) -> None:
        """Go on by a changed definition; there may be more than was said."""
        super().redefine(limit)
        self._barren_until = 0
        if self._told:
            self._lender.stand(self)

    def is_cut_off(self, now: int) -> bool:
        """Whether the ledger can't be reached, or knows nothing of this limit."""
        return self._lender.is_away or now < self._cut_off_until

    def _is_barren(self, now: int, cost: int) -> bool:
        return now < self._barren_until and cost >= self._barren_cost

    # Question and answer

    def question(self, now: int) -> Take | None:
        """What to ask the ledger; None where nothing is needed any more."""
        self._refresh(now)
        costs = [cost for cost, _ in self._askers]
        need = sum(costs) - self._hand
        if need <= 0:
            return None
        if now - self._granted_at < self.IDLE_NS:  # what was granted is used up already
            self._ahead = min(AHEAD_LIMIT, 2 * max(self._ahead, len(costs)))
        else:
            self._ahead //= 2
        self._asked_at = now
        self._needed = need
        amount, span = self._measure()
        least = max(1, costs[0] - self._hand)
        return Take(self.name, self.KIND, amount, span, need, least, need + self._ahead * costs[-1])

    def answered(self, answer: Answer | None, now: int) -> None:
        """Go on with an answer; None is one that nothing is known of."""
        if answer is None:
            self._cut_off_until = now + CUT_OFF_NS
            self._finish()
            return
        self._take_in(answer, now)
        if answer.held and answer.granted < self._needed:
            self._needed -= answer.granted
            self._call(self._satisfied())
        else:
            self._judge(answer, now)

    def granted(self, grant: Grant, now: int) -> None:
        """Go on with what came unasked: for the line, or where the answer was that others are asked."""
        answer = grant.answer
        if answer is None:
            self._cut_off_until = now + CUT_OFF_NS
        else:
            self._take_in(answer, now)
        if grant.of_line:
            self._told = grant.left
            self._again_at = now if answer is None else self._more_at(answer, now)
            self.call_line()
        elif answer is None:
            self._finish()
        elif grant.left:
            self._needed = grant.left
            self._call(self._satisfied())
        else:
            self._judge(answer, now)

    def _judge(self, answer: Answer, now: int) -> None:
        """End a question; what the first who gets nothing needs isn't there, for a while."""
        satisfied = self._satisfied()
        if answer.granted < self._needed and satisfied < len(self._askers):
            self._barren_cost = self._askers[satisfied][0]
            self._again_at = self._more_at(answer, now)
            self._barren_until = min(self._again_at, now + self.ANEW_NS)
        self._finish()

    def hear_of_more(self) -> None:
        """There may be something where nothing was left."""
        self._barren_until = 0

    def answered_without(self) -> None:
        """Go on where nothing had to be asked."""
        self._finish()

    def _finish(self) -> None:
        self._is_asking = False
        self._call(len(self._askers))

    def _call(self, count: int) -> None:
        """Let the first go on: each sees for itself whether it is within the limit now."""
        called = self._askers[:count]
        del self._askers[:count]
        for _, answered in called:
            answered()

    def _satisfied(self) -> int:
        left = self._hand
        for place, (cost, _) in enumerate(self._askers):
            left -= cost
            if left < 0:
                return place
        return len(self._askers)

    def _take_in(self, answer: Answer, now: int) -> None:
        self._room, self._room_at = answer.remaining, now
        if answer.granted:
            self._hand += answer.granted
            self._granted, self._granted_at = self._hand, now
            self._trusted_until = now + TRUSTED_NS
            self._lender.keep(self)

    @abstractmethod
    def _measure(self) -> tuple[int, int]:
        """The amount and span of a question."""

    @abstractmethod
    def _more_at(self, answer: Answer, now: int) -> int:
        """When there is more, as far as is known; NEVER if it isn't."""

    # The line

    def place(self, now: int) -> Stand:
        """Who stands in line, for the ledger."""
        self._refresh(now)
        line = list(self._line)
        self._told = len(line)
        if line:
            priority, since, cost = line[0]
            self._told_priority = priority
            line[0] = (priority, since, max(1, cost - self._hand))
        amount, span = self._measure()
        return Stand(self.name, self.KIND, amount, span, line)

    def call_line(self) -> None:
        """Have who stands in line look again."""
        if self._called is not None:
            self._called()

    def forget_line(self) -> None:
        """Know that the ledger knows of nobody in line."""
        self._told = 0

    def _refresh(self, now: int) -> None:
        """Put back what can't be spent any more."""

    # What goes back

    def visit(self, now: int) -> bool:
        """Put back what lies idle; whether anything is held still."""
        if not self._lender.is_there:
            return True  # it would be lost
        self._refresh(now)
        if (now < self._recalled_until or now >= self._trusted_until) and not self._is_asking:
            self._put_back(self._hand)
        elif now - self._visited_at >= self.IDLE_NS:
            self._visited_at = now
            idle, self._least = self._least, self._hand
            self._put_back(min(idle, self._hand))
        return self._hand > 0 or self._is_asking

    def recall(self, recall: Recall, now: int) -> None:
        """Give others what lies idle, and keep nothing idle for a while."""
        self._recalled_until = now + RECALLED_NS
        self._trusted_until = 0
        self._refresh(now)
        amount = max(0, self._hand) if self.name == recall.name else 0
        self._let_go(amount)
        self._lender.say(Give(recall.name, self.KIND, amount, recall.serial))

    def leave(self) -> None:
        """Give everything back: the worker ends."""
        self._put_back(self._hand)

    def rejoin(self) -> Hold | None:
        """What a ledger that may have lost its memory has to know."""
        self._trusted_until = 0
        return None

    def _put_back(self, amount: int) -> None:
        if amount > 0:
            self._let_go(amount)
            self._lender.say(Give(self.name, self.KIND, amount))

    def _let_go(self, amount: int) -> None:
        self._hand -= amount
        self._room += amount
        self._least = min(self._least, self._hand)
        self._ahead = max(0, min(self._ahead, self._granted - amount))

    def _took_back(self, now: int, amount: int) -> None:
        """Note that something is in hand again."""
        self._hand += amount
        if now < self._recalled_until or now >= self._trusted_until:
            self._put_back(self._hand)
        elif self._hand > 0:
            self._lender.keep(self)
