"""Which credential of a pool a call shows: exact shares, rests that grow, and never none where one would do."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from exeat.policy.balance import NOBODY, Turns
from exeat.policy.credential_pool import Acceptance, Candidate, has_ready, ready_at, shares

SECOND: Final = 1_000_000_000
NOW: Final = 1_000 * SECOND
STATUSES = st.sampled_from([0, 0, 401, 403])
TIMES = st.integers(NOW - 5, NOW + 5)


def accepted() -> Acceptance:
    """One that was never refused."""
    return Acceptance()


def refused(status: int = 401, until: int = NOW + 60 * SECOND) -> Acceptance:
    """One that was refused, and rests until a time."""
    acceptance = Acceptance()
    acceptance.hear(status, until - NOW + 2 * SECOND, NOW - 2 * SECOND)
    return acceptance


def choose(*candidates: Candidate, left_out: tuple[int, ...] = (), may_try: bool = True) -> int:
    """The place that a first call gets."""
    return Turns(len(candidates)).pick(shares(candidates, left_out, NOW, may_try=may_try))


def free(acceptance: Acceptance, weight: int = 1) -> Candidate:
    """One whose limits keep nothing back."""
    return Candidate(weight, acceptance, 0)


def limited(acceptance: Acceptance, until: int = NOW + 9 * SECOND) -> Candidate:
    """One whose limits keep calls back until a time."""
    return Candidate(1, acceptance, until)


class TestRests:
    """When a credential rests, and for how long."""

    def test_it_grows(self) -> None:
        """A minute, then twice as long each time, up to ten minutes; accepted once, it begins anew."""
        acceptance, now, lengths = Acceptance(), NOW, []
        for _ in range(6):
            assert acceptance.refuse(401, now, now)
            lengths.append(round((acceptance.until - now) / SECOND))
            assert acceptance.rests(now)
            now = acceptance.until
            assert not acceptance.rests(now)
        assert lengths == [60, 120, 240, 480, 600, 600]
        assert acceptance.accept(now)
        assert acceptance.refuse(403, now, now)
        assert acceptance.until - now == 60 * SECOND

    def test_what_was_sent_before(self) -> None:
        """What was sent before a rest began neither ends nor lengthens it."""
        acceptance = Acceptance()
        assert acceptance.refuse(401, NOW - 5, NOW)
        assert not acceptance.refuse(401, NOW - 4, NOW + 7)
        assert not acceptance.accept(NOW - 3)
        assert acceptance.until == NOW + 60 * SECOND

    def test_shown_while_it_rests(self) -> None:
        """One that was shown although it rested, and refused, comes after the others, for no longer than before."""
        acceptance = Acceptance()
        acceptance.refuse(401, NOW, NOW)
        assert not acceptance.refuse(401, NOW + 10, NOW + 20)
        assert (acceptance.until, acceptance.length) == (NOW + 20 + 60 * SECOND, 60 * SECOND)

    def test_accepted_is_news_once(self) -> None:
        """That one is accepted is worth saying only after it was refused."""
        acceptance = Acceptance()
        assert not acceptance.accept(NOW)
        acceptance.refuse(401, NOW, NOW)
        assert acceptance.accept(NOW + 1)
        assert not acceptance.accept(NOW + 2)
        assert not acceptance.rests(NOW + 3)

    def test_what_others_saw(self) -> None:
        """It rests for what is left of another worker's rest, doubles that next time, and ends it when they say so."""
        acceptance = Acceptance()
        acceptance.hear(401, 120 * SECOND, NOW)
        assert (acceptance.status, acceptance.until) == (401, NOW + 120 * SECOND)
        acceptance.hear(403, 5 * SECOND, NOW)
        assert (acceptance.status, acceptance.until) == (401, NOW + 120 * SECOND)
        after = NOW + 120 * SECOND
        assert acceptance.refuse(401, after, after)
        assert acceptance.until == after + 240 * SECOND
        acceptance.hear(0, 0, after)
        assert not acceptance.rests(after)


class TestTurns:
    """Who is next."""

    @given(st.lists(st.integers(1, 100), min_size=1, max_size=6), st.integers(1, 300))
    def test_shares_are_exact(self, weights: list[int], calls: int) -> None:
        """After any number of calls each one has been shown its share of times, give or take less than one."""
        turns, total = Turns(len(weights)), sum(weights)
        candidates = [free(accepted(), weight) for weight in weights]
        had = [0] * len(weights)
        for made in range(1, calls + 1):
            had[turns.pick(shares(candidates, (), NOW, may_try=True))] += 1
            assert all(abs(n - made * w / total) < 1 + 1e-6 for n, w in zip(had, weights, strict=True))

    def test_the_others_share(self) -> None:
        """While one rests or waits, the others get its calls, by their own weights."""
        candidates = [free(refused(), 5), limited(accepted()), free(accepted(), 2), free(accepted(), 1)]
        turns = Turns(4)
        assert [turns.pick(shares(candidates, (), NOW, may_try=True)) for _ in range(6)] == [2, 2, 3, 2, 2, 3]

    def test_one_call_tries(self) -> None:
        """After a rest one call tries, if another credential can follow; the rest of them wait for what it finds."""
        rested = refused(until=NOW - 1)
        pool = [free(accepted()), free(rested)]
        assert choose(*pool) == 1
        assert choose(*pool, may_try=False) == 0
        rested.is_tried = True
        assert {choose(*pool) for _ in range(3)} == {0}
        rested.is_tried = False
        assert choose(*pool, left_out=(1,)) == 0

    def test_whatever_can_follow(self) -> None:
        """Where nothing better is there, a call that nothing can follow tries as well; and so does one beside it."""
        rested = refused(until=NOW - 1)
        assert choose(free(rested), may_try=False) == 0
        rested.is_tried = True
        assert choose(free(rested), limited(accepted())) == 0


class TestLast:
    """What is done when none is well."""

    def test_all_were_refused(self) -> None:
        """The one that rests least is shown."""
        pool = [free(refused(401, NOW + 9)), free(refused(403, NOW + 5)), free(refused(401, NOW + 7))]
        assert choose(*pool) == 1
        assert choose(*pool, left_out=(1,)) == 2
        assert ready_at(pool, NOW) <= NOW
        assert not has_ready(pool, (), NOW)

    def test_all_wait_for_their_limits(self) -> None:
        """Nobody is shown, until the first one may."""
        pool = [limited(accepted(), NOW + 9), limited(accepted(), NOW + 4)]
        assert choose(*pool) == NOBODY
        assert ready_at(pool, NOW) == NOW + 4

    def test_one_refused_one_waits(self) -> None:
        """A call waits for the one that works, or for the end of the other's rest, rather than meet a 401."""
        pool = [free(refused(401, NOW + 30)), limited(accepted(), NOW + 50)]
        assert choose(*pool) == NOBODY
        assert ready_at(pool, NOW) == NOW + 30

    def test_forbidden_may_be_the_call(self) -> None:
        """One that answered 403 is shown before a call waits: it may have been that call alone."""
        pool = [free(refused(403, NOW + 30)), limited(accepted(), NOW + 50)]
        assert choose(*pool) == 0
        assert ready_at(pool, NOW) <= NOW

    def test_refused_and_limited(self) -> None:
        """Where all were refused, limits still count."""
        pool = [limited(refused(401, NOW + 3), NOW + 8), limited(refused(401, NOW + 30), NOW + 6)]
        assert choose(*pool) == NOBODY
        assert ready_at(pool, NOW) == NOW + 6


@given(
    st.lists(st.tuples(STATUSES, TIMES, TIMES, st.booleans()), min_size=1, max_size=5),
    st.booleans(),
)
def test_what_is_ready_can_be_picked(members: list[tuple[int, int, int, bool]], may_try: bool) -> None:  # noqa: FBT001
    """Whoever doesn't have to wait finds a credential, and nobody else does; what is picked is free."""
    candidates = []
    for status, until, free_at, is_tried in members:
        acceptance = Acceptance()
        if status:
            acceptance.status, acceptance.until, acceptance.is_tried = status, until, is_tried and until <= NOW
        candidates.append(Candidate(1, acceptance, free_at))
    place = choose(*candidates, may_try=may_try)
    assert (place != NOBODY) == (ready_at(candidates, NOW) <= NOW)
    assert place == NOBODY or candidates[place].free_at <= NOW
    if has_ready(candidates, (), NOW):
        assert not candidates[place].acceptance.rests(NOW)
