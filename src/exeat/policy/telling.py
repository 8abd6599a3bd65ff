"""What a caller is told of the limits that applied: RateLimit-Policy, RateLimit, Retry-After, and the older triple.

Source: draft-ietf-httpapi-ratelimit-headers-11. Everything is a ready line, name and CRLF included, or empty.
Rule 1: what is told is whole numbers within those of a structured field; nothing is told as more than it is.
Rule 2: a budget is told in hundredths of its currency's unit, rounded down, and only where its unit can be named.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from exeat.model.limit import NANOS, SECOND_NS, Kind
from exeat.wire.structured import INTEGER_LIMIT, quote

NAMES_LIMIT: Final = 4096  # that are remembered in quotes
_HUNDREDTH: Final = NANOS // 100
_quoted: dict[str, str] = {}
_names: dict[str, bytes] = {}


class Standing(NamedTuple):
    """How one limit stands: what it allows in `window_s`, what remains, and in how many seconds there is more.

    Amounts are requests, exchanges at once (`window_s` and `reset_s` are 0), or billionths of `currency`.
    """

    name: str
    quota: int
    window_s: int
    remaining: int
    reset_s: int
    kind: Kind
    currency: str = ""


def render_policy(standings: Sequence[Standing]) -> bytes:
    """The RateLimit-Policy line; it stays the same while the limits do, so it need be rendered once only."""
    return b"RateLimit-Policy: %b\r\n" % ", ".join(map(_policy, standings)).encode("ascii") if standings else b""


def _policy(standing: Standing) -> str:
    name, quota, window_s, _, _, kind, currency = standing
    unit = "requests"
    if kind is Kind.BUDGET:
        quota, unit = quota // _HUNDREDTH, f"0.01 {currency}".rstrip()
    elif kind is Kind.CONCURRENCY:
        unit = "concurrent-requests"
    window = f";w={window_s}" if window_s > 0 else ""
    return f"{_quote(name)};q={min(max(quota, 0), INTEGER_LIMIT)}{window};qu={quote(unit)}"


def render_standings(standings: Sequence[Standing]) -> bytes:
    """The RateLimit line."""
    text = ""
    for name, _, window_s, remaining, reset_s, kind, _ in standings:
        if kind is Kind.BUDGET:
            remaining = remaining // _HUNDREDTH  # noqa: PLW2901 - as it is told
        if remaining < 0:
            remaining = 0  # noqa: PLW2901
        elif remaining > INTEGER_LIMIT:
            remaining = INTEGER_LIMIT  # noqa: PLW2901
        quoted = _quoted.get(name) or _quote(name)
        if window_s > 0:
            text += f", {quoted};r={remaining};t={reset_s}"
        else:
            text += f", {quoted};r={remaining}"
    return f"RateLimit: {text[2:]}\r\n".encode("ascii") if text else b""


def render_retry_after(wait_ns: int) -> bytes:
    """The Retry-After line: whole seconds, rounded up so that nobody comes too early, and at least one."""
    return b"Retry-After: %d\r\n" % max(-(-wait_ns // SECOND_NS), 1)


def render_legacy(standings: Sequence[Standing]) -> bytes:
    """X-RateLimit-Limit, -Remaining and -Reset (seconds from now) of the limit of which the least part remains.

    Rates and quotas alone: these fields have no place for a unit.
    """
    counted = [standing for standing in standings if standing.kind in {Kind.RATE, Kind.QUOTA}]
    if not counted:
        return b""
    tightest = min(counted, key=_part)
    return b"X-RateLimit-Limit: %d\r\nX-RateLimit-Remaining: %d\r\nX-RateLimit-Reset: %d\r\n" % (
        tightest.quota,
        max(tightest.remaining, 0),
        tightest.reset_s,
    )


def _part(standing: Standing) -> tuple[float, int]:
    """What part of a limit remains; where that is the same, the one that comes back later is the tighter one."""
    return standing.remaining / max(standing.quota, 1), -standing.reset_s


def quote_name(name: str) -> bytes:
    """A limit's name as a String of a structured field, remembered within a bound."""
    quoted = _names.get(name)
    if quoted is None:
        if len(_names) >= NAMES_LIMIT:
            _names.clear()
        quoted = _names[name] = quote(name).encode("ascii")
    return quoted


def _quote(name: str) -> str:
    """A name as a String, remembered within a bound."""
    quoted = _quoted.get(name)
    if quoted is None:
        if len(_quoted) >= NAMES_LIMIT:
            _quoted.clear()
        quoted = _quoted[name] = quote(name)
    return quoted
