"""What is left of shared limits, in memory: rates, windows of quotas and budgets, permits of concurrency.

Rule 1: more than there is is never granted, whatever the order of wishes and returns. What a holder doesn't need for
its requests is granted only while there is plenty (an eighth of the room at most), so that all of it can be used.
Rule 2: what is granted of a rate beyond the need of the moment may be used a while later, so it counts as used at the
end of that while: no span of time holds more than the rate allows, wherever it is laid.
Rule 3: what is returned of a rate leaves the state that there would be without it: what passed since keeps counting.
Rule 4: a window that passes a mark is told of once for each mark, whatever comes back and is used again.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, final

from exeat.policy import gcra
from exeat.state.ledger import (
    PERMITS,
    RATE,
    RECALL_NS,
    SLICE_NS,
    SOON_NS,
    WINDOW,
    Answer,
    Charge,
    Crossing,
    Give,
    Hold,
    Question,
    Recall,
    Take,
)

PLENTY: Final = 8  # no more than this part of the room is granted beyond the need
SHORT_LIFE_NS: Final = 2_000_000  # that isn't worth it
GRACE_NS: Final = 3_600_000_000_000  # for what comes back after a window's end
NO_END: Final = 2**62
MARKS: Final = (80, 100)  # percent of a window; the last is passed, too, where a call needs more than is left


@final
class Slice:
    """What one holder has of a rate; `floor` is when the rate would be at rest if only later grants counted."""

    __slots__ = ("amount", "floor")

    def __init__(self, amount: int) -> None:
        self.amount = amount
        self.floor = 0


@final
class Rate:
    """A rate: when it is at rest again, and who holds a slice, in the order of the grants."""

    __slots__ = ("interval", "slices", "tat")

    def __init__(self) -> None:
        self.tat = 0
        self.interval = 0
        self.slices: dict[int, Slice] = {}

    def charge(self, at: int, count: int) -> None:
        """Count requests as passing at a time."""
        cost = count * self.interval
        self.tat = max(self.tat, at) + cost
        for part in self.slices.values():
            part.floor = max(part.floor, at) + cost

    def give(self, holder: int, count: int) -> None:
        """Take back what a holder didn't use."""
        part = self.slices.get(holder)
        if part is None:
            return
        count = min(count, part.amount)
        part.amount -= count
        cost = count * self.interval
        for other_holder, other in self.slices.items():
            if other_holder == holder:
                break
            other.floor = max(other.floor - cost, part.floor)
        self.tat = max(self.tat - cost, part.floor)


@final
class Window:
    """How much of a quota or budget is used in one window of the calendar, which ends at a time (wall).

    `told` is the mark that it was told of last; `amount` is what it has in all, 0 while nobody has said so.
    """

    __slots__ = ("amount", "ends_at", "told", "used")

    def __init__(self, used: int, ends_at: int, told: int = 0) -> None:
        self.used = used
        self.ends_at = ends_at
        self.told = told
        self.amount = 0


@final
class Lent:
    """That a holder may have more than it needs, until a time; `serial` is that of what it was granted last."""

    __slots__ = ("recalled_at", "serial", "until")

    def __init__(self, until: int, serial: int) -> None:
        self.until = until
        self.serial = serial
        self.recalled_at = NO_END


@final
class MemoryLedger:
    """The state in memory. `touched` are the windows that have changed, for who keeps them.

    Permits are not granted before `permits_from`: until then, those who hold some may say so.
    """

    def __init__(self, permits_from: int = 0) -> None:
        self.windows: dict[str, Window] = {}
        self.touched: set[str] = set()
        self._permits_from = permits_from
        self._rates: dict[str, Rate] = {}
        self._permits: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._lent: defaultdict[str, dict[int, Lent]] = defaultdict(dict)
        self._serial = 0
        self._recalls: list[Recall] = []
        self._crossings: list[Crossing] = []

    def ask(self, holder: int, question: Question, now: int, wall: int) -> Answer | None:
        """Do what a holder asks; the answer to a Take, None to others and where it can't be known."""
        match question:
            case Take():
                return self._take(holder, question, now, wall)
            case Give():
                self._give(holder, question)
            case Charge():
                self._charge(question)
            case Hold():
                self._hold(holder, question)
        return None

    def recalls(self) -> list[Recall]:
        """Who has to be told that others need what lies idle."""
        recalls, self._recalls = self._recalls, []
        return recalls

    def crossings(self) -> list[Crossing]:
        """Which windows have passed a mark."""
        crossings, self._crossings = self._crossings, []
        return crossings

    def leave(self, holder: int) -> None:
        """A holder is gone."""
        for held in self._permits.values():
            held.pop(holder, None)
        for rate in self._rates.values():
            rate.slices.pop(holder, None)
        for lent in self._lent.values():
            lent.pop(holder, None)

    def give_up(self, name: str, now: int) -> None:
        """Forget who was asked RECALL_NS ago for what lies idle, and hasn't answered."""
        lent = self._lent.get(name, {})
        _drop(lent, [holder for holder, part in lent.items() if part.recalled_at <= now - RECALL_NS])

    def forget(self, now: int, wall: int) -> None:
        """Forget what is at rest, and windows that ended a while ago."""
        _drop(self._rates, [name for name, rate in self._rates.items() if rate.tat <= now])
        _drop(self.windows, [name for name, window in self.windows.items() if window.ends_at + GRACE_NS < wall])
        _drop(self._permits, [name for name, held in self._permits.items() if not any(held.values())])
        _drop(self._lent, [name for name in self._lent if not self._knows(name)])

    def _knows(self, name: str) -> bool:
        return name in self._rates or name in self.windows or name in self._permits

    # Wishes

    def _take(self, holder: int, take: Take, now: int, wall: int) -> Answer | None:
        if take.kind == RATE:
            return self._take_rate(holder, take, now)
        if take.kind == WINDOW:
            return self._take_window(holder, take, now, wall)
        return self._take_permits(holder, take, now)

    def _take_rate(self, holder: int, take: Take, now: int) -> Answer:
        rate = self._rates.get(take.name)
        if rate is None:
            rate = self._rates[take.name] = Rate()
        rate.interval = take.span
        room = gcra.remaining(rate.tat, now, take.span, take.amount)
        life = min(SLICE_NS, take.amount * take.span // PLENTY)
        if life < SHORT_LIFE_NS:
            life = 0
        granted = _granted(room, take if life else take._replace(want=take.need))
        if granted:
            rate.slices.pop(holder, None)
            now_used = min(granted, take.need)
            rate.charge(now, now_used)
            if granted > now_used:
                rate.charge(now + life, granted - now_used)
            rate.slices[holder] = Slice(granted)
        again_in = max(0, gcra.when(rate.tat, take.span, take.amount, min(take.least, take.amount)) - now)
        held = self._look_around(holder, take, granted, now, now + 2 * SLICE_NS, is_soon=again_in <= SOON_NS)
        return Answer(granted, room - granted, again_in, held, life)

    def _take_window(self, holder: int, take: Take, now: int, wall: int) -> Answer:
        window = self.windows.get(take.name)
        if window is None:
            window = self.windows[take.name] = Window(0, take.span)
        room = max(0, take.amount - window.used)
        granted = _granted(room, take)
        if granted:
            window.used += granted
            self.touched.add(take.name)
        held = self._look_around(holder, take, granted, now, NO_END)
        window.amount = take.amount
        self._mark(take.name, window, is_short=room < take.least and not held)
        return Answer(granted, room - granted, max(0, take.span - wall), held, 0)

    def _mark(self, name: str, window: Window, *, is_short: bool = False) -> None:
        """Note which marks a window has passed."""
        for mark in MARKS:
            passed = 100 * window.used >= mark * window.amount or (is_short and mark == MARKS[-1])
            if passed and window.told < mark and window.amount:
                window.told = mark
                self.touched.add(name)
                self._crossings.append(Crossing(name, mark, window.used, window.amount, window.ends_at))

    def _take_permits(self, holder: int, take: Take, now: int) -> Answer | None:
        if now < self._permits_from:
            return None
        held_by = self._permits[take.name]
        room = max(0, take.amount - sum(held_by.values()))
        granted = _granted(room, take)
        if granted:
            held_by[holder] = held_by.get(holder, 0) + granted
        held = self._look_around(holder, take, granted, now, NO_END)
        return Answer(granted, room - granted, 0, held, 0)

    def _look_around(
        self, holder: int, take: Take, granted: int, now: int, until: int, *, is_soon: bool = False
    ) -> bool:
        """Note who may have more than it needs; whether others may, where there is less than is needed.

        Whatever was granted may lie idle, until its holder has answered a recall: requests end, or go away.
        """
        if granted:
            self._serial += 1
            self._lent[take.name][holder] = Lent(until, self._serial)
        if granted >= take.need or is_soon:
            return False
        others = self._lent.get(take.name, {})
        found = [(other, part) for other, part in others.items() if other != holder and part.until > now]
        for other, part in found:
            if part.recalled_at == NO_END:
                part.recalled_at = now
                self._recalls.append(Recall(other, take.name, take.kind, part.serial))
        return bool(found)

    # What comes back

    def _give(self, holder: int, give: Give) -> None:
        lent = self._lent.get(give.name)
        if lent is not None and give.serial and holder in lent and lent[holder].serial == give.serial:
            del lent[holder]
        if give.kind == RATE:
            rate = self._rates.get(give.name)
            if rate is not None:
                rate.give(holder, give.amount)
        elif give.kind == WINDOW:
            window = self.windows.get(give.name)
            if window is not None and give.amount:
                window.used = max(0, window.used - give.amount)
                self.touched.add(give.name)
        elif give.kind == PERMITS and holder in self._permits[give.name]:
            left = max(0, self._permits[give.name][holder] - give.amount)
            self._hold(holder, Hold(give.name, left))

    def _hold(self, holder: int, hold: Hold) -> None:
        self._permits[hold.name][holder] = hold.amount
        if not hold.amount:  # then none lies idle
            self._lent.get(hold.name, {}).pop(holder, None)

    def _charge(self, charge: Charge) -> None:
        window = self.windows.get(charge.name)
        if window is None:
            window = self.windows[charge.name] = Window(0, charge.ends_at)
        window.used += charge.amount
        self.touched.add(charge.name)
        self._mark(charge.name, window)


def _granted(room: int, take: Take) -> int:
    """How much of a room somebody gets."""
    if room < take.least:
        return 0
    if room <= take.need:
        return room
    return max(take.need, min(take.want, room // PLENTY))


def _drop(entries: dict[Any, Any], keys: Iterable[Any]) -> None:
    for key in keys:
        del entries[key]
