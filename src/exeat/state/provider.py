"""What an upstream said last of its own limits, and what that means for the next call."""

from typing import Final, final

from exeat.model.limit import Limit
from exeat.policy.provider import Allowance, pace
from exeat.state.cells import NEVER, Cell

NOTHING: Final = Allowance(None, None, None, None)


@final
class ProviderCell(Cell):
    """An upstream, or a part of it, that asked for a pause or has few calls left.

    Calls stop while it says so, and while as many are under way as it has left. Where calls may stand in line
    (`limit.wait_ns`), what is left is spread over the time until there is more.
    """

    def __init__(self, limit: Limit, value: str) -> None:
        super().__init__(limit, value)
        self._allowance = NOTHING
        self._running = 0
        self._next_at = 0

    def learn(self, allowance: Allowance, now: int) -> None:
        """Take what an answer says; its own exchange is still under way."""
        self._allowance = allowance
        self._plan(now, max(0, self._running - 1))

    def hear(self, allowance: Allowance, now: int) -> None:
        """Take what another worker has learnt: of its call nothing is under way here."""
        self._allowance = allowance
        self._plan(now, self._running)

    def _plan(self, now: int, running: int) -> None:
        allowance = self._allowance
        if allowance.stop_until is not None and allowance.stop_until > now:
            self._next_at = allowance.stop_until
        elif allowance.resets_at is None or allowance.resets_at <= now:
            self._next_at = now
        elif allowance.remaining is not None and allowance.remaining <= running:
            self._next_at = allowance.resets_at
        else:
            self._next_at = now + min(pace(allowance, now, running), self.limit.wait_ns)

    def ready_at(self, now: int, cost: int) -> int:
        """When the next call may go."""
        return self._next_at

    def spend(self, now: int, cost: int) -> None:
        """A call begins."""
        self._running += cost
        self._plan(now, self._running)

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """A call has ended."""
        self._running -= cost
        allowance = self._allowance
        if allowance.stop_until is None or allowance.stop_until <= now:
            self._next_at = min(self._next_at, now + self.limit.wait_ns) if self._has_room() else self._next_at

    def _has_room(self) -> bool:
        remaining = self._allowance.remaining
        return remaining is None or remaining > self._running

    def remaining(self, now: int) -> int:
        """How many calls the upstream says are left."""
        return self._allowance.remaining or 0

    def whole_in(self, now: int) -> int:
        """Until the next call may go."""
        return max(0, self._next_at - now)

    def is_idle(self, now: int) -> bool:
        """Whether nothing is left to heed."""
        allowance = self._allowance
        is_over = allowance.resets_at is None or allowance.resets_at <= now
        return is_over and self._next_at <= now and not self._running and not self.waiting
