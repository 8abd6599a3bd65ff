"""The kinds of cells that workers share: rates, permits of concurrency, windows of quotas and budgets."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final, final
from zoneinfo import ZoneInfo

from exeat.model.limit import Kind, Limit
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Upstream
from exeat.policy import calendar
from exeat.policy.calendar import Window
from exeat.state.cells import NEVER, Cell, RateCell
from exeat.state.leased import MS, LeasedCell, Lender
from exeat.state.ledger import PERMITS, RATE, SLICE_NS, WINDOW, Answer, Charge, Give, Hold, Stand

TURN_NS: Final = 2 * MS  # in which what was granted for a request is used by it
PERMITS_NS: Final = 10 * MS  # after which permits are asked for again

zone_of = cache(ZoneInfo)


@final
class LeasedRate(LeasedCell):
    """A rate of several workers."""

    KIND = RATE
    IDLE_NS = SLICE_NS

    def __init__(self, limit: Limit, value: str, lender: Lender) -> None:
        super().__init__(limit, value, lender)
        self._expires_at = 0
        self._own: RateCell | None = None

    def redefine(self, limit: Limit) -> None:
        """Go on by a changed definition."""
        super().redefine(limit)
        self._own = None

    def ready_at(self, now: int, cost: int) -> int:
        """When this worker may, by itself or by what it holds."""
        if now < self._expires_at and self._hand >= cost:
            return now
        if self.is_cut_off(now):
            return self._alone(now).ready_at(now, cost)
        self._refresh(now)
        ready_at = super().ready_at(now, cost)
        return max(self._again_at, now + 1) if self._told and ready_at == NEVER else ready_at

    def must_ask(self, now: int, cost: int) -> bool:
        """Whether the hand doesn't suffice, and the ledger may have more."""
        self._refresh(now)
        return super().must_ask(now, cost)

    def spend(self, now: int, cost: int) -> None:
        """Take from the hand, or from this worker's share."""
        if self._hand >= cost:
            super().spend(now, cost)
        else:
            self._alone(now).spend(now, cost)

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """Nothing: a rate counts what began, however it ended."""

    def remaining(self, now: int) -> int:
        """What is in hand, and what the ledger has by now."""
        if self.is_cut_off(now):
            return self._alone(now).remaining(now)
        grown = self._room + (now - self._room_at) // self.limit.interval
        return min(self.limit.burst, super().remaining(now) - self._room + grown)

    def whole_in(self, now: int) -> int:
        """Until the whole burst would pass."""
        return (self.limit.burst - self.remaining(now)) * self.limit.interval

    def _alone(self, now: int) -> RateCell:
        """The share of this worker, while the ledger is away."""
        if self._own is None:
            self._own = RateCell(shared_rate(self.limit, self._lender.workers), self.value)
        return self._own

    def _refresh(self, now: int) -> None:
        if now >= self._expires_at and self._hand:
            self._put_back(self._hand)

    def _take_in(self, answer: Answer, now: int) -> None:
        if answer.granted:
            self._own = None
            self._expires_at = max(self._asked_at + answer.life, now + TURN_NS)
        super()._take_in(answer, now)

    def _measure(self) -> tuple[int, int]:
        return self.limit.burst, self.limit.interval

    def _more_at(self, answer: Answer, now: int) -> int:
        return now + answer.again_in


@final
class LeasedPermits(LeasedCell):
    """How many exchanges run at once, on all workers; what is in hand is below zero while the ledger isn't asked."""

    KIND = PERMITS
    ANEW_NS = PERMITS_NS

    def __init__(self, limit: Limit, value: str, lender: Lender) -> None:
        super().__init__(limit, value, lender)
        self._running = 0

    def ready_at(self, now: int, cost: int) -> int:
        """At once, or when an exchange ends."""
        if self._hand < cost and self.is_cut_off(now):
            share = max(1, self.limit.amount // self._lender.workers)
            return now if self._running + cost <= share else NEVER
        return super().ready_at(now, cost)

    def spend(self, now: int, cost: int) -> None:
        """An exchange begins."""
        super().spend(now, cost)
        self._running += cost
        self._lender.keep(self)

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """An exchange has ended."""
        self._running -= cost
        self._took_back(now, cost)

    def remaining(self, now: int) -> int:
        """How many may begin; each worker's share, where more isn't known."""
        if self.is_cut_off(now):
            return max(0, self.limit.amount // self._lender.workers - self._running)
        return super().remaining(now)

    def is_idle(self, now: int) -> bool:
        """Whether none runs, and nothing is held."""
        return not self._running and super().is_idle(now)

    def visit(self, now: int) -> bool:
        """Put back what lies idle."""
        return super().visit(now) or self._running > 0

    def rejoin(self) -> Hold | None:
        """The exchanges that run."""
        self._hand = self._least = 0
        self._trusted_until = 0
        return Hold(self.name, self._running) if self._running else None

    def _measure(self) -> tuple[int, int]:
        return self.limit.amount, 0

    def _more_at(self, answer: Answer, now: int) -> int:
        return NEVER


@final
class LeasedWindow(LeasedCell):
    """A quota or budget: what is left in the window of the calendar."""

    KIND = WINDOW

    def __init__(self, limit: Limit, value: str, lender: Lender) -> None:
        super().__init__(limit, value, lender)
        self._stem = self.name
        self._window = Window(0, 0)
        self._ends_at = 0

    def ready_at(self, now: int, cost: int) -> int:
        """At once if the hand suffices; else when the window ends, as far as is known."""
        if now >= self._ends_at:
            self._refresh(now)
        ready_at = super().ready_at(now, cost)
        return self._ends_at if self._told and ready_at == NEVER else ready_at

    def must_ask(self, now: int, cost: int) -> bool:
        """Whether the hand doesn't suffice, and the ledger may have more."""
        if now >= self._ends_at:
            self._refresh(now)
        return super().must_ask(now, cost)

    def is_unknown(self, now: int, cost: int) -> bool:
        """Whether nobody can say if `cost` is left."""
        return self._hand < cost and not self._is_barren(now, cost) and self.is_cut_off(now)

    def give_back(self, now: int, cost: int, began: int = NEVER) -> None:
        """Nothing was sent, or it cost less: what began in an earlier window goes back to that."""
        self.charge(now, -cost, began)

    def charge(self, now: int, amount: int, began: int = NEVER) -> None:
        """Count what became known late: it may go beyond the limit, or be below zero."""
        if began != NEVER:
            earlier = self._window_at(self._lender.wall() - max(0, now - began))
            if earlier != self._window:
                self._tell(self._name_of(earlier), earlier, amount)
                return
        if amount < 0:
            self._took_back(now, -amount)
            return
        from_hand = min(amount, max(0, self._hand))
        self._hand -= from_hand
        self._least = min(self._least, self._hand)
        if amount > from_hand:
            self._room = max(0, self._room - amount + from_hand)
            self._tell(self.name, self._window, amount - from_hand)

    @property
    def window(self) -> int:
        """The length of the window."""
        begin, end = self._window_at(self._lender.wall())
        return end - begin

    @property
    def amount(self) -> int:
        """What may be used in the window, an increase included."""
        return self._amount(self._lender.wall())

    def whole_in(self, now: int) -> int:
        """Until the window ends."""
        return max(0, self._ends_at - now)

    def _tell(self, name: str, of: Window, amount: int) -> None:
        if amount < 0:
            self._lender.say(Give(name, WINDOW, -amount))
        elif amount:
            self._lender.say(Charge(name, of.end_ns, amount))

    def _refresh(self, now: int) -> None:
        """Go on in the window of the moment."""
        wall = self._lender.wall()
        if not self._window.holds(wall):
            self._put_back(self._hand)
            if self._told:
                self._lender.say(Stand(self.name, WINDOW, 0, 0, ()))
                self.forget_line()
            self._window = self._window_at(wall)
            self.name = self._name_of(self._window)
            self._barren_until = 0
            self._room, self._room_at = 0, 0
        self._ends_at = now + self._window.end_ns - wall

    def _window_at(self, wall: int) -> Window:
        return (
            self._window
            if self._window.holds(wall)
            else calendar.window(self.limit.unit, zone_of(self.limit.zone), wall)
        )

    def _name_of(self, of: Window) -> str:
        return f"{self._stem}\n{of.begin_ns // 1_000_000_000}"

    def _amount(self, wall: int) -> int:
        increase = self.limit.increase
        return increase.amount if increase is not None and wall < increase.until else self.limit.amount

    def _measure(self) -> tuple[int, int]:
        return self._amount(self._lender.wall()), self._window.end_ns

    def _more_at(self, answer: Answer, now: int) -> int:
        return now + answer.again_in


def shared_rate(limit: Limit, workers: int) -> Limit:
    """The part of a rate that one worker goes on with by itself."""
    return replace(limit, period=limit.period * workers, burst=max(1, limit.burst // workers))


def is_shared(limit: Limit, workers: int, *, has_redis: bool = False) -> bool:
    """Whether a limit is counted in the ledger: what has to survive, and what several workers count together.

    With Redis, workers of other instances do.
    """
    return workers > 1 or has_redis or limit.kind in {Kind.QUOTA, Kind.BUDGET}


def needs_counters(snapshot: Snapshot, workers: int, *, has_redis: bool = False) -> bool:
    """Whether any limit is counted in the ledger, or workers tell each other there what they learn of upstreams."""
    if (workers > 1 or has_redis) and any(map(_tells, snapshot.upstreams.values())):
        return True
    return any(is_shared(limit, workers, has_redis=has_redis) for limit in limits_of(snapshot))


def _tells(upstream: Upstream) -> bool:
    """Whether there is something to learn of an upstream: its own limits, or what has to rest."""
    if upstream.credential.members:
        return True
    return upstream.provider is not None or upstream.circuit is not None or upstream.health is not None


def limits_of(snapshot: Snapshot) -> Iterator[Limit]:
    """Every limit of a snapshot that a request can be counted by."""
    yield from snapshot.limits
    for upstream in snapshot.upstreams.values():
        yield from upstream.limits
    for consumer in snapshot.consumers.values():
        yield from consumer.limits
        for grants in (*consumer.upstreams.values(), *consumer.destinations.values()):
            for grant in grants:
                yield from grant.limits
    for key in snapshot.keys.values():
        yield from key.limits


def lease(limit: Limit, value: str, lender: Lender) -> Cell:
    """A worker's cell of a shared limit."""
    if limit.kind is Kind.CONCURRENCY:
        return LeasedPermits(limit, value, lender)
    if limit.kind is Kind.RATE:
        return LeasedRate(limit, value, lender)
    return LeasedWindow(limit, value, lender)
