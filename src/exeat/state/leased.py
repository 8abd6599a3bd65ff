"""Cells of limits that several workers share: a worker takes a part from the ledger and spends from it by itself.

Rule 1: what is spent was granted before. Only where the ledger can't be reached, rates and concurrency go on with this
worker's share of the limit; quotas and budgets don't.
Rule 2: what lies idle goes back, at once where others need it.
Rule 3: several requests that need more share one question, and are answered in the order in which they came.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final

from exeat.model.limit import Limit
from exeat.state.cells import NEVER, Cell
from exeat.state.ledger import Answer, Charge, Give, Hold, Take

MS: Final = 1_000_000
KEPT_NS: Final = 200 * MS  # after which what wasn't needed goes back
AGAIN_NS: Final = (10 * MS, 40 * MS, 150 * MS)  # after which it is asked again while others may give back
CUT_OFF_NS: Final = 100 * MS  # for which a ledger that knows nothing isn't asked
RECALLED_NS: Final = 1_000 * MS  # for which nothing is kept idle after others needed it
AHEAD_LIMIT: Final = 1000


class Lender(ABC):
    """Who speaks to the ledger for the cells of this worker, one of `workers`; once for each turn of the loop."""

    workers: int
    is_there: bool
    is_away: bool  # for so long that nobody waits for it any more

    @abstractmethod
    def wall(self) -> int:
        """Nanoseconds since the epoch."""

    @abstractmethod
    def ask(self, cell: "LeasedCell", after_ns: int = 0) -> None:
        """Put a cell's question, and bring it the answer."""

    @abstractmethod
    def say(self, what: Give | Charge) -> None:
        """Tell the ledger."""

    @abstractmethod
    def keep(self, cell: "LeasedCell") -> None:
        """Visit a cell until it holds nothing."""


class LeasedCell(Cell):
    """What this worker holds of a limit; `name` is that of the ledger's entry."""

    KIND: ClassVar[str]
    IDLE_NS: ClassVar[int] = KEPT_NS

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
        self._tries = 0
        self._ahead = 0  # how many requests are provided for
        self._granted = 0
        self._granted_at = 0
        self._barren_until = 0
        self._barren_cost = 0
        self._again_at = 0
        self._cut_off_until = 0
        self._recalled_until = 0

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
        return self._hand < cost and not self._is_barren(now, cost) and not self.is_cut_off(now)

    def worth_asking_at(self, now: int) -> int:
        """When the ledger may have more, where it had too little."""
        return max(self._barren_until, self._cut_off_until, now + MS)

    def ask(self, cost: int, answered: Callable[[], None]) -> None:
        """Ask the ledger, together with all who ask in this turn."""
        self._askers.append((cost, answered))
        if not self._is_asking:
            self._is_asking = True
            self._lender.ask(self)

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
        return not self._hand and not self._askers and not self.waiting

    def redefine(self, limit: Limit) -> None:
        """Go on by a changed definition; there may be more than was said."""
        super().redefine(limit)
        self._barren_until = 0

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
        self._room, self._room_at = answer.remaining, now
        if answer.granted:
            self._take_in(answer, now)
        satisfied = self._satisfied()
        is_short = answer.granted < self._needed and satisfied < len(self._askers)
        if is_short and answer.held and self._tries < len(AGAIN_NS):
            self._lender.ask(self, AGAIN_NS[self._tries])
            self._tries += 1
            self._call(satisfied)
            return
        if is_short:
            self._barren_cost = self._askers[satisfied][0]
            self._again_at, self._barren_until = self._barren(answer, now)
        self._finish()

    def answered_without(self) -> None:
        """Go on where nothing had to be asked."""
        self._finish()

    def _finish(self) -> None:
        self._is_asking = False
        self._tries = 0
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
        self._hand += answer.granted
        self._granted, self._granted_at = self._hand, now
        self._lender.keep(self)

    @abstractmethod
    def _measure(self) -> tuple[int, int]:
        """The amount and span of a question."""

    @abstractmethod
    def _barren(self, answer: Answer, now: int) -> tuple[int, int]:
        """When there is more as far as is known, and until when it isn't worth to ask."""

    def _refresh(self, now: int) -> None:
        """Put back what can't be spent any more."""

    # What goes back

    def visit(self, now: int) -> bool:
        """Put back what lies idle; whether anything is held still."""
        if not self._lender.is_there:
            return True  # it would be lost
        self._refresh(now)
        if now < self._recalled_until and not self.waiting and not self._is_asking:
            self._put_back(self._hand)
        elif now - self._visited_at >= self.IDLE_NS:
            self._visited_at = now
            idle, self._least = self._least, self._hand
            self._put_back(min(idle, self._hand))
        return self._hand > 0 or self._is_asking

    def recall(self, now: int) -> None:
        """Give others what lies idle, and keep nothing idle for a while."""
        self._recalled_until = now + RECALLED_NS
        self._refresh(now)
        if not self._put_back(self._hand):
            self._lender.say(Give(self.name, self.KIND, 0))

    def leave(self) -> None:
        """Give everything back: the worker ends."""
        self._put_back(self._hand)

    def rejoin(self) -> Hold | None:
        """What a ledger that may have lost its memory has to know."""
        return None

    def _put_back(self, amount: int) -> bool:
        if amount <= 0:
            return False
        self._hand -= amount
        self._room += amount
        self._least = min(self._least, self._hand)
        self._ahead = max(0, min(self._ahead, self._granted - amount))
        self._lender.say(Give(self.name, self.KIND, amount))
        return True

    def _took_back(self, now: int, amount: int) -> None:
        """Note that something is in hand again."""
        self._hand += amount
        if now < self._recalled_until and not self.waiting and not self._is_asking:
            self._put_back(self._hand)
        elif self._hand > 0:
            self._lender.keep(self)
