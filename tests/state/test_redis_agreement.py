"""The ledgers in memory and in Redis agree on whatever is asked of them."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.state.ledger import PERMITS, RATE, WINDOW, Answer, Charge, Give, Hold, Question, Take
from exeat.state.memory import MemoryLedger
from tests.state.instances import MS, WALL, YEAR_END, instance, names, wish
from tests.support.redis import RedisServer, redis_server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One server for all."""
    with redis_server() as server:
        yield server


class Move(NamedTuple):
    """What a holder does."""

    what: str
    holder: int
    size: int
    part: int


class Case(NamedTuple):
    """An entry, and how large what is asked of it may be."""

    kind: str
    amount: int
    span: int


sizes = st.one_of(st.integers(1, 8), st.integers(1, 2000), st.integers(1, 4 * 10**18))
moves = st.lists(
    st.builds(
        Move,
        st.sampled_from(
            ["take", "take", "take", "give", "give all", "answer", "answer", "charge", "hold", "wait", "leave"]
        ),
        st.integers(0, 3),
        sizes,
        st.integers(1, 9),
    ),
    min_size=10,
    max_size=60,
)
cases = st.one_of(
    st.builds(Case, st.just(RATE), st.integers(1, 300), st.integers(1000, 3 * MS)),
    st.builds(Case, st.just(RATE), st.integers(1, 10**9), st.integers(1000, 10**15)),
    st.builds(Case, st.just(WINDOW), st.integers(1, 5000), st.just(YEAR_END)),
    st.builds(Case, st.just(WINDOW), st.integers(1, 4 * 10**18), st.just(YEAR_END)),
    st.builds(Case, st.just(PERMITS), st.integers(1, 500), st.just(0)),
    st.builds(Case, st.just(PERMITS), st.integers(1, 10**9), st.just(0)),
)


def question_of(move: Move, case: Case, name: str, hand: int) -> Question | None:
    """What a move asks."""
    most = {RATE: 10**9, WINDOW: 4 * 10**18, PERMITS: 10**9}[case.kind]
    size = min(move.size, most)
    if move.what == "take":
        return Take(name, case.kind, case.amount, case.span, size, 1 + size * (move.part % 3) // 3, size * move.part)
    if move.what.startswith("give"):
        return Give(name, case.kind, hand if move.what == "give all" else min(hand, size))
    if move.what == "charge" and case.kind == WINDOW:
        return Charge(name, YEAR_END, min(size, 10**17))
    if move.what == "hold" and case.kind == PERMITS:
        return Hold(name, min(size, 1000))
    return None


@given(moves, cases)
@settings(max_examples=60)
def test_agrees_with_memory(redis: RedisServer, what: list[Move], case: Case) -> None:
    """Whatever the holders of two instances ask, in whatever order: both ledgers answer the same."""
    asyncio.run(compare(redis.url, what, case))


async def compare(url: str, what: list[Move], case: Case) -> None:
    """Do the same to a ledger in memory and, as two instances, to one in Redis."""
    memory, name = MemoryLedger(), next(names)
    hands, told, serials = [0, 0, 0, 0], set[int](), [0, 0, 0, 0]
    async with instance(url) as one, instance(url) as two:
        for move in what:
            if move.what == "wait":
                await asyncio.sleep(min(move.size, 20) / 1000)
            if move.what == "leave" and case.kind == PERMITS:
                memory.leave(move.holder)
                (one, two)[move.holder % 2].ledger.leave(move.holder)
                await (one, two)[move.holder % 2].ledger.answer([], 0, WALL)
                hands[move.holder] = 0
            question = question_of(move, case, name, hands[move.holder])
            if move.what == "answer":
                question = Give(name, case.kind, 0, serials[move.holder])
            if question is None:
                continue
            ledger = (one, two)[move.holder % 2].ledger
            ((*answers,),) = await ledger.answer([(move.holder, [question])], 0, WALL)
            expected = memory.ask(move.holder, question, ledger.now, WALL)
            assert answers == ([expected] if isinstance(question, Take) else [])
            assert ledger.crossings() == memory.crossings()
            recalls = memory.recalls()
            for recall in recalls:
                serials[recall.holder] = recall.serial
            others = {recall.holder for recall in recalls}
            told |= others  # those of the other instance hear of it in their own time
            heard = {recall.holder for recall in ledger.recalls()}
            assert {other for other in others if other % 2 == move.holder % 2} <= heard <= told
            if isinstance(question, Hold):
                hands[move.holder] = question.amount
            elif isinstance(question, Give):
                hands[move.holder] -= question.amount
            elif expected is not None:
                hands[move.holder] += expected.granted


def test_nothing_is_rounded(redis: RedisServer) -> None:
    """The largest budget there can be is spent to its last billionth."""

    async def spend() -> None:
        amount, name = 4 * 10**18 - 1, next(names)
        async with instance(redis.url) as one:
            (answer,) = await one.ask(wish(name, WINDOW, amount, need=amount - 3))
            assert answer == Answer(amount - 3, 3, YEAR_END - WALL, held=False, life=0)
            await one.ask(Give(name, WINDOW, 2**53 + 1))
            (answer,) = await one.ask(wish(name, WINDOW, amount, need=2**53 + 9))
            assert answer is not None
            assert (answer.granted, answer.remaining) == (2**53 + 4, 0)

    asyncio.run(spend())
