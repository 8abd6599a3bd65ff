"""Histograms merge in any order, and no percentile is off by more than 2 %."""

import functools
import math

from hypothesis import given
from hypothesis import strategies as st

from exeat.store.histogram import (
    Merger,
    bucket_of,
    counts_of,
    merge_histograms,
    parse_histogram,
    parse_lanes,
    percentile,
    render_histogram,
    render_lanes,
)

DURATIONS = st.integers(0, 24 * 3600 * 10**6)
COUNTS = st.dictionaries(st.integers(0, 700), st.integers(1, 200) | st.integers(1, 2**40), max_size=20)


@given(COUNTS)
def test_bytes_and_lanes_hold_what_was_counted(counts: dict[int, int]) -> None:
    """Both forms of a histogram keep each count, and each has one spelling."""
    data = render_histogram(counts)
    assert parse_histogram(data) == counts
    assert render_lanes(parse_lanes(data)) == data


@given(st.lists(COUNTS, max_size=5), st.randoms(use_true_random=False))
def test_merging_is_associative_and_commutative(parts: list[dict[int, int]], dice: object) -> None:
    """In whatever order histograms are merged, the result is the same to the byte."""
    data = [render_histogram(counts) for counts in parts]
    at_once = functools.reduce(merge_histograms, data, b"")
    getattr(dice, "shuffle")(data)  # noqa: B009 - hypothesis types it as Random only when it is one
    one_by_one = b""
    for part in data:
        one_by_one = merge_histograms(one_by_one, part)
    assert at_once == one_by_one
    total: dict[int, int] = {}
    for counts in parts:
        for bucket, count in counts.items():
            total[bucket] = total.get(bucket, 0) + count
    assert parse_histogram(at_once) == total
    merger = Merger()
    for part in data:
        merger.add(part)
    assert merger.counts() == total


@given(st.lists(DURATIONS, min_size=1, max_size=300), st.floats(0, 1))
def test_a_percentile_is_within_two_percent(durations: list[int], share: float) -> None:
    """Any percentile is off by at most 2 % of the exact one."""
    counts: dict[int, int] = {}
    for duration in durations:
        counts[bucket_of(duration)] = counts.get(bucket_of(duration), 0) + 1
    exact = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    found = percentile(counts, share)
    assert found is not None
    assert abs(found - exact) <= 0.02 * exact


def test_nothing_has_no_percentile() -> None:
    """Of no durations there is no percentile."""
    assert percentile({}, 0.5) is None
    assert counts_of(parse_lanes(b"")) == {}


def test_a_day_of_one_consumer_fits_into_a_hundred_bytes() -> None:
    """A histogram is small."""
    assert len(render_histogram({bucket_of(ms * 1000): 200 for ms in range(10, 300)})) < 100
