"""What an upstream says of its own limits, learnt from each of its answers, and how fast to go on.

Rule 1: nobody but the upstream is believed, and not without bounds: what isn't understood is ignored, a number of
seconds counts up to an hour, and a point in time up to a day; what lies beyond is taken for an hour.
Rule 2: Retry-After counts where the upstream refuses (403, 429, 5xx), and there it comes before all else; elsewhere it
says how long to wait for something else (202, 3xx).
Rule 3: where nothing remains, calls stop until there is more, whatever the status.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from exeat.model.limit import SECOND_NS
from exeat.model.vendors import (
    BUCKETS,
    EVERYWHERE,
    FIELDS,
    SPELLINGS,
    STRUCTURED,
    STRUCTURED_POLICY,
    WAITS,
    Spelling,
)
from exeat.wire.structured import Bare, Item, Token, parse_list

LONGEST_NS: Final = 3600 * SECOND_NS  # of a number of seconds, and in place of what is absurd
FARTHEST_NS: Final = 24 * LONGEST_NS  # of a point in time
PAUSE_NS: Final = SECOND_NS  # after a 429 that doesn't say how long
LOW: Final = 10  # calls, or the tenth part: fewer are spread over the time that is left
BUCKET_LIMIT_BYTES: Final = 128
VALUE_LIMIT_BYTES: Final = 64
COUNT_DIGITS: Final = 15
_UNKNOWN: Final = 10**16  # more than any number that is read
_CALLS: Final = "requests"  # the unit of a quota that counts calls, and the one where none is named
_TOO_MANY: Final = 429
_MS_NS: Final = 1_000_000
_SINCE_EPOCH: Final = 10**9  # a larger number of seconds is a time of day, not a wait
_MILLISECONDS: Final = 10**11  # a larger time is in milliseconds (or what is smaller still)

_BUCKET_FIELDS: Final = frozenset(name for name, _ in (*BUCKETS, *EVERYWHERE))

# The first of several, as in `RateLimit-Limit: 100, 100;w=60`; a few vendors write whole numbers with a point.
_COUNT = re.compile(rb"([0-9]{1,15})(?:\.[0-9]{0,9})?(?:[ \t]*[,;].*)?")
_USAGE = re.compile(rb"(?:api-usage=)?([0-9]{1,15})/([0-9]{1,15})(?:;.*)?")
_DECIMAL = re.compile(rb"([0-9]{1,20})(?:\.([0-9]{1,30}))?")
_DURATION = re.compile(
    rb"(?=[0-9])(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m(?!s))?"
    rb"(?:([0-9]{1,9})(?:\.([0-9]{1,9}))?s)?(?:([0-9]{1,9})(?:\.[0-9]{1,9})?ms)?"
)
_RATELIMIT_07 = re.compile(rb"limit=([0-9]{1,15}), *remaining=([0-9]{1,15}), *reset=([0-9]{1,15})")
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_TIME = rb"([0-9]{2}):([0-9]{2}):([0-9]{2})"
# The three forms of RFC 9110 §5.6.7.
_FIXDATE = re.compile(rb"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) " + _TIME + rb" GMT")
_RFC850 = re.compile(rb"[A-Z][a-z]{5,8}, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) " + _TIME + rb" GMT")
_ASCTIME = re.compile(rb"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([0-9 ][0-9]) " + _TIME + rb" ([0-9]{4})")
_ISO = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].*")


class Allowance(NamedTuple):
    """What an upstream still allows; None is not known. Times are ns of the monotonic clock.

    Of several limits it is the tightest. Where an upstream gives back little by little, `resets_at` is when as many
    calls as remain, and one more, have come back. Until `stop_until` no call is of use. `bucket` names the part of the
    upstream that it is for; empty is all of it.
    """

    remaining: int | None
    limit: int | None
    resets_at: int | None
    stop_until: int | None
    bucket: bytes = b""


def learn(status: int, known: dict[bytes, bytes], wall: int, now: int) -> Allowance | None:
    """What an answer says; None if that is nothing. `wall` is ns since the epoch, `now` ns of the monotonic clock."""
    if FIELDS.isdisjoint(known):
        return None  # a bare 429 says nothing of when, nor of whom it concerns: the caller has it
    tightest = _tightest(_windows(known, wall, now), now)
    wait = _wait(status, known, wall)
    if tightest is None:
        if wait is None and status != _TOO_MANY:
            return None
        tightest = Allowance(None, None, None, None)
    remaining, limit, resets_at, _, bucket = tightest
    stop_until = _stop_until(status, tightest, wait, now)
    if not bucket and not _BUCKET_FIELDS.isdisjoint(known):
        bucket = _bucket(known)
    return Allowance(remaining, limit, resets_at, stop_until, bucket)


def pace(allowance: Allowance, now: int, in_flight: int) -> int:
    """How long (ns) to wait before the next call, so that what remains is spread over the time until there is more.

    That is done where little remains: a tenth of the limit, or ten calls unless they are more than half of the limit.
    Calls in flight count as made: the answer that this was learnt from may not have known of them.
    """
    if allowance.stop_until is not None and allowance.stop_until > now:
        return allowance.stop_until - now
    if allowance.remaining is None or allowance.resets_at is None or allowance.resets_at <= now:
        return 0
    left = max(allowance.remaining - in_flight, 0)
    limit = allowance.limit
    low = LOW if limit is None else max(limit // 10, min(LOW, limit // 2))
    return (allowance.resets_at - now) // (left + 1) if left <= low else 0


def _tightest(windows: list[Allowance], now: int) -> Allowance | None:
    """The window that asks for the longest wait; else that of which the fewest remain."""
    if len(windows) < 2:  # noqa: PLR2004 - nearly always
        return windows[0] if windows else None
    return max(windows, key=lambda window: _tightness(window, now))


def _tightness(window: Allowance, now: int) -> tuple[int, int]:
    return pace(window, now, 0), -_UNKNOWN if window.remaining is None else -window.remaining


def _stop_until(status: int, window: Allowance, wait: int | None, now: int) -> int | None:
    """Until when there should be no call, if there is such a time."""
    if wait is not None:
        return now + wait if wait else None
    nothing_left = window.remaining == 0 or (window.remaining is None and status == _TOO_MANY)
    if nothing_left and window.resets_at is not None and window.resets_at > now:
        return window.resets_at
    return now + PAUSE_NS if status == _TOO_MANY else None


def _wait(status: int, known: dict[bytes, bytes], wall: int) -> int | None:
    """How long (ns) a refusal says to wait."""
    if status in {403, _TOO_MANY} or status >= 500:  # noqa: PLR2004 - server errors
        for name, in_ms in WAITS:
            value = known.get(name)
            if value is not None:
                wait = _left(value, wall, in_ms=in_ms)
                if wait is not None:
                    return wait
    return None


def _bucket(known: dict[bytes, bytes]) -> bytes:
    """The part of the upstream that the answer speaks of."""
    for name, value in EVERYWHERE:
        if known.get(name, b"").lower() == value:
            return b""
    for name, everywhere in BUCKETS:
        bucket = known.get(name)
        if bucket is not None and bucket.lower() not in everywhere:
            return bucket[:BUCKET_LIMIT_BYTES]
    return b""


def _windows(known: dict[bytes, bytes], wall: int, now: int) -> list[Allowance]:
    """Every limit that the fields speak of."""
    found: dict[str, Spelling] = {}
    for name in known:
        spelling = SPELLINGS.get(name)
        if spelling is not None:
            found[spelling.name] = spelling
    windows = [window for spelling in found.values() if (window := _window(spelling, known, wall, now)) is not None]
    if STRUCTURED in known:
        windows += _structured(known[STRUCTURED], known.get(STRUCTURED_POLICY), now)
    return windows


def _window(spelling: Spelling, known: dict[bytes, bytes], wall: int, now: int) -> Allowance | None:
    remaining = _count(_first(known, spelling.remaining))
    limit = _count(_first(known, spelling.limit))
    if spelling.usage is not None:
        usage = _USAGE.fullmatch(known[spelling.usage])
        if usage is not None:
            limit = int(usage[2])
            remaining = max(limit - int(usage[1]), 0)
    reset = _first(known, spelling.reset)
    left = spelling.window_ns if reset is None else _left(reset, wall, in_ms=spelling.is_in_ms)
    if (remaining is None and left is None) or (spelling.counts != _CALLS and remaining != 0):
        return None
    if spelling.refills and left is not None and limit is not None and remaining is not None and remaining < limit:
        left = min(left, left * (remaining + 1) // (limit - remaining))
    return Allowance(remaining, limit, None if left is None else now + left, None, spelling.bucket)


def _structured(raw: bytes, policy: bytes | None, now: int) -> list[Allowance]:
    """The limits of a RateLimit field, current or as in draft 07; none if it is malformed, as the draft wants it."""
    old = _RATELIMIT_07.fullmatch(raw)
    if old is not None:
        return [Allowance(int(old[2]), int(old[1]), now + min(int(old[3]) * SECOND_NS, LONGEST_NS), None)]
    policies = {} if policy is None else _policies(policy)
    windows = []
    for item in _items(raw):
        name = _name(item)
        remaining = _integer(item.parameters.get("r"))
        quota, counts_calls = policies.get(name, (None, True))
        if name and remaining is not None and (counts_calls or remaining == 0):
            seconds = _integer(item.parameters.get("t"))
            resets_at = None if seconds is None else now + min(seconds * SECOND_NS, LONGEST_NS)
            windows.append(Allowance(remaining, quota, resets_at, None))
    return windows


@lru_cache(maxsize=256)
def _policies(raw: bytes) -> dict[str, tuple[int | None, bool]]:
    """By name, the quotas of a RateLimit-Policy field, and whether they count calls; an upstream repeats the field."""
    return {
        _name(item): (_integer(item.parameters.get("q")), item.parameters.get("qu", _CALLS) == _CALLS)
        for item in _items(raw)
    }


def _items(raw: bytes) -> list[Item]:
    try:
        return parse_list(raw)
    except ValueError:
        return []


def _name(item: Item) -> str:
    """The name of a policy; drafts before 08 wrote it as a token."""
    if isinstance(item.value, Token):
        return item.value.text
    return item.value if isinstance(item.value, str) else ""


def _integer(value: Bare | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _first(known: dict[bytes, bytes], names: tuple[bytes, ...]) -> bytes | None:
    for name in names:
        value = known.get(name)
        if value is not None:
            return value
    return None


def _count(value: bytes | None) -> int | None:
    """A number of calls, if it is one: below 0 some mean that there is none."""
    if value is None:
        return None
    if value.isdigit() and len(value) <= COUNT_DIGITS:  # nearly always
        return int(value)
    match = _COUNT.fullmatch(value)
    return None if match is None else int(match[1])


def _left(value: bytes, wall: int, *, in_ms: bool) -> int | None:
    """How many ns are left until a time, however it is written; 0 if it is past, None if it isn't a time.

    A number is judged by its size: above 10^9 it is seconds since the epoch, above 10^11 milliseconds since then.
    """
    if len(value) > VALUE_LIMIT_BYTES:
        return None
    number = _DECIMAL.fullmatch(value)
    if number is None:
        duration = _DURATION.fullmatch(value)
        if duration is not None:
            return _bounded(_duration(duration))
        date = _date(value, wall)
        return None if date is None else _until(date, wall)
    whole = int(number[1])
    exact = whole * SECOND_NS + _fraction(number[2])
    if in_ms:
        return _bounded(exact // 1000)
    if whole <= _SINCE_EPOCH:
        return _bounded(exact)
    while whole > _MILLISECONDS:
        whole //= 1000
        exact //= 1000
    return _until(exact, wall)


def _bounded(wait: int) -> int:
    return min(wait, LONGEST_NS)


def _until(time: int, wall: int) -> int:
    """The ns until a point in time, bounded."""
    left = max(time - wall, 0)
    return left if left <= FARTHEST_NS else LONGEST_NS


def _fraction(digits: bytes | None) -> int:
    """The digits after the point of a number of seconds, in ns."""
    return 0 if digits is None else int(digits[:9].ljust(9, b"0"))


def _duration(match: re.Match[bytes]) -> int:
    """The ns of a duration such as `6m0s` or `20ms`."""
    days, hours, minutes, seconds, fraction, milliseconds = match.groups()
    whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    return whole * SECOND_NS + _fraction(fraction) + int(milliseconds or 0) * _MS_NS


def _date(value: bytes, wall: int) -> int | None:
    """The ns since the epoch of a date of HTTP (RFC 9110 §5.6.7) or of RFC 3339; None if it isn't one."""
    try:
        if _ISO.fullmatch(value):
            date = datetime.fromisoformat(value.decode("ascii").upper())
            return _since_epoch(date if date.tzinfo is not None else date.replace(tzinfo=UTC))
        if match := _FIXDATE.fullmatch(value):
            day, month, year, *time = match.groups()
        elif match := _ASCTIME.fullmatch(value):
            month, day, *time, year = match.groups()
        elif match := _RFC850.fullmatch(value):
            day, month, year, *time = match.groups()
            year = _full_year(int(year), wall)
        else:
            return None
        hour, minute, second = map(int, time)
        return _since_epoch(datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC))
    except (ValueError, OverflowError):  # the 32nd of a month; a zone that leads out of all years
        return None


def _full_year(year: int, wall: int) -> bytes:
    """The year that two digits mean: one that isn't more than 50 years ahead."""
    this_year = datetime.fromtimestamp(wall // SECOND_NS, UTC).year
    year += this_year // 100 * 100
    return b"%d" % (year - 100 if year > this_year + 50 else year)


def _since_epoch(date: datetime) -> int:
    left = date - datetime(1970, 1, 1, tzinfo=UTC)
    return (left.days * 86400 + left.seconds) * SECOND_NS + left.microseconds * 1000
