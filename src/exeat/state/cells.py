"""Cells: what is left of one limit, for one value of what splits it.

Rule 1: a request asks all its cells before it spends from any: it spends from all of them or from none.
Rule 2: times are whole nanoseconds of the monotonic clock, amounts are whole numbers: nothing is rounded.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, final

from exeat.model.limit import Limit
from exeat.policy import gcra

NEVER: Final = 2**62  # no time is known


class Cell(ABC):
    """What is left of `limit` for `value`; `waiting` counts the requests that stand in line for it."""

    limit: Limit
    value: str
    waiting: int

    def __init__(self, limit: Limit, value: str) -> None:
        self.limit = limit
        self.value = value
        self.waiting = 0

    @abstractmethod
    def ready_at(self, now: int, cost: int) -> int:
        """From when on `cost` passes: not later than `now` if it does at once, NEVER if no time is known."""

    @abstractmethod
    def spend(self, now: int, cost: int) -> None:
        """Take `cost`; the caller has asked `ready_at` in the same turn."""

    @abstractmethod
    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """Take back what was spent at `began` (NEVER: just now): an exchange has ended, or nothing was sent."""

    def charge(self, now: int, amount: int, began: int = NEVER) -> None:
        """Settle a difference: a call has cost more than was spent on it, or less where `amount` is below zero.

        Of budgets alone: nothing else has a price.
        """
        raise NotImplementedError

    @property
    def amount(self) -> int:
        """What the limit lets pass at most, at the moment."""
        return self.limit.amount

    @property
    def is_known(self) -> bool:
        """Whether what remains is known here."""
        return True

    @abstractmethod
    def remaining(self, now: int) -> int:
        """What is left, not below zero."""

    @property
    def window(self) -> int:
        """How long (ns) the time is that `limit.amount` is for; 0 where it isn't for any."""
        return self.limit.period

    @abstractmethod
    def whole_in(self, now: int) -> int:
        """In how many nanoseconds everything is there again; 0 if it is, or where no time is known."""

    @abstractmethod
    def is_idle(self, now: int) -> bool:
        """Whether forgetting the cell loses nothing."""

    def must_ask(self, now: int, cost: int) -> bool:
        """Whether only the ledger knows if `cost` passes."""
        return False

    def is_unknown(self, now: int, cost: int) -> bool:
        """Whether nobody can say if `cost` is left."""
        return False

    def worth_asking_at(self, now: int) -> int:
        """When the ledger may have more, where it had too little."""
        return NEVER

    def ask(self, cost: int, answered: Callable[[], None]) -> None:
        """Ask the ledger for `cost`; `answered` is called when it is known, or can't be.

        Of shared cells alone: no other one says that it `must_ask`.
        """
        raise NotImplementedError

    def stand(self, now: int, line: Sequence[tuple[int, int, int]], called: Callable[[], None] | None) -> bool:
        """Have the ledger call when there is something for those in line; False where it isn't the ledger that knows.

        Each of the line is a priority, since when it has been waiting, and its cost.
        """
        return False

    def redefine(self, limit: Limit) -> None:
        """Go on by a changed definition of the same limit."""
        self.limit = limit


@final
class RateCell(Cell):
    """A rate, counted by this process alone."""

    def __init__(self, limit: Limit, value: str) -> None:
        super().__init__(limit, value)
        self._interval = limit.interval
        self._burst = limit.burst
        self._arrival = 0

    def redefine(self, limit: Limit) -> None:
        """Go on by a changed definition: what was spent stays spent."""
        super().redefine(limit)
        self._interval = limit.interval
        self._burst = limit.burst

    def ready_at(self, now: int, cost: int) -> int:
        """From when on `cost` passes."""
        return gcra.when(self._arrival, self._interval, self._burst, cost)

    def spend(self, now: int, cost: int) -> None:
        """Take `cost`."""
        self._arrival = gcra.spend(self._arrival, now, self._interval, cost)

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """Nothing: a rate counts what began, however it ended."""

    def remaining(self, now: int) -> int:
        """How many would pass now."""
        return gcra.remaining(self._arrival, now, self._interval, self._burst)

    def whole_in(self, now: int) -> int:
        """Until the whole burst would pass."""
        return max(0, self._arrival - now)

    def is_idle(self, now: int) -> bool:
        """Whether the whole burst would pass."""
        return self._arrival <= now and not self.waiting


@final
class ConcurrencyCell(Cell):
    """How many exchanges run at once, counted by this process alone."""

    def __init__(self, limit: Limit, value: str) -> None:
        super().__init__(limit, value)
        self._running = 0

    def ready_at(self, now: int, cost: int) -> int:
        """At once, or when an exchange ends."""
        return now if self._running + cost <= self.limit.amount else NEVER

    def spend(self, now: int, cost: int) -> None:
        """An exchange begins."""
        self._running += cost

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """An exchange has ended."""
        self._running -= cost

    def remaining(self, now: int) -> int:
        """How many may begin."""
        return max(0, self.limit.amount - self._running)

    def whole_in(self, now: int) -> int:
        """Nobody knows."""
        return 0

    def is_idle(self, now: int) -> bool:
        """Whether none runs."""
        return not self._running and not self.waiting


@final
class Claims:
    """What one request spends: `costs` from `cells`, one for one.

    `prices` is the place on the exchange's bill that a budget's cost comes from; -1 where a cell counts requests.
    """

    __slots__ = ("cells", "costs", "names", "own", "policy", "prices")

    def __init__(self, cells: tuple[Cell, ...], costs: tuple[int, ...], prices: tuple[int, ...] = ()) -> None:
        self.cells: Final = cells
        self.costs: Final = costs
        self.prices: Final = prices or (-1,) * len(cells)
        self.own: tuple[Cell, ...] | None = None  # those whose standing the caller may know
        self.names: tuple[str, ...] = ()  # as those are told
        self.policy: bytes | None = None  # as it is told, once it was
