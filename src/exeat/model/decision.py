"""What a policy answers: allow, report or deny, always with a reason."""

from typing import Literal, NamedTuple

from exeat.errors import Code

Outcome = Literal["allow", "report", "deny"]


class Decision(NamedTuple):
    """One judgement: its outcome, why, and the code that a refusal has (or, in report mode, would have had)."""

    outcome: Outcome
    reason: str
    code: Code | None = None


def allow(reason: str) -> Decision:
    """Let it pass."""
    return Decision("allow", reason)


def deny(code: Code, reason: str) -> Decision:
    """Refuse it."""
    return Decision("deny", reason, code)


def report(code: Code, reason: str) -> Decision:
    """Let it pass, and record what would have been refused."""
    return Decision("report", reason, code)
