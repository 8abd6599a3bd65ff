"""The circuit of one endpoint: when it rests, how it is tried again, how it comes back.

Rule 1: TRANSITIONS holds every change of stage; nothing else changes it.
Rule 2: what was sent before a rest began says nothing about the time after it.
Rule 3: one probe at a time; one that ends without a verdict, or takes longer than the rest did, frees its place.
Rule 4: the memory of a circuit is bounded: counts in a ring of parts of its window.
"""

from enum import StrEnum
from math import inf
from typing import Final, final

from exeat.model.circuit import Circuit

PARTS: Final = 10  # of a window
FIRST_SHARE: Final = 0.1  # of an endpoint that begins to recover
DEFAULT: Final = Circuit()


class Stage(StrEnum):
    """Where a circuit stands."""

    CLOSED = "closed"  # calls pass
    OPEN = "open"  # none does
    PROBING = "probing"  # one has passed, to see how it ends
    RECOVERING = "recovering"  # a growing share passes


class Event(StrEnum):
    """What happens to a circuit."""

    FAILING = "failing"  # too much has failed
    TOLD_TO_REST = "told to rest"
    TOLD_TO_RECOVER = "told to recover"
    PROBED = "probed"  # a call was let through
    PASSED = "passed"  # the probe went well
    FAILED = "failed"  # the probe didn't
    ABANDONED = "abandoned"  # the probe ended without a verdict
    RECOVERED = "recovered"  # the time to recover is over
    RESET = "reset"


TRANSITIONS: Final = {
    (Stage.CLOSED, Event.FAILING): Stage.OPEN,
    (Stage.CLOSED, Event.TOLD_TO_REST): Stage.OPEN,
    (Stage.OPEN, Event.TOLD_TO_REST): Stage.OPEN,
    (Stage.OPEN, Event.TOLD_TO_RECOVER): Stage.RECOVERING,
    (Stage.OPEN, Event.PROBED): Stage.PROBING,
    (Stage.PROBING, Event.PROBED): Stage.PROBING,
    (Stage.PROBING, Event.PASSED): Stage.RECOVERING,
    (Stage.PROBING, Event.FAILED): Stage.OPEN,
    (Stage.PROBING, Event.ABANDONED): Stage.OPEN,
    (Stage.PROBING, Event.TOLD_TO_REST): Stage.OPEN,
    (Stage.PROBING, Event.TOLD_TO_RECOVER): Stage.RECOVERING,
    (Stage.RECOVERING, Event.FAILING): Stage.OPEN,
    (Stage.RECOVERING, Event.TOLD_TO_REST): Stage.OPEN,
    (Stage.RECOVERING, Event.RECOVERED): Stage.CLOSED,
    (Stage.CLOSED, Event.RESET): Stage.CLOSED,
    (Stage.OPEN, Event.RESET): Stage.CLOSED,
    (Stage.PROBING, Event.RESET): Stage.CLOSED,
    (Stage.RECOVERING, Event.RESET): Stage.CLOSED,
}


@final
class CircuitState:
    """One circuit. All times are seconds of one clock, passed in.

    `is_closed` is what calls ask first. `until` is when a rest ends (inf: when somebody says so), `reason` why it
    began, `held` that nothing but its time or being told ends it. `probe` is the number of the latest probe.
    """

    stage: Stage
    is_closed: bool
    reason: str
    held: bool
    until: float
    since: float
    probe: int
    consecutive: int

    def __init__(self, rules: Circuit | None) -> None:
        self.stage = Stage.CLOSED
        self.is_closed = True
        self.reason = ""
        self.held = False
        self.until = 0.0
        self.since = 0.0
        self.probe = 0
        self.consecutive = 0
        self._first_probe = 0  # since the latest rest
        self._rested_s = 0.0  # the latest rest, while it hasn't recovered
        self._well_since = 0.0  # the end of the latest rest
        self.follow(rules)

    def follow(self, rules: Circuit | None) -> None:
        """Go by these rules from now on; None opens the circuit for nothing that calls show."""
        self._is_on = rules is not None
        self._rules = DEFAULT if rules is None else rules
        slow_s = self._rules.slow_s
        self._slow_s = inf if slow_s is None else slow_s
        self._part_s = self._rules.window_s / PARTS
        self._forget()

    # What calls show

    def judge(self, took_s: float, now: float, *, failed: bool) -> bool:
        """Take how a call went that took `took_s` seconds until its head or failure; whether the stage changed."""
        if self.is_closed and not failed and now < self._part_ends and took_s <= self._slow_s:
            self._calls += 1
            self.consecutive = 0
            return False
        return self._is_on and self._judge(took_s, now, failed=failed)

    def _judge(self, took_s: float, now: float, *, failed: bool) -> bool:
        if self.stage is Stage.OPEN or self.stage is Stage.PROBING or now - took_s < self._well_since:
            return False
        self._turn_to(now)
        self._calls += 1
        is_slow = took_s > self._slow_s
        self._slow += is_slow
        if failed:
            self._failures += 1
            self.consecutive += 1
        else:
            self.consecutive = 0
            if not is_slow:
                return False
        reason = self._find_reason()
        if reason:
            self._rest(Event.FAILING, reason, now)
        return bool(reason)

    def judge_probe(self, number: int, now: float, *, failed: bool) -> bool:
        """Take how a probe went; whether the stage changed. One from before another rest has nothing to say."""
        if self.stage is not Stage.PROBING or number < self._first_probe:
            return False
        if failed:
            self._rest(Event.FAILED, "the probe failed", now)
        else:
            self._enter(Event.PASSED, now)
        return True

    def abandon_probe(self, number: int, now: float) -> None:
        """Free the place of a probe that ended without a verdict."""
        if self.stage is Stage.PROBING and number == self.probe:
            self._enter(Event.ABANDONED, now)
            self.until = now

    # What calls ask

    def share(self, now: float) -> float:
        """Which part of its usual share passes, from 0 to 1."""
        if self.is_closed:
            return 1.0
        if self.stage is not Stage.RECOVERING:
            return 0.0
        ramp_s = self._rules.ramp_s
        passed = now - self.since
        return 1.0 if passed >= ramp_s else FIRST_SHARE + (1.0 - FIRST_SHARE) * passed / ramp_s

    def is_due(self, now: float) -> bool:
        """Whether a probe may pass."""
        return now >= self.until and (self.stage is Stage.OPEN or self.stage is Stage.PROBING)

    def begin_probe(self, now: float) -> int:
        """Let a probe pass; its number."""
        is_first = self.stage is Stage.OPEN
        self._enter(Event.PROBED, now)
        self.until = now + max(self._rested_s, self._rules.rest_s)  # after that another one may
        self.probe += 1
        if is_first:
            self._first_probe = self.probe
        return self.probe

    def tend(self, now: float) -> bool:
        """Close a circuit that has recovered; whether the stage changed."""
        if self.stage is not Stage.RECOVERING or now - self.since < self._rules.ramp_s:
            return False
        self._enter(Event.RECOVERED, now)
        self._rested_s = 0.0
        self.reason = ""
        return True

    # What others say

    def rest(self, for_s: float, reason: str, now: float, *, held: bool = False) -> bool:
        """Rest for so long (inf: until told), or longer if it does already; whether a rest began."""
        began = self.stage is Stage.CLOSED or self.stage is Stage.RECOVERING
        if held or began or now + for_s > self.until or self.stage is Stage.PROBING:
            if not held and self.held and self.stage is Stage.OPEN:
                return False
            self._enter(Event.TOLD_TO_REST, now)
            self.until = now + for_s
            self.reason = reason
            self.held = held
            if for_s < inf and not held:
                self._rested_s = min(max(self._rested_s, for_s), self._rules.rest_limit_s)
        return began

    def recover(self, now: float) -> bool:
        """End a rest; whether there was one."""
        if self.stage is not Stage.OPEN and self.stage is not Stage.PROBING:
            return False
        self._enter(Event.TOLD_TO_RECOVER, now)
        return True

    def reset(self, now: float) -> bool:
        """Forget all that was, and close; whether it wasn't closed."""
        was_open = not self.is_closed
        self._enter(Event.RESET, now)
        self._well_since = now
        self._rested_s = 0.0
        self.reason = ""
        return was_open

    # Inside

    @property
    def failures(self) -> int:
        """How many of the calls in the window failed."""
        return self._failures + self._past_failures

    def _find_reason(self) -> str:
        """Why it has to open; empty if it hasn't."""
        rules = self._rules
        if rules.failures is not None and self.consecutive >= rules.failures:
            return f"{self.consecutive} calls failed in a row" if self.consecutive > 1 else "a call failed"
        calls = self._calls + self._past_calls
        if calls < rules.calls:
            return ""
        failures, slow = self.failures, self._slow + self._past_slow
        if rules.ratio is not None and failures and failures * 100 >= rules.ratio * calls:
            return f"{failures} of {calls} calls failed"
        if slow and slow * 100 >= rules.slow_ratio * calls:
            return f"{slow} of {calls} calls were slow"
        return ""

    def _rest(self, event: Event, reason: str, now: float) -> None:
        rules = self._rules
        self._enter(event, now)
        rest_s = min(self._rested_s * 2, rules.rest_limit_s) if self._rested_s else rules.rest_s
        self._rested_s = max(rest_s, min(rules.rest_s, rules.rest_limit_s))
        self.until = now + self._rested_s
        self.reason = reason

    def _enter(self, event: Event, now: float) -> None:
        self.stage = TRANSITIONS[self.stage, event]
        self.is_closed = self.stage is Stage.CLOSED
        self.since = now
        if self.stage is Stage.RECOVERING:
            self._well_since = now
        self.held = False
        self._forget()

    def _forget(self) -> None:
        """Begin to count anew."""
        self.consecutive = 0
        self.ring: list[tuple[int, int, int]] = []  # calls, failures, slow ones of the parts before this one
        self._part_ends = 0.0
        self._calls = self._failures = self._slow = 0
        self._past_calls = self._past_failures = self._past_slow = 0

    def _turn_to(self, now: float) -> None:
        """Close the part of the window that is over, and drop the parts that are out of it."""
        if now < self._part_ends:
            return
        missed = int((now - self._part_ends) / self._part_s) if self._part_ends else PARTS
        ring = self.ring
        if missed >= PARTS:
            ring.clear()
        else:
            ring.append((self._calls, self._failures, self._slow))
            ring.extend([(0, 0, 0)] * missed)
            del ring[: max(0, len(ring) - PARTS + 1)]
        self._past_calls = sum(part[0] for part in ring)
        self._past_failures = sum(part[1] for part in ring)
        self._past_slow = sum(part[2] for part in ring)
        self._calls = self._failures = self._slow = 0
        self._part_ends = now + self._part_s if missed >= PARTS else self._part_ends + (missed + 1) * self._part_s
