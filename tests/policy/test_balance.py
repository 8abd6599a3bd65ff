"""Whose turn it is: shares to within one call at every moment, and the least pending."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.policy.balance import NOBODY, Spill, Turns

WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=8)
SHARES = st.lists(st.sampled_from([0.0, 0.1, 1.0, 3.0, 1000.0]), min_size=4, max_size=4)
ROUNDING = 1e-6


def order(*weights: int, calls: int) -> str:
    """Who gets so many calls, as letters."""
    turns = Turns(len(weights))
    return "".join("abcdefgh"[turns.pick(list(map(float, weights)))] for _ in range(calls))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1,), "aaaa"),
        ((1, 1), "abab"),
        ((1, 1, 1), "abcabc"),
        ((3, 1), "aaabaaab"),
        ((1, 3), "bbabbbab"),
        ((2, 1, 1), "abacabac"),
        ((5, 1, 1), "aaabaacaaabaac"),
    ],
)
def test_turns_are_smooth(weights: tuple[int, ...], expected: str) -> None:
    """Calls of one endpoint are spread over those of the others."""
    assert order(*weights, calls=len(expected)) == expected


@given(WEIGHTS, st.integers(1, 400))
def test_shares_are_exact_to_one_call(weights: list[int], calls: int) -> None:
    """After any number of calls, each has had its exact share, give or take less than one."""
    turns, total = Turns(len(weights)), sum(weights)
    had = [0] * len(weights)
    shares = list(map(float, weights))
    for made in range(1, calls + 1):
        had[turns.pick(shares)] += 1
        for count, weight in zip(had, weights, strict=True):
            assert abs(count - made * weight / total) < 1 + ROUNDING


@given(st.lists(SHARES, max_size=60))
def test_only_who_has_a_share_gets_a_call(rounds: list[list[float]]) -> None:
    """Whatever the shares were before, a call goes to one that has a share now, and to nobody if none has."""
    turns = Turns(4)
    for shares in rounds:
        picked = turns.pick(shares)
        assert picked == NOBODY if not any(shares) else shares[picked] > 0


@given(st.lists(SHARES, max_size=40), WEIGHTS.filter(lambda weights: len(weights) == 4))
def test_what_was_before_is_soon_made_good(rounds: list[list[float]], weights: list[int]) -> None:
    """Shares that changed as they liked leave nobody more than a few calls ahead or behind."""
    turns, total = Turns(4), sum(weights)
    for shares in rounds:
        turns.pick(shares)
    had = [0] * 4
    for made in range(1, 101):
        had[turns.pick(list(map(float, weights)))] += 1
        for count, weight in zip(had, weights, strict=True):
            assert abs(count - made * weight / total) < 5


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1.0, 3.0]), st.integers(0, 50)), min_size=1, max_size=8))
def test_the_least_pending_for_its_share(endpoints: list[tuple[float, int]]) -> None:
    """A call goes to one that has the fewest under way for its share."""
    shares, pending = [share for share, _ in endpoints], [count for _, count in endpoints]
    picked = Turns(len(endpoints)).pick_least(shares, pending)
    loads = [count / share for share, count in endpoints if share]
    if loads:
        assert shares[picked] > 0
        assert pending[picked] / shares[picked] == min(loads)
    else:
        assert picked == NOBODY


def test_equals_take_turns() -> None:
    """Where nothing is under way anywhere, calls go by weight."""
    turns = Turns(2)
    assert [turns.pick_least([3.0, 1.0], [0, 0]) for _ in range(4)] == [0, 0, 0, 1]


@given(st.floats(0, 1), st.integers(1, 300))
def test_a_part_passes(part: float, calls: int) -> None:
    """Of any number of calls, the exact part passes, to within one."""
    spill, passed = Spill(), 0
    for made in range(1, calls + 1):
        passed += spill.passes(part)
        assert abs(passed - made * part) <= 1 + ROUNDING


def test_a_part_passes_evenly() -> None:
    """Those that pass are spread over those that don't."""
    spill = Spill()
    passed = [place for place in range(100) if spill.passes(0.25)]
    assert {after - before for before, after in pairwise(passed)} == {4}
