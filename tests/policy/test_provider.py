"""What upstreams say of their limits: times and counts in every form, nothing absurd believed, a pace that fits."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.limit import SECOND_NS
from exeat.model.vendors import FIELDS
from exeat.policy.provider import FARTHEST_NS, LONGEST_NS, PAUSE_NS, Allowance, learn, pace
from exeat.wire.http1 import parse_response

WALL = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * SECOND_NS
EPOCH_S = WALL // SECOND_NS
NOW = 5_000 * SECOND_NS
S = SECOND_NS


def answer(status: int, *lines: str) -> Allowance | None:
    """What is learnt from an answer with these field lines."""
    head = parse_response("\r\n".join([f"HTTP/1.1 {status} ", *lines]).encode("latin-1"))
    return learn(head.status, head.known, WALL, NOW)


def allows(
    remaining: int | None, limit: int | None, resets: int | None, stop: int | None = None, bucket: bytes = b""
) -> Allowance:
    """An allowance; times in ns from now."""
    return Allowance(
        remaining, limit, None if resets is None else NOW + resets, None if stop is None else NOW + stop, bucket
    )


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("0", 0),
        ("7", 7 * S),
        ("1.5", S * 3 // 2),
        ("0.000000001", 1),
        ("3600", LONGEST_NS),
        ("3601", LONGEST_NS),
        ("31536000", LONGEST_NS),  # a year
        ("1000000000", LONGEST_NS),
        (f"{EPOCH_S + 90}", 90 * S),
        (f"{EPOCH_S + 90}.5", 90 * S + S // 2),
        (f"{EPOCH_S * 1000 + 90_250}", 90 * S + S // 4),
        (f"{EPOCH_S * 10**6 + 5}", 5000),
        (f"{WALL + 5}", 5),
        (f"{EPOCH_S - 90}", 0),
        (f"{EPOCH_S + 86_400}", FARTHEST_NS),
        (f"{EPOCH_S + 86_401}", LONGEST_NS),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30 * S),
        ("Sunday, 01-Mar-26 12:00:30 GMT", 30 * S),
        ("Sun Mar  1 12:00:30 2026", 30 * S),
        ("Mon, 02 Mar 2026 12:00:00 GMT", FARTHEST_NS),
        ("Mon, 02 Mar 2026 12:00:01 GMT", LONGEST_NS),
        ("Sun, 01 Mar 2026 11:59:59 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Sunday, 01-Mar-76 12:00:30 GMT", LONGEST_NS),  # 50 years ahead, and so not behind
        ("Monday, 01-Mar-77 12:00:30 GMT", 0),
        ("2026-03-01T12:01:00Z", 60 * S),
        ("2026-03-01T12:01:00.5Z", 60 * S + S // 2),
        ("2026-03-01t12:01:00z", 60 * S),
        ("2026-03-01T14:01:00+02:00", 60 * S),
        ("2026-03-01 12:01:00", 60 * S),
        ("0001-01-01T00:00:00+23:59", 0),
        ("9999-12-31T23:59:59-23:59", LONGEST_NS),
        ("1h2m3s", LONGEST_NS),
        ("59m3.25s", 3543 * S + S // 4),
        ("6m0s", 360 * S),
        ("3m", 180 * S),
        ("20ms", 20_000_000),
        ("1d", LONGEST_NS),
    ],
)
def test_how_a_time_is_judged(value: str, left: int) -> None:
    """A number is seconds, or a time since the epoch by its size; dates and durations in every usual form; bounded."""
    learnt = answer(429, f"Retry-After: {value}")
    assert learnt == allows(None, None, None, left or None)
    learnt = answer(200, "X-RateLimit-Remaining: 500", f"X-RateLimit-Reset: {value}")
    assert learnt == allows(500, None, left)


@pytest.mark.parametrize(
    "value",
    [
        "", "soon", "-5", "+5", "5 s", "1e3", "0x10", "5,6", "٣", "1.2.3", "m", "s", "5x",
        "Sun, 32 Mar 2026 12:00:30 GMT", "Sun, 01 Foo 2026 12:00:30 GMT", "Sun, 01 Mar 2026 25:00:30 GMT",
        "Sun, 01 Mar 2026 12:00:30 CET", "Sun, 01 Mar 0000 12:00:30 GMT", "2026-13-01T00:00:00Z", "2026-03-01Tnoon",
        "9" * 21, "1." + "9" * 31, "9" * 2000, "5m" * 40,
    ],
)  # fmt: skip
def test_garbage_is_no_time(value: str) -> None:
    """What isn't a time counts as if it weren't there; a 429 still asks for a short pause."""
    lines = f"X-RateLimit-Reset: {value}".encode().decode("latin-1")
    assert answer(200, lines) is None
    assert answer(429, lines.replace("X-RateLimit-Reset", "Retry-After")) == allows(None, None, None, PAUSE_NS)


@pytest.mark.parametrize("value", ["", "many", "-1", "1e3", "1/2", "9" * 16, "5 6", "NaN"])
def test_garbage_is_no_count(value: str) -> None:
    """What isn't a whole number isn't known."""
    assert answer(200, f"X-RateLimit-Remaining: {value}") is None
    assert answer(200, "X-RateLimit-Remaining: 5.0", f"X-RateLimit-Limit: {value}") == allows(5, None, None)


@pytest.mark.parametrize("status", [200, 202, 301, 400, 404, 413])
def test_retry_after_counts_where_calls_are_refused(status: int) -> None:
    """After an answer that isn't a refusal, Retry-After is about something else than the limits."""
    assert answer(status, "Retry-After: 60") is None
    for refusal in (403, 429, 500, 502, 503, 504, 529):
        assert answer(refusal, "Retry-After: 60") == allows(None, None, None, 60 * S)


def test_a_reset_alone() -> None:
    """Without a word of what remains, a reset counts as the end of a refusal, and stops nobody else."""
    assert answer(200, "X-RateLimit-Reset: 60") == allows(None, None, 60 * S)
    assert answer(429, "X-RateLimit-Reset: 60") == allows(None, None, 60 * S, 60 * S)
    assert answer(429, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 0") == allows(0, None, 0, PAUSE_NS)


def test_a_bucket_is_short() -> None:
    """No more of a bucket's name is kept than a key may be long."""
    learnt = answer(200, "X-RateLimit-Remaining: 5", f"X-RateLimit-Bucket: {'b' * 1000}")
    assert learnt == allows(5, None, None, bucket=b"b" * 128)


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(sorted(FIELDS)),
        st.one_of(
            st.binary(max_size=80),
            st.integers(-5, 10**22).map(lambda number: b"%d" % number),
            st.text('0123456789.:-/,;=smhdTZGMr"t ', max_size=30).map(str.encode),
            st.sampled_from([b'"a";r=1;t=5', b'"a";q=10;w=5', b"limit=1, remaining=0, reset=999999", b"true"]),
        ),
        max_size=6,
    ),
)
def test_whatever_comes_is_bounded(status: int, known: dict[bytes, bytes]) -> None:
    """No answer fails, holds back for more than a day, or makes a number out of nothing."""
    learnt = learn(status, known, WALL, NOW)
    if status == 429 and not FIELDS.isdisjoint(known):
        assert learnt is not None
    if learnt is None:
        return
    for time in (learnt.resets_at, learnt.stop_until):
        assert time is None or NOW <= time <= NOW + FARTHEST_NS
    assert learnt.stop_until != NOW
    for count in (learnt.remaining, learnt.limit):
        assert count is None or 0 <= count < 10**15
    assert 0 <= pace(learnt, NOW, 0) <= FARTHEST_NS


@pytest.mark.parametrize(
    ("allowance", "in_flight", "wait"),
    [
        (allows(None, None, None), 0, 0),
        (allows(5, None, None), 0, 0),
        (allows(None, None, 60 * S), 0, 0),
        (allows(5, None, -1), 0, 0),
        (allows(500, 5000, 501 * S), 0, S),
        (allows(501, 5000, 501 * S), 0, 0),
        (allows(510, 5000, 501 * S), 10, S),
        (allows(9, None, 60 * S), 0, 6 * S),
        (allows(11, None, 60 * S), 0, 0),
        (allows(10, 60, 55 * S), 0, 5 * S),
        (allows(11, 60, 55 * S), 0, 0),
        (allows(4, 5, 5 * S), 0, 0),
        (allows(2, 5, 3 * S), 0, S),
        (allows(3, 100, 60 * S), 5, 60 * S),
        (allows(0, 100, 60 * S), 0, 60 * S),
        (allows(0, 100, 60 * S, 70 * S), 0, 70 * S),
        (allows(99, 100, 60 * S, 2 * S), 0, 2 * S),
        (allows(99, 100, 60 * S, -1), 0, 0),
    ],
)
def test_the_pace(allowance: Allowance, in_flight: int, wait: int) -> None:
    """Full speed while much remains; what is left is spread over the time; a stop is a stop."""
    assert pace(allowance, NOW, in_flight) == wait


@given(st.integers(1, 60), st.integers(1, 600), st.none() | st.integers(1, 600))
def test_who_keeps_the_pace_is_not_refused(remaining: int, seconds: int, limit: int | None) -> None:
    """Calls that keep the pace use all that remains, and not before the last part of the time."""
    end = NOW + seconds * S
    now, left = NOW, remaining
    waits = []
    while left:
        wait = pace(Allowance(left, limit, end, None), now, 0)
        now += wait
        left -= 1
        if wait:
            waits.append(wait)
    assert now < end
    assert not waits or end - now <= max(waits) + len(waits)
    assert not waits or max(waits) - min(waits) <= len(waits)
    assert waits or (limit is not None and limit < 10)
    assert pace(Allowance(0, limit, end, None), now, 0) == end - now


def test_answers_without_such_fields_say_nothing() -> None:
    """An ordinary answer is passed over."""
    assert answer(200, "Content-Type: application/json", "Date: x", "Link: <a>", "X-Other-Limit: 0") is None
