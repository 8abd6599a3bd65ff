"""Rates by the generic cell rate algorithm: how many pass, in any span of time, and when the next one does."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.policy.gcra import full_at, remaining, spend, when

SECOND = 1_000_000_000
INTERVALS = st.integers(1, 50) | st.integers(1, 86_400 * SECOND)
BURSTS = st.integers(1, 8) | st.integers(1, 10**9)
# How long after the one before a request comes, in eighths of the interval, and how many come at once.
DEMAND = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), max_size=60)
START = 1_764_386_428_123_456_789


def admitted(interval: int, burst: int, demand: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """When how many passed of what was asked for, each asking taken whole or not at all."""
    tat, now, passed = 0, START, []
    for eighths, n in demand:
        now += eighths * interval // 8
        if n <= burst and when(tat, interval, burst, n) <= now:
            tat = spend(tat, now, interval, n)
            passed.append((now, n))
    return passed


@given(INTERVALS, BURSTS, DEMAND)
def test_no_span_of_time_lets_more_pass(interval: int, burst: int, demand: list[tuple[int, int]]) -> None:
    """In any span pass at most the burst and one for each interval in it."""
    passed = admitted(interval, burst, demand)
    for first, (begin, _) in enumerate(passed):
        total = 0
        for end, n in passed[first:]:
            total += n
            assert total <= burst + (end - begin) // interval


@given(INTERVALS, st.integers(1, 8), st.integers(0, 20))
def test_what_may_pass_does(interval: int, burst: int, intervals: int) -> None:
    """From rest and with more demand than that, exactly the burst and one for each interval pass."""
    tat, count = 0, 0
    for now in range(START, START + intervals * interval + 1, max(1, interval)):
        while when(tat, interval, burst) <= now:
            tat = spend(tat, now, interval)
            count += 1
    assert count == burst + intervals


@given(INTERVALS, BURSTS, DEMAND)
def test_it_is_a_bucket_of_tokens(interval: int, burst: int, demand: list[tuple[int, int]]) -> None:
    """It admits what a bucket of `burst` tokens does, counted in fractions, into which one drips per interval."""
    tokens, last, now, passed = Fraction(burst), START, START, []
    for eighths, n in demand:
        now += eighths * interval // 8
        tokens = min(Fraction(burst), tokens + Fraction(now - last, interval))
        last = now
        if n <= tokens:
            tokens -= n
            passed.append((now, n))
    assert admitted(interval, burst, demand) == passed


@given(INTERVALS, BURSTS, st.integers(-10, 40), st.integers(0, SECOND), st.data())
def test_remaining_and_when_agree(interval: int, burst: int, eighths: int, rest: int, data: st.DataObject) -> None:
    """As many pass now as remain, and not one more; what doesn't pass now does when it is said to."""
    n = data.draw(st.integers(1, burst))
    tat = START + eighths * interval // 8 + rest % interval
    left = remaining(tat, START, interval, burst)
    assert 0 <= left <= burst
    assert left == 0 or when(tat, interval, burst, left) <= START
    assert left == burst or when(tat, interval, burst, left + 1) > START
    at = when(tat, interval, burst, n)
    assert remaining(tat, at, interval, burst) >= n
    assert remaining(tat, at - 1, interval, burst) < n


@given(INTERVALS, BURSTS, st.integers(-10, 40))
def test_full_again(interval: int, burst: int, eighths: int) -> None:
    """From `full_at` on the whole burst remains, and not before that."""
    tat = START + eighths * interval // 8
    full = full_at(tat, START)
    assert full >= START
    assert remaining(tat, full, interval, burst) == burst
    assert full == START or remaining(tat, full - 1, interval, burst) < burst


@given(INTERVALS, BURSTS, st.integers(1, 20), st.integers(0, 20))
def test_several_at_once_cost_as_much_as_one_by_one(interval: int, burst: int, n: int, eighths: int) -> None:
    """`n` at once move a limit on just as `n` one after another at the same time."""
    tat = START + eighths * interval // 8 - burst % 3
    one_by_one = tat
    for _ in range(n):
        one_by_one = spend(one_by_one, START, interval)
    assert spend(tat, START, interval, n) == one_by_one


def test_an_example() -> None:
    """Two at once and one a second: two pass, the third does after a second, and after two all is as before."""
    tat = spend(spend(0, START, SECOND), START, SECOND)
    assert remaining(tat, START, SECOND, 2) == 0
    assert when(tat, SECOND, 2) == START + SECOND
    assert remaining(tat, START + SECOND, SECOND, 2) == 1
    assert full_at(tat, START) == START + 2 * SECOND


def test_more_than_the_burst_never_pass_at_once() -> None:
    """Asking when more than the burst may pass at once is an error: never."""
    with pytest.raises(ValueError, match="3 requests can't pass at once where the burst is 2"):
        when(0, SECOND, 2, 3)
