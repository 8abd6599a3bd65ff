"""The memory of endpoints that rest: what is news, and what a worker that starts later is told."""

from hypothesis import given
from hypothesis import strategies as st

from exeat.state import resting
from exeat.state.ledger import Rest
from exeat.state.resting import KEEP_NS, Resting

SECOND = 1_000_000_000
A = Rest("billing https://a", 5 * SECOND, "5 calls failed in a row")
WELL = Rest(A.endpoint, 0, "")


def test_the_second_who_sees_it_says_nothing_new() -> None:
    """Two workers that see the same failures say the same; one whose probe failed later says something new."""
    known = Resting()
    assert known.take(A, 0)
    assert not known.take(A, SECOND // 2)
    assert not known.take(A._replace(for_ns=SECOND), SECOND)
    assert known.take(A._replace(for_ns=10 * SECOND), 6 * SECOND)


def test_short_rests_are_told_each_time() -> None:
    """A rest that begins when the one before has ended is news, however short they are."""
    known = Resting()
    short = A._replace(for_ns=SECOND // 5)
    assert [known.take(short, number * SECOND // 5) for number in range(4)] == [True] * 4


def test_well_again_is_told_once() -> None:
    """That an endpoint is well is news for who was told that it isn't, also when its rest is over."""
    known = Resting()
    assert not known.take(WELL, 0)
    known.take(A, 0)
    assert known.take(WELL, 60 * SECOND)
    assert not known.take(WELL, 60 * SECOND)


def test_who_comes_later() -> None:
    """A worker that starts is told of what rests then, and for how long it still does."""
    known = Resting()
    known.take(A, 0)
    known.take(Rest("billing https://b", SECOND, "why"), 0)
    assert known.now(2 * SECOND) == [A._replace(for_ns=3 * SECOND)]
    known.take(WELL, 3 * SECOND)
    assert known.now(3 * SECOND) == []


def test_it_forgets() -> None:
    """What nobody has said anything of for long is forgotten; the rest is kept."""
    known = Resting()
    known.take(A, 0)
    known.forget(5 * SECOND + KEEP_NS)
    assert known.take(WELL, 5 * SECOND + KEEP_NS)
    known.take(A, 0)
    known.forget(5 * SECOND + KEEP_NS + 1)
    assert not known.take(WELL, 5 * SECOND + KEEP_NS + 1)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=200))
def test_it_is_bounded(said: list[tuple[int, int]]) -> None:
    """However many endpoints are named, the latest are known, and never more than the bound."""
    known, most = Resting(), resting.MOST
    try:
        resting.MOST = 8  # type: ignore[misc]
        for number, seconds in said:
            known.take(Rest(str(number), seconds * SECOND, ""), 0)
            assert len(known.now(0)) <= resting.MOST
    finally:
        resting.MOST = most  # type: ignore[misc]
