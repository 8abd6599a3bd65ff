"""How many of an upstream's calls of late may be retries: a count of both over a window that moves on by seconds.

A budget bounds what retries add where everything fails: a fifth more load by default, not three times as much.
"""

from typing import Final, final

WINDOW_S: Final = 10
LEAST_A_SECOND: Final = 3  # so that an upstream that is rarely called has its calls tried again
OWNERS_LIMIT: Final = 10_000


@final
class RetryBudget:
    """The calls and retries of one upstream in the last seconds; times are monotonic seconds."""

    __slots__ = ("_call_cells", "_calls", "_retries", "_retry_cells", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._call_cells = [0] * WINDOW_S
        self._retry_cells = [0] * WINDOW_S
        self._calls = 0
        self._retries = 0

    def count(self, now: float) -> None:
        """A call begins."""
        second = int(now)
        if second != self._second:
            self._move_on(second)
        self._call_cells[second % WINDOW_S] += 1
        self._calls += 1

    def has_room(self, now: float, percent: int) -> bool:
        """Whether another retry is within `percent` of the calls, or so few a second that it doesn't matter."""
        second = int(now)
        if second != self._second:
            self._move_on(second)
        return self._retries < LEAST_A_SECOND * WINDOW_S or (self._retries + 1) * 100 <= percent * self._calls

    def spend(self, now: float) -> None:
        """A retry is made."""
        second = int(now)
        if second != self._second:
            self._move_on(second)
        self._retry_cells[second % WINDOW_S] += 1
        self._retries += 1

    def _move_on(self, second: int) -> None:
        """Forget what has left the window."""
        passed = second - self._second
        self._second = second
        for back in range(min(passed, WINDOW_S) if passed > 0 else WINDOW_S):
            place = (second - back) % WINDOW_S
            self._calls -= self._call_cells[place]
            self._retries -= self._retry_cells[place]
            self._call_cells[place] = 0
            self._retry_cells[place] = 0


@final
class RetryBudgets:
    """The budgets of one worker, by upstream or destination."""

    __slots__ = ("_budgets",)

    def __init__(self) -> None:
        self._budgets: dict[str, RetryBudget] = {}

    def of(self, owner: str) -> RetryBudget:
        """The budget of one; it begins with the first call."""
        budget = self._budgets.get(owner)
        if budget is None:
            if len(self._budgets) >= OWNERS_LIMIT:
                self._budgets.clear()
            budget = self._budgets[owner] = RetryBudget()
        return budget
