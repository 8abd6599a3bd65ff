"""Workers of several instances that count in one Redis, without their processes: nobody is refused for nothing."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from exeat.model.limit import Kind, Limit
from exeat.state.leased import LeasedCell, Lender
from exeat.state.ledger import Answers, Charge, Give, Grant, More, Recall, Said, Stand
from exeat.state.shared import lease
from exeat.state.turns import NEVER, Turns
from tests.state.instances import SECOND, Instance, instance, names
from tests.state.world import make_limit
from tests.support.redis import RedisServer, redis_server

INSTANCES = 4
CALLERS = 64
CALLS = 6
N = 500
VISIT_S = 0.05


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One server for all."""
    with redis_server() as server:
        yield server


class Worker(Lender):
    """A worker's line to the counters of its instance; one message for each turn of the loop."""

    def __init__(self, counters: "CountersOf") -> None:
        self.workers, self.is_there, self.is_away = INSTANCES, True, False
        self._counters = counters
        self._cells: dict[LeasedCell, None] = {}
        self._said: list[Give | Charge | Stand] = []
        self._kept: dict[LeasedCell, None] = {}
        self._under_way: deque[list[LeasedCell]] = deque()
        self._names: dict[str, LeasedCell] = {}
        self._is_flushing = False

    def wall(self) -> int:
        """The time of this machine."""
        return time.time_ns()

    def ask(self, cell: LeasedCell) -> None:
        """Put a question."""
        self._cells[cell] = None
        self._soon()

    def stand(self, cell: LeasedCell) -> None:
        """Nobody stands in line here."""

    def say(self, what: Give | Charge | Stand) -> None:
        """Say something."""
        self._said.append(what)
        self._soon()

    def keep(self, cell: LeasedCell) -> None:
        """Note a cell that holds something."""
        self._kept[cell] = None

    def visit(self) -> None:
        """Come to cells that hold something."""
        self._kept = {cell: None for cell in self._kept if cell.visit(time.monotonic_ns())}

    def _soon(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        cells, self._cells = self._cells, {}
        asked = {cell: cell.question(time.monotonic_ns()) for cell in cells}
        takes = {cell: take for cell, take in asked.items() if take is not None}
        self._names.update({take.name: cell for cell, take in takes.items()})
        said, self._said = self._said, []
        if said or takes:
            self._under_way.append(list(takes))
            self._counters.ask([*said, *takes.values()])
        for cell, take in asked.items():
            if take is None:
                cell.answered_without()

    def hear_answers(self, answers: Answers) -> None:
        """Hear the answers to a message."""
        for cell, answer in zip(self._under_way.popleft(), answers, strict=True):
            cell.answered(answer, time.monotonic_ns())

    def hear(self, word: Grant | More | Recall) -> None:
        """Hear what nobody asked for."""
        cell, now = self._names[word.name], time.monotonic_ns()
        match word:
            case Grant():
                cell.granted(word, now)
            case More():
                cell.hear_of_more()
            case Recall():
                cell.recall(word, now)


class CountersOf:
    """The process of counters of an instance with one worker."""

    def __init__(self, one: Instance) -> None:
        self.worker = Worker(self)
        self._one = one
        self._turns = Turns(one.ledger)
        self._asked: list[list[Said]] = []

    def ask(self, said: list[Said]) -> None:
        """Take a message."""
        self._asked.append(said)
        self._one.woken.set()

    async def run(self) -> None:
        """Answer for ever."""
        loop, worker, woken = asyncio.get_running_loop(), self.worker, self._one.woken
        while True:
            await woken.wait()
            woken.clear()
            asked, self._asked = self._asked, []
            answers = await self._turns.answer([(1, said) for said in asked], time.monotonic_ns(), time.time_ns())
            for answer in answers:
                loop.call_soon(worker.hear_answers, answer)
            for word in [*(word for _, word in self._turns.words()), *self._one.ledger.recalls()]:
                loop.call_soon(worker.hear, word)
            if self._turns.due_at < NEVER:
                loop.call_later(max(0, self._turns.due_at - time.monotonic_ns()) / SECOND, woken.set)

    async def tend(self) -> None:
        """Visit for ever."""
        while True:
            await asyncio.sleep(VISIT_S)
            self.worker.visit()


class Crowd:
    """Callers of all workers, and how many of their calls have passed when."""

    def __init__(self) -> None:
        self.passed = 0
        self.refused_at: list[int] = []  # how many had passed then

    async def call(self, cell: LeasedCell) -> None:
        """Call again and again."""
        for _ in range(CALLS):
            done = asyncio.Event()
            self._try(cell, done.set)
            await done.wait()
            await asyncio.sleep(random.random() * 0.004)  # noqa: S311 - so that calls of all mix

    def _try(self, cell: LeasedCell, done: Callable[[], None]) -> None:
        now = time.monotonic_ns()
        if cell.ready_at(now, 1) <= now:
            cell.spend(now, 1)
            self.passed += 1
            done()
        elif cell.must_ask(now, 1):
            cell.ask(1, lambda: self._try(cell, done))
        else:
            self.refused_at.append(self.passed)
            done()


@pytest.mark.parametrize("kind", [Kind.QUOTA, Kind.RATE])
def test_nobody_is_refused_before_all_of_it_has_passed(redis: RedisServer, kind: Kind) -> None:
    """Of many at once on all instances exactly as many pass as the limit lets, and the first is refused after them."""
    limit = make_limit(kind, N, id=next(names), unit="year", period=10**6 * SECOND, burst=N)
    crowd = asyncio.run(call_all(redis.url, limit))
    assert crowd.passed == N
    assert crowd.refused_at == [N] * (INSTANCES * CALLERS * CALLS - N)


async def call_all(url: str, limit: Limit) -> Crowd:
    """Have the callers of all instances call at once."""
    crowd = Crowd()
    async with AsyncExitStack() as stack:
        each = [CountersOf(await stack.enter_async_context(instance(url))) for _ in range(INSTANCES)]
        running = [asyncio.ensure_future(work) for one in each for work in (one.run(), one.tend())]
        cells = [lease(limit, "", one.worker) for one in each]
        async with asyncio.TaskGroup() as callers:
            for cell in cells * CALLERS:
                assert isinstance(cell, LeasedCell)
                callers.create_task(crowd.call(cell))
        for work in running:
            work.cancel()
        await asyncio.wait(running, timeout=5)
    return crowd
