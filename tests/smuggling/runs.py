"""A run: every hostile caller once through a chain, some at a time, among bystanders who share its connections."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.smuggling.callers import Bystander, Call, converse, echo
from tests.smuggling.chains import Chain, Make, Range, exeat, running
from tests.smuggling.hostile import Hostile
from tests.support.capture import Script
from tests.support.messages import Message

AT_ONCE = 20
BYSTANDERS = tuple(f"bystander-{number}" for number in range(AT_ONCE))

Answers = Callable[[Message], Script]


@dataclass
class Run:
    """A range after its run: the bytes that came back to each consumer, and the bystanders' calls."""

    range: Range
    answers: dict[str, bytes]
    calls: list[Call]

    @property
    def arrived(self) -> int:
        """How many requests of hostile callers the upstream received whole."""
        return len(self.range.capture.calls) - len(self.calls)


def run_cases(
    chain: Chain, cases: Sequence[Hostile], folder: Path, *, answers: Answers = echo, make: Make = exeat
) -> Run:
    """Every case once, each followed by a bystander's call."""

    async def run() -> Run:
        consumers = [*BYSTANDERS, *(case.consumer for case in cases)]
        async with running(chain, consumers, folder, answers, make) as made:
            done = Run(made, {}, [])
            waiting = iter(cases)
            async with asyncio.TaskGroup() as group:
                for name in BYSTANDERS:
                    group.create_task(_work(waiting, Bystander(name, made.keys[name], made.entrance), done))
        return done

    return uvloop.run(run())


async def _work(waiting: Iterator[Hostile], bystander: Bystander, run: Run) -> None:
    """Take case after case; the bystander calls after each."""
    for case in waiting:
        parts = case.filled(run.range.keys[case.consumer])
        run.answers[case.consumer] = await converse(run.range.entrance, parts, half_close=case.half_close)
        run.calls.append(await bystander.call())
    await bystander.leave()
