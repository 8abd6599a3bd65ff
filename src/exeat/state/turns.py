"""Whose turn it is: the wishes of one instance's workers that wait, in front of their ledger.

Rule 1: who stands in line gets what there is by priority and then by age, whichever worker it waits in. While somebody
does, whoever comes later is told that nothing is left.
Rule 2: nobody is told that nothing is left while something may lie idle with others: a wish that falls short waits
until those have answered, RECALL_NS at most.
Rule 3: who was told so hears of what comes back later.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, final

from exeat.state.ledger import (
    PERMITS,
    RATE,
    RECALL_NS,
    WINDOW,
    Answer,
    Answers,
    Give,
    Grant,
    Ledger,
    More,
    Question,
    Said,
    Stand,
    Take,
)

NEVER: Final = 2**62
AT_ONCE: Final = 64  # of one line, in one round
SELDOM: Final = 50  # polls, where nothing is known to be under way


@final
class Wish:
    """What one request in line, or the newcomers of one holder, wait for: `take`, until `ends_at`."""

    __slots__ = ("ends_at", "holder", "rank", "take")

    def __init__(self, holder: int, take: Take, rank: tuple[int, int] = (0, 0), ends_at: int = NEVER) -> None:
        self.holder: Final = holder
        self.take = take
        self.rank: Final = rank
        self.ends_at: Final = ends_at


@final
class Queue:
    """Who waits for one entry: those in `line` one after the other, newcomers together until a recall is over.

    `again_at` is when there is more as far as is known, `try_at` when to ask the ledger again.
    """

    __slots__ = ("again_at", "line", "newcomers", "room", "try_at")

    def __init__(self) -> None:
        self.line: list[Wish] = []
        self.newcomers: list[Wish] = []
        self.room = 1
        self.again_at = NEVER
        self.try_at = NEVER

    def first(self) -> list[Wish]:
        """Whom to ask the ledger for next."""
        return self.line[: min(self.room, AT_ONCE)] or list(self.newcomers)

    def leave(self, holder: int) -> None:
        """Forget the wishes of a holder."""
        self.line = [wish for wish in self.line if wish.holder != holder]
        self.newcomers = [wish for wish in self.newcomers if wish.holder != holder]


@final
class Turns:
    """The front of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._queues: dict[str, Queue] = {}
        self._touched: set[str] = set()
        self._returned: dict[str, int] = {}  # what has come back, and from whom
        self._refused: defaultdict[str, set[int]] = defaultdict(set)  # who was told that nothing is left
        self._refused_before: dict[str, set[int]] = {}
        self._words: list[tuple[int, Grant | More]] = []
        self.due_at = NEVER  # when `answer` has to be called again, whatever is asked

    async def answer(self, asked: list[tuple[int, list[Said]]], now: int, wall: int) -> list[Answers]:
        """Answer what holders ask, and try again for who waits."""
        passed: list[tuple[int, list[Question]]] = []
        expected: list[list[Take | Answer]] = []
        for holder, questions in asked:
            on, answers = self._pass_on(holder, questions, now, wall)
            passed.append((holder, on))
            expected.append(answers)
        brought = await self._ledger.answer(passed, now, wall)
        answered = [
            self._merge(holder, answers, iter(found), now)
            for (holder, _), answers, found in zip(asked, expected, brought, strict=True)
        ]
        self._touched.update(more := self._ledger.more())
        self._returned.update(dict.fromkeys(more, 0))
        if self._touched or self.due_at <= now:
            await self._try(now, wall)
        if self._returned:
            self._tell_of_more()
        if self._queues:
            self.due_at = min(queue.try_at for queue in self._queues.values())
        else:
            self.due_at = NEVER
        return answered

    def words(self) -> list[tuple[int, Grant | More]]:
        """What holders have to be told, since this was asked last."""
        words, self._words = self._words, []
        return words

    def leave(self, holder: int) -> None:
        """A holder is gone; what it had is free, or spent."""
        self._ledger.leave(holder)
        for name, queue in self._queues.items():
            queue.leave(holder)
            self._touched.add(name)
        self._returned.update(dict.fromkeys([*self._refused, *self._refused_before], holder))
        self.due_at = 0

    def tend(self) -> None:
        """Forget whom nothing has to be told any more: who was refused asks again within a second by itself."""
        self._refused_before, self._refused = dict(self._refused), defaultdict(set)

    # What is asked

    def _pass_on(
        self, holder: int, said: list[Said], now: int, wall: int
    ) -> tuple[list[Question], list[Take | Answer]]:
        """What the ledger has to be asked, and for each wish itself or its answer."""
        on: list[Question] = []
        answers: list[Take | Answer] = []
        for one in said:
            if isinstance(one, Stand):
                self._stand(holder, one)
                continue
            if isinstance(one, Take):
                queue = self._queues.get(one.name)
                if queue is not None and queue.line:
                    answers.append(self._wait_behind(queue, holder, one, now, wall))
                    continue
                answers.append(one)
            elif isinstance(one, Give):
                if one.name in self._queues:
                    self._touched.add(one.name)
                if one.amount:
                    self._returned[one.name] = holder
            on.append(one)
        return on, answers

    def _stand(self, holder: int, stand: Stand) -> None:
        queue = self._queues.setdefault(stand.name, Queue())
        queue.line = [wish for wish in queue.line if wish.holder != holder]
        for priority, since, cost in stand.line:
            take = Take(stand.name, stand.kind, stand.amount, stand.span, cost, cost, cost)
            queue.line.append(Wish(holder, take, (priority, since)))
        queue.line.sort(key=_rank)
        self._touched.add(stand.name)

    def _wait_behind(self, queue: Queue, holder: int, take: Take, now: int, wall: int) -> Answer:
        """Nothing, for who comes after those in line; and when it might have something."""
        if take.kind == WINDOW:
            return Answer(0, 0, max(0, take.span - wall), held=False, life=0)
        if take.kind == PERMITS:
            return Answer(0, 0, 0, held=False, life=0)
        others = sum(wish.holder != holder for wish in queue.line)
        return Answer(0, 0, max(0, min(queue.again_at, now + take.span) - now) + others * take.span, held=False, life=0)

    def _merge(self, holder: int, expected: list[Take | Answer], found: Iterable[Answer | None], now: int) -> Answers:
        """The answers to the wishes of a holder; those that wait are noted."""
        answers: Answers = []
        brought = iter(found)
        for one in expected:
            if isinstance(one, Answer):
                answers.append(one)
                continue
            answer = next(brought)
            answers.append(answer)
            if answer is None or answer.granted >= one.need:
                continue
            if answer.held:
                queue = self._queues.setdefault(one.name, Queue())
                queue.newcomers.append(Wish(holder, _rest(one, answer.granted), ends_at=now + RECALL_NS))
                queue.try_at = min(queue.try_at, self._try_at(one, answer, now), now + RECALL_NS)
            else:
                self._refused[one.name].add(holder)
        return answers

    # Who waits

    async def _try(self, now: int, wall: int) -> None:
        """Ask the ledger for those who wait where something has changed, until nothing is left for them."""
        names = self._touched | {name for name, queue in self._queues.items() if queue.try_at <= now}
        self._touched = set()
        trying = [(name, queue) for name in names if (queue := self._queues.get(name)) is not None]
        for name, queue in trying:
            queue.room = 1
            if any(wish.ends_at <= now for wish in queue.newcomers):
                self._ledger.give_up(name, now)
        while trying:
            rounds = [(name, queue, queue.first()) for name, queue in trying]
            asked: list[tuple[int, list[Question]]] = [
                (wish.holder, [wish.take]) for _, _, wishes in rounds for wish in wishes
            ]
            answers = iter(await self._ledger.answer(asked, now, wall)) if asked else iter(())
            trying = [
                (name, queue)
                for name, queue, wishes in rounds
                if self._hand_out(name, queue, wishes, [next(answers)[0] for _ in wishes], now)
            ]
        for name in names:
            done = self._queues.get(name)
            if done is not None and not done.line and not done.newcomers:
                del self._queues[name]

    def _hand_out(self, name: str, queue: Queue, wishes: list[Wish], answers: Answers, now: int) -> bool:
        """Tell those who got something, and those who have waited in vain; whether to ask for others at once."""
        queue.try_at = queue.again_at = NEVER
        if None in answers:
            self._end(name, queue)
            return False
        pairs = [(wish, answer) for wish, answer in zip(wishes, answers, strict=True) if answer is not None]
        if not queue.line:
            for wish, answer in pairs:
                self._hand_to_newcomers(name, queue, wish, answer, now)
            return False
        served = [(wish, answer) for wish, answer in pairs if answer.granted >= wish.take.need]
        self._hand_to_line(name, queue, served)
        if len(served) == len(pairs):
            queue.room = max(1, pairs[-1][1].remaining // max(1, pairs[-1][0].take.need)) if pairs else 1
            return bool(queue.line or queue.newcomers)
        wish, answer = pairs[len(served)]
        queue.again_at = now + answer.again_in
        queue.try_at = self._try_at(wish.take, answer, now)
        for newcomer in list(queue.newcomers):
            self._hand_to_newcomers(name, queue, newcomer, answer._replace(granted=0), now)
        return False

    def _hand_to_line(self, name: str, queue: Queue, served: list[tuple[Wish, Answer]]) -> None:
        gone = {id(wish) for wish, _ in served}
        queue.line = [wish for wish in queue.line if id(wish) not in gone]
        amounts: defaultdict[int, int] = defaultdict(int)
        for wish, answer in served:
            amounts[wish.holder] += answer.granted
        for holder, amount in amounts.items():
            left = sum(wish.holder == holder for wish in queue.line)
            self._words.append((holder, Grant(name, True, left, served[-1][1]._replace(granted=amount))))  # noqa: FBT003

    def _hand_to_newcomers(self, name: str, queue: Queue, wish: Wish, answer: Answer, now: int) -> None:
        left = wish.take.need - answer.granted
        if left and answer.held and wish.ends_at > now:
            queue.try_at = min(queue.try_at, wish.ends_at, self._try_at(wish.take, answer, now))
            if answer.granted:
                wish.take = _rest(wish.take, answer.granted)
                self._words.append((wish.holder, Grant(name, False, left, answer)))  # noqa: FBT003
            return
        queue.newcomers.remove(wish)
        if left:
            self._refused[name].add(wish.holder)
        self._words.append((wish.holder, Grant(name, False, 0, answer)))  # noqa: FBT003

    def _end(self, name: str, queue: Queue) -> None:
        """Nothing is known any more."""
        for holder in dict.fromkeys(wish.holder for wish in queue.line):
            self._words.append((holder, Grant(name, True, 0, None)))  # noqa: FBT003
        for wish in queue.newcomers:
            self._words.append((wish.holder, Grant(name, False, 0, None)))  # noqa: FBT003
        queue.line, queue.newcomers = [], []

    def _try_at(self, take: Take, answer: Answer, now: int) -> int:
        """When to ask again for who fell short, unless something comes back before."""
        poll_ns = self._ledger.poll_ns
        polled_at = now + poll_ns * (1 if answer.held or take.kind == PERMITS else SELDOM) if poll_ns else NEVER
        return min(polled_at, max(now + answer.again_in, now + 1) if take.kind == RATE else NEVER)

    def _tell_of_more(self) -> None:
        """Tell those who were refused; not who stands in line, and not while others do."""
        returned, self._returned = self._returned, {}
        for name, giver in returned.items():
            queue = self._queues.get(name)
            if queue is not None and queue.line:
                continue
            refused = self._refused.pop(name, set()) | self._refused_before.pop(name, set())
            self._words.extend((holder, More(name)) for holder in refused if holder != giver)


def _rank(wish: Wish) -> tuple[int, int]:
    return wish.rank


def _rest(take: Take, granted: int) -> Take:
    """What is still wished for: no more than is needed."""
    need = take.need - granted
    return take._replace(need=need, least=min(take.least, need), want=need)
