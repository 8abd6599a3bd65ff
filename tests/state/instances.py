"""The ledger in Redis, as instances of the gateway have it, for tests."""

import asyncio
import io
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from exeat.state.ledger import Answer, Question, Take
from exeat.state.redis_address import parse_redis_address
from exeat.state.redis_ledger import RedisLedger, open_redis_ledger
from exeat.telemetry.logs import Log

MS = 1_000_000
SECOND = 1000 * MS
WALL = 1_700_000_000 * SECOND
YEAR_END = WALL + 10**7 * SECOND

names = (f"entry {number}" for number in itertools.count())


class Instance:
    """A ledger as one instance has it, and what it logs."""

    def __init__(self, ledger: RedisLedger, woken: asyncio.Event, log: io.StringIO) -> None:
        self.ledger = ledger
        self.woken = woken
        self._log = log

    async def ask(self, *questions: Question, holder: int = 1) -> list[Answer | None]:
        """Ask as one holder."""
        (answers,) = await self.ledger.answer([(holder, list(questions))], 0, WALL)
        return answers

    async def beat(self) -> None:
        """Say that it is there, and what its holders have."""
        self.ledger.tend(2**60, WALL)
        self.ledger.tend(0, WALL)
        await self.ledger.answer([], 0, WALL)

    @property
    def log(self) -> str:
        """Everything that was logged."""
        return self._log.getvalue()

    def said(self, event: str) -> int:
        """How often something was logged."""
        return sum(orjson.loads(line)["message"] == event for line in self.log.splitlines())


@asynccontextmanager
async def instance(url: str) -> AsyncIterator[Instance]:
    """A ledger."""
    woken, written = asyncio.Event(), io.StringIO()
    log = Log("counters", as_json=True, out=written)
    ledger = await open_redis_ledger(parse_redis_address(url), log, woken.set, None, None)
    try:
        await ledger.answer([], 0, WALL)
        yield Instance(ledger, woken, written)
    finally:
        ledger.close()
        await asyncio.wait(ledger._tasks)  # noqa: SLF001 - so that no connection is left open


def wish(name: str, kind: str, amount: int, span: int = YEAR_END, *, need: int = 1, want: int = 0) -> Take:
    """A wish."""
    return Take(name, kind, amount, span, need, 1, max(need, want))
