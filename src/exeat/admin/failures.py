"""What is recorded of log-ins that fail: who was meant, from where, and why.

Rule 1: what was typed as a name may be a password: unless an administrator has that name, its beginning alone is kept.
Rule 2: an attempt that had to wait isn't recorded; the next record of its address says how many there were.
Rule 3: a minute has a bounded number of records; the next one says how many failures have none.
"""

import re
import threading
from collections.abc import Callable

from exeat.admin.codes import Code
from exeat.admin.refusal import Refusal
from exeat.admin.services import Members

RECORDS_PER_MINUTE = 30
MINUTE_S = 60.0
SHOWN = 2
NOBODY = "?"
_OTHER_SIGNS = re.compile(r"[^a-z0-9._@-]")

Audit = Callable[[str, str, str, Members, Members], bool]


class LogInFailure(Refusal):
    """A log-in with something wrong. `detail` is what the caller may know, `reason` what the record says.

    `actor` is who it was, as far as that can be told: an administrator's name, a token, or the beginning of a name.
    """

    def __init__(self, detail: str, *, actor: str, reason: str) -> None:
        super().__init__(Code.LOG_IN_FAILED, detail)
        self.actor = actor
        self.reason = reason


class Failures:
    """Records what failed, by `audit`; `clock` is in seconds and never goes back. Safe for threads."""

    def __init__(self, audit: Audit, clock: Callable[[], float]) -> None:
        self._audit = audit
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = float("-inf")
        self._recorded = 0
        self._left_out = 0

    def record(self, action: str, actor: str, *, address: str, reason: str, waited: int) -> None:
        """Record a failure; `waited` is how many attempts of its address had to wait since its last record."""
        with self._lock:
            now = self._clock()
            if now >= self._minute + MINUTE_S:
                self._minute, self._recorded = now, 0
            if self._recorded >= RECORDS_PER_MINUTE:
                self._left_out += 1 + waited
                return
            self._recorded += 1
            left_out, self._left_out = self._left_out, 0
        after = {"address": address, "reason": reason, **count_attempts(waited=waited, left_out=left_out)}
        self._audit(actor, action, f"administrator/{actor.partition('/')[0]}", None, after)


def count_attempts(**counts: int) -> dict[str, int]:
    """The members of a record that count attempts without one; none for what didn't happen."""
    return {name: count for name, count in counts.items() if count}


def shorten(name: str) -> str:
    """The beginning of a name that nobody has."""
    return _OTHER_SIGNS.sub("?", name[:SHOWN]) + "…"
