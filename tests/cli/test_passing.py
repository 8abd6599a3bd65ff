"""What a worker has learnt reaches all others once, and other instances."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from exeat.cli.passing import Passing
from exeat.state.ledger import Answers, Learnt, Ledger, Pause, Question, Recall, Rest
from exeat.state.messages import Frames, parse_questions, parse_reply, render_questions

SECOND = 1_000_000_000
REST = Rest("billing https://a", 5 * SECOND, "5 calls failed in a row")
PAUSE = Pause("github", "", 0, None, None, SECOND)


class Worker:
    """A worker's connection; `heard` is what it is told."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self._frames = Frames()

    def send(self, message: bytes) -> None:
        self.heard += [parse_reply(one) for one in self._frames.feed(message)]


class Elsewhere(Ledger):
    """A ledger with other instances: `told` is what they are told, `words` what they say."""

    def __init__(self) -> None:
        self.told: list[Learnt] = []
        self.words: list[Learnt] = []
        self.asks = False

    async def answer(self, asked: list[tuple[int, list[Question]]], now: int, wall: int) -> list[Answers]:
        raise NotImplementedError

    def recalls(self) -> list[Recall]:
        return []

    def give_up(self, name: str, now: int) -> None:
        pass

    async def share(self, words: list[Learnt]) -> None:
        self.told += words

    def heard(self) -> list[Learnt]:
        words, self.words = self.words, []
        return words

    def was_asked(self) -> bool:
        asks, self.asks = self.asks, False
        return asks

    def leave(self, holder: int) -> None:
        pass

    def tend(self, now: int, wall: int) -> None:
        pass

    def close(self) -> None:
        pass


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_over_the_line() -> None:
    """What a worker says arrives as it was said."""
    (message,) = Frames().feed(render_questions([REST, PAUSE]))
    assert parse_questions(message) == [REST, PAUSE]


def test_to_all_others() -> None:
    """Everybody hears it but who said it, and other instances do."""
    one, two, three, elsewhere = Worker(), Worker(), Worker(), Elsewhere()
    passing = Passing({1: one, 2: two, 3: three})
    passing.take(two, [REST, PAUSE])
    run(passing.pass_on(elsewhere))
    assert (one.heard, two.heard, three.heard) == ([REST, PAUSE], [], [REST, PAUSE])
    assert elsewhere.told == [REST, PAUSE]


def test_the_same_is_passed_on_once() -> None:
    """What another worker has said already goes nowhere; what the upstream says of its limits always does."""
    one, two, elsewhere = Worker(), Worker(), Elsewhere()
    passing = Passing({1: one, 2: two})
    passing.take(one, [REST])
    passing.take(two, [REST, PAUSE])
    run(passing.pass_on(elsewhere))
    assert (one.heard, two.heard, elsewhere.told) == ([PAUSE], [REST], [REST, PAUSE])


def test_what_is_heard_of_others_stays_here() -> None:
    """Another instance's word reaches every worker here, and isn't told to other instances again."""
    one, two, elsewhere = Worker(), Worker(), Elsewhere()
    passing = Passing({1: one, 2: two})
    elsewhere.words = [REST]
    run(passing.pass_on(elsewhere))
    assert (one.heard, two.heard, elsewhere.told) == ([REST], [REST], [])
    passing.take(one, [REST])
    run(passing.pass_on(elsewhere))
    assert elsewhere.told == []


def test_who_begins_is_told() -> None:
    """A worker that starts, and an instance that asks, hear of what rests then."""
    one, late, elsewhere = Worker(), Worker(), Elsewhere()
    passing = Passing({1: one})
    passing.take(one, [REST])
    run(passing.pass_on(elsewhere))
    passing.greet(late)
    elsewhere.told.clear()
    elsewhere.asks = True
    run(passing.pass_on(elsewhere))
    for heard in (late.heard, elsewhere.told):
        (rest,) = heard
        assert isinstance(rest, Rest)
        assert rest.endpoint == REST.endpoint
        assert 0 < rest.for_ns <= REST.for_ns
    passing.take(one, [REST._replace(for_ns=0)])
    run(passing.pass_on(elsewhere))
    passing.greet(later := Worker())
    assert later.heard == []
