"""How many of an upstream's calls may be retries."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from exeat.state.retry_budget import LEAST_A_SECOND, WINDOW_S, RetryBudget, RetryBudgets

LEAST = LEAST_A_SECOND * WINDOW_S


def test_a_share_of_the_calls() -> None:
    """Of many calls a share may be retries, and no more."""
    budget = RetryBudget()
    for _ in range(1000):
        budget.count(5.0)
    for _ in range(200):
        assert budget.has_room(5.0, 20)
        budget.spend(5.0)
    assert not budget.has_room(5.0, 20)
    assert budget.has_room(5.0, 21)


def test_a_few_always() -> None:
    """An upstream that is rarely called has its calls tried again."""
    budget = RetryBudget()
    for _ in range(LEAST):
        assert budget.has_room(5.0, 1)
        budget.spend(5.0)
    assert not budget.has_room(5.0, 1)
    assert not budget.has_room(14.9, 1)
    assert budget.has_room(15.0, 1)


def test_one_for_each_owner() -> None:
    """Each upstream has its own."""
    budgets = RetryBudgets()
    assert budgets.of("one") is budgets.of("one")
    assert budgets.of("one") is not budgets.of("two")


STEPS = st.lists(st.tuples(st.floats(0, 6), st.booleans()), max_size=300)


@given(steps=STEPS, percent=st.integers(1, 100))
def test_never_more(steps: list[tuple[float, bool]], percent: int) -> None:
    """However calls and retries follow each other: in no window are more retries made than the budget allows."""
    budget, now = RetryBudget(), 0.0
    calls: deque[int] = deque()
    retries: deque[int] = deque()
    for pause_s, wants_retry in steps:
        now += pause_s / 50
        first = int(now) - WINDOW_S
        for made in (calls, retries):
            while made and made[0] <= first:
                made.popleft()
        if wants_retry:
            allowed = max(LEAST, percent * len(calls) // 100)
            assert budget.has_room(now, percent) is (len(retries) < allowed)
            if budget.has_room(now, percent):
                budget.spend(now)
                retries.append(int(now))
        else:
            budget.count(now)
            calls.append(int(now))
