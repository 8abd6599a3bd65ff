"""Which credential of a pool a call shows: whose turn it is, which of them rest, and what is done when all do.

Rule 1: a credential that is refused (401, 403) rests, twice as long each time until it has been accepted between.
Rule 2: after its rest, one call tries it; the others show it again when it was accepted.
Rule 3: credentials that were refused keep no call back: where all rest for that, the one is shown that rests least.
Where others only wait for their limits, a call waits, too, rather than meet a 401; a 403 may be of one call alone.
Rule 4: what was sent before a rest began says nothing of the time after it.

Times are nanoseconds of one clock, passed in.
"""

from collections.abc import Container, Sequence
from typing import Final, NamedTuple, final

from exeat.model.limit import SECOND_NS

FIRST_REST_NS: Final = 60 * SECOND_NS
LONGEST_REST_NS: Final = 600 * SECOND_NS
REFUSED: Final = frozenset({401, 403})
NEVER: Final = 2**62  # no time is known
NO_TOKEN: Final = 1  # in place of a status: there was nothing to show
_FORBIDDEN: Final = 403


@final
class Acceptance:
    """Whether a credential is accepted: `status` is what it was refused with last, 0 while it is accepted.

    NO_TOKEN stands for a status. It rests until `until`, which takes `length`; since `since`. `is_tried` says that a
    call is under way that shows whether it is accepted again.
    """

    __slots__ = ("is_tried", "length", "since", "status", "until")

    def __init__(self) -> None:
        self.status = 0
        self.length = 0
        self.since = 0
        self.until = 0
        self.is_tried = False

    def rests(self, now: int) -> bool:
        """Whether it was refused, and its rest isn't over."""
        return self.status != 0 and self.until > now

    def refuse(self, status: int, began: int, now: int) -> bool:
        """Take that it was refused in a call that was sent at `began`; whether a rest begins."""
        if began < self.since:
            return False
        rested = self.rests(now)  # and was shown nevertheless: the others come before it next time
        if not rested:
            self.length = min(2 * self.length, LONGEST_REST_NS) or FIRST_REST_NS
            self.since = now
        self.status = status
        self.until = now + self.length
        self.is_tried = False
        return not rested

    def accept(self, began: int) -> bool:
        """Take that it was accepted in a call that was sent at `began`; whether it was refused before."""
        if not self.status or began < self.since:
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """It is as if it had never been refused."""
        self.status = self.length = self.until = 0
        self.is_tried = False

    def hear(self, status: int, for_ns: int, now: int) -> None:
        """Take what another worker has seen: that it was refused, or for 0 ns, that it was accepted."""
        if for_ns <= 0:
            self.forget()
        elif now + for_ns > self.until:
            if not self.rests(now):
                self.since = now
            self.status = status
            self.length = min(max(self.length, for_ns, FIRST_REST_NS), LONGEST_REST_NS)
            self.until = now + for_ns


class Candidate(NamedTuple):
    """A credential as it is at the moment: `free_at` is when its own limits let a call pass."""

    weight: int
    acceptance: Acceptance
    free_at: int


def shares(candidates: Sequence[Candidate], left_out: Container[int], now: int, *, may_try: bool) -> list[float]:
    """The share of each in a call: of those above 0, one is shown by turns; all are 0 if limits keep each one back.

    `may_try`: should the credential be refused, another one can follow, so that the call may try one that has rested.
    """
    found, rested = [], None
    for place, (weight, acceptance, free_at) in enumerate(candidates):
        is_free = free_at <= now and place not in left_out
        found.append(float(weight) if is_free and not acceptance.status else 0.0)
        if is_free and rested is None and _is_due(acceptance, now):
            rested = place
    if rested is not None and may_try:
        return _alone(rested, candidates)
    return found if any(found) else _alone(_find_last(candidates, left_out, now), candidates)


def has_ready(candidates: Sequence[Candidate], left_out: Container[int], now: int) -> bool:
    """Whether a credential that isn't left out may be shown, and isn't known to be refused."""
    return any(
        free_at <= now and place not in left_out and (not acceptance.status or _is_due(acceptance, now))
        for place, (_, acceptance, free_at) in enumerate(candidates)
    )


def ready_at(candidates: Sequence[Candidate], now: int) -> int:
    """When a call can show one of them: not later than `now`, if at once."""
    soonest, soonest_of_all, all_rest = NEVER, NEVER, True
    for _, acceptance, free_at in candidates:
        rests = acceptance.rests(now)
        all_rest = all_rest and rests
        waits_too = rests and acceptance.status != _FORBIDDEN
        soonest = min(soonest, max(free_at, acceptance.until) if waits_too else free_at)
        soonest_of_all = min(soonest_of_all, free_at)
    return soonest_of_all if all_rest else soonest


def _is_due(acceptance: Acceptance, now: int) -> bool:
    """Whether its rest is over, and nobody tries it yet."""
    return acceptance.status != 0 and acceptance.until <= now and not acceptance.is_tried


def _find_last(candidates: Sequence[Candidate], left_out: Container[int], now: int) -> int | None:
    """Of those that were refused, the place of the one that may be shown nevertheless and whose rest ends first."""
    all_rest = all(acceptance.rests(now) for _, acceptance, _ in candidates)
    found, soonest = None, NEVER
    for place, (_, acceptance, free_at) in enumerate(candidates):
        if free_at > now or place in left_out or acceptance.until >= soonest:
            continue
        if all_rest or not acceptance.rests(now) or acceptance.status == _FORBIDDEN:
            found, soonest = place, acceptance.until
    return found


def _alone(place: int | None, candidates: Sequence[Candidate]) -> list[float]:
    """The whole call for one of them, or for nobody."""
    return [float(other == place) for other in range(len(candidates))]
