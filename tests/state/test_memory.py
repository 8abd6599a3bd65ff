"""What the ledger grants, takes back and forgets."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.state.ledger import PERMITS, RATE, RECALL_NS, WINDOW, Answer, Charge, Give, Hold, Question, Recall, Take
from exeat.state.memory import GRACE_NS, MemoryLedger

MS = 1_000_000
SECOND = 1000 * MS
YEAR_END = 10**18
HOLDERS = 3


def wish(kind: str, amount: int, span: int = 0, *, need: int = 1, want: int = 0, least: int = 1) -> Take:
    """A wish of one entry."""
    return Take("entry", kind, amount, span, need, least, max(need, want))


def grant(ledger: MemoryLedger, holder: int, question: Question, now: int = SECOND) -> Answer:
    """What a wish brings."""
    answer = ledger.ask(holder, question, now, now)
    assert answer is not None
    return answer


class Move(NamedTuple):
    """What a holder does next."""

    what: str
    holder: int
    size: int


moves = st.lists(
    st.builds(
        Move,
        st.sampled_from(["take", "take", "take", "use", "use all", "give", "wait"]),
        st.integers(0, HOLDERS - 1),
        st.integers(1, 60),
    ),
    min_size=30,
    max_size=120,
)


@given(moves, st.integers(1, 400), st.sampled_from([MS // 5, MS, 7 * MS]))
@settings(max_examples=200)
def test_rate_is_kept_in_every_span(what: list[Move], burst: int, interval: int) -> None:
    """However late slices are used, and however many go back: no span holds more than the rate allows."""
    ledger, now = MemoryLedger(), SECOND
    passed: list[int] = []
    hands, ends = [0] * HOLDERS, [0] * HOLDERS
    for move in what:
        holder = move.holder
        if move.what == "wait":
            now += move.size * MS
        elif move.what == "take":
            ledger.ask(holder, Give("entry", RATE, hands[holder]), now, now)
            need = max(1, move.size**2 // 8)
            answer = grant(ledger, holder, wish(RATE, burst, interval, need=need, want=1000), now)
            used = min(need, answer.granted)
            passed += [now] * used
            hands[holder], ends[holder] = answer.granted - used, now + answer.life
        elif move.what.startswith("use") and now <= ends[holder]:
            used = hands[holder] if move.what == "use all" else min(hands[holder], move.size)
            passed += [now] * used
            hands[holder] -= used
        elif move.what == "give":
            ledger.ask(holder, Give("entry", RATE, hands[holder]), now, now)
            hands[holder] = 0
    lowest = None
    for place in reversed(range(len(passed))):
        end = passed[place] - place * interval
        lowest = end if lowest is None else min(lowest, end)
        assert lowest - end >= (1 - burst) * interval


@given(moves, st.integers(1, 400))
def test_returned_rate_is_all_there(what: list[Move], burst: int) -> None:
    """When everything that wasn't used is back, exactly the rest of the burst passes."""
    ledger, now, interval = MemoryLedger(), SECOND, 10_000 * SECOND
    used = 0
    hands = [0] * HOLDERS
    for move in what:
        holder = move.holder
        if move.what == "take":
            ledger.ask(holder, Give("entry", RATE, hands[holder]), now, now)
            hands[holder] = grant(ledger, holder, wish(RATE, burst, interval, want=move.size * 5), now).granted
        elif move.what == "wait":
            now += move.size * MS
        elif move.what.startswith("use"):
            share = min(hands[holder], move.size)
            used += share
            hands[holder] -= share
    for holder in range(HOLDERS):
        ledger.ask(holder, Give("entry", RATE, hands[holder]), now, now)
    assert grant(ledger, 9, wish(RATE, burst, interval, need=10**6), now + SECOND).granted == burst - used


@given(moves, st.integers(1, 2000), st.sampled_from([WINDOW, PERMITS]))
def test_plenty_is_given_only_where_there_is_plenty(what: list[Move], amount: int, kind: str) -> None:
    """What is granted is never more than there is, and beyond the need never more than an eighth of that."""
    ledger = MemoryLedger()
    held = [0] * HOLDERS
    for move in what:
        holder = move.holder
        if move.what in {"take", "use"}:
            room = amount - sum(held)
            take = wish(kind, amount, YEAR_END, need=move.size, want=move.size * 7, least=1 + move.size % 3)
            answer = grant(ledger, holder, take)
            assert answer.granted <= room
            assert answer.granted <= max(take.need, room // 8)
            assert answer.granted >= min(take.need, room) or room < take.least
            assert answer.remaining == room - answer.granted
            held[holder] += answer.granted
        elif move.what == "give":
            back = min(held[holder], move.size)
            ledger.ask(holder, Give("entry", kind, back), SECOND, SECOND)
            held[holder] -= back


def test_slice_counts_when_it_may_be_used_last() -> None:
    """What is kept until the end of its time, and all that others get then, is no more than the burst."""
    ledger = MemoryLedger()
    kept = grant(ledger, 1, wish(RATE, 1000, MS, want=1000))
    assert kept.granted == 125
    later = grant(ledger, 2, wish(RATE, 1000, MS, need=1000), SECOND + kept.life)
    assert kept.granted - 1 + later.granted == 1000


def test_old_slices_free_nothing() -> None:
    """What comes back when the rate has been at rest since, and used up again, lets no more pass."""
    ledger = MemoryLedger()
    for holder, at in ((1, SECOND), (2, 6 * SECOND)):
        assert grant(ledger, holder, wish(RATE, 1000, MS, want=1000), at).granted == 125
    assert grant(ledger, 3, wish(RATE, 1000, MS, need=1000), 12 * SECOND).granted == 1000
    for holder in (2, 1):
        ledger.ask(holder, Give("entry", RATE, 124), 12 * SECOND, 12 * SECOND)
        assert grant(ledger, 4, wish(RATE, 1000, MS), 12 * SECOND).granted == 0


def test_others_are_asked_for_what_lies_idle() -> None:
    """Who may have more than it needs is told once when somebody has too little; who has answered is left alone.

    What it gives back without being asked is no answer: it may have more.
    """
    for kind in (WINDOW, PERMITS):
        ledger = MemoryLedger()
        assert grant(ledger, 1, wish(kind, 80, YEAR_END, want=10)).granted == 10
        short = grant(ledger, 2, wish(kind, 80, YEAR_END, need=75))
        assert (short.granted, short.held) == (70, True)
        (recall,) = ledger.recalls()
        assert recall == Recall(1, "entry", kind, recall.serial)
        ledger.ask(1, Give("entry", kind, 2), SECOND, SECOND)
        more = grant(ledger, 2, wish(kind, 80, YEAR_END, need=5))
        assert (more.granted, more.held, ledger.recalls()) == (2, True, [])
        ledger.ask(1, Give("entry", kind, 2, recall.serial), SECOND, SECOND)
        last = grant(ledger, 2, wish(kind, 80, YEAR_END, need=3))
        assert (last.granted, last.held) == (2, False)


def test_an_answer_is_of_what_was_granted_before() -> None:
    """Who is granted more while it answers may have that, too; who hasn't answered in time isn't waited for."""
    ledger = MemoryLedger()
    grant(ledger, 1, wish(WINDOW, 80, YEAR_END, need=75))
    assert grant(ledger, 2, wish(WINDOW, 80, YEAR_END, need=6)).held
    (recall,) = ledger.recalls()
    grant(ledger, 2, wish(WINDOW, 90, YEAR_END, need=1))
    grant(ledger, 1, wish(WINDOW, 90, YEAR_END, need=3))
    ledger.ask(1, Give("entry", WINDOW, 0, recall.serial), SECOND, SECOND)
    assert grant(ledger, 3, wish(WINDOW, 90, YEAR_END, need=10), SECOND + 1).held
    assert {one.holder: one.serial > recall.serial for one in ledger.recalls()} == {1: True, 2: True}
    ledger.give_up("entry", SECOND + RECALL_NS)
    assert grant(ledger, 3, wish(WINDOW, 90, YEAR_END, need=10), SECOND + RECALL_NS).held
    ledger.give_up("entry", SECOND + 1 + RECALL_NS)
    assert not grant(ledger, 3, wish(WINDOW, 90, YEAR_END, need=10), SECOND + 1 + RECALL_NS).held


def test_a_quick_rate_is_not_called_back() -> None:
    """What there is again by itself in a moment isn't asked for."""
    for interval, held in ((MS, False), (SECOND, True)):
        ledger = MemoryLedger()
        grant(ledger, 1, wish(RATE, 80, interval, need=80))
        assert grant(ledger, 2, wish(RATE, 80, interval)).held is held


def test_too_little_is_of_no_use() -> None:
    """A wish is refused where there is less than anybody could use: others can use it."""
    ledger = MemoryLedger()
    grant(ledger, 1, wish(WINDOW, 100, YEAR_END, need=60))
    assert grant(ledger, 2, wish(WINDOW, 100, YEAR_END, need=50, least=50)).granted == 0
    assert grant(ledger, 2, wish(WINDOW, 100, YEAR_END, need=50, least=40)).granted == 40


def test_quick_rates_are_not_kept() -> None:
    """Of a rate whose burst is over in a moment, nobody gets more than it uses at once."""
    answer = grant(MemoryLedger(), 1, wish(RATE, 10, MS, want=10))
    assert (answer.granted, answer.life) == (1, 0)


def test_it_says_when_there_is_more() -> None:
    """A wish that fails says when the next request passes, or when the window ends."""
    ledger = MemoryLedger()
    assert grant(ledger, 1, wish(RATE, 1, 30 * SECOND)).granted == 1
    assert grant(ledger, 1, wish(RATE, 1, 30 * SECOND), 11 * SECOND).again_in == 20 * SECOND
    assert grant(ledger, 1, Take("day", WINDOW, 0, 90 * SECOND, 1, 1, 1)).again_in == 89 * SECOND


def test_raised_and_lowered() -> None:
    """What is used stays used when the amount changes, and more passes only where there is more."""
    ledger = MemoryLedger()
    grant(ledger, 1, wish(WINDOW, 10, YEAR_END, need=10))
    assert grant(ledger, 1, wish(WINDOW, 5, YEAR_END)).granted == 0
    assert grant(ledger, 1, wish(WINDOW, 12, YEAR_END, need=5)).granted == 2


def test_permits_wait_for_those_who_hold_some() -> None:
    """A ledger that has lost its memory grants permits only when all had time to say what they hold."""
    ledger = MemoryLedger(permits_from=2 * SECOND)
    assert ledger.ask(1, wish(PERMITS, 10), SECOND, SECOND) is None
    ledger.ask(2, Hold("entry", 8), SECOND, SECOND)
    assert grant(ledger, 1, wish(PERMITS, 10, need=10), 2 * SECOND).granted == 2
    ledger.leave(2)
    assert grant(ledger, 1, wish(PERMITS, 10, need=10), 2 * SECOND).granted == 8


def test_charge_after_the_end() -> None:
    """What is charged late counts in its own window, also where nothing is known of it."""
    ledger = MemoryLedger()
    ledger.ask(1, Charge("entry", YEAR_END, 7), SECOND, SECOND)
    assert grant(ledger, 1, wish(WINDOW, 10, YEAR_END, need=5)).granted == 3


def test_it_forgets() -> None:
    """What is at rest, free or over takes no room."""
    ledger = MemoryLedger()
    grant(ledger, 1, Take("rate", RATE, 10, SECOND, 5, 1, 9))
    grant(ledger, 1, Take("window", WINDOW, 10, 50 * SECOND, 5, 1, 9))
    grant(ledger, 1, Take("permits", PERMITS, 10, 0, 5, 1, 9))
    ledger.ask(1, Give("permits", PERMITS, 5), SECOND, SECOND)
    ledger.forget(2 * SECOND, 2 * SECOND)
    assert "window" in ledger.windows
    late = 60 * SECOND + GRACE_NS
    ledger.forget(late, late)
    kept = {name: value for name, value in vars(ledger).items() if isinstance(value, dict) and value}
    assert kept == {}
