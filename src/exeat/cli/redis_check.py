"""What `exeat doctor` looks at in Redis: whether it can be reached, and keeps what is counted in it."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from exeat.state.redis_address import RedisAddress
from exeat.state.redis_line import AwayError, RedisLine
from exeat.state.redis_script import REGISTER

LEAST: Final = (6, 2)
SLOW_MS: Final = 50.0  # of the 250 that a call may take
TIMES: Final = 5
KEEP: Final = "noeviction"

Found = tuple[Literal["fine", "odd", "wrong"], str]


class Look(NamedTuple):
    """How long (ms) a call took, the quickest of some, and what the server says of itself."""

    took_ms: float
    facts: dict[str, Any]


def check_redis(address: RedisAddress, ca_file: str | None, ca_folder: str | None) -> Iterator[Found]:
    """Look at it, and say what is found."""
    try:
        look = asyncio.run(_look(address, ca_file, ca_folder))
    except AwayError as error:
        yield "wrong", f"{address} can't be used: {error}; until it can, quotas and budgets refuse."
        return
    yield _judge_version(address, look)
    if look.took_ms > SLOW_MS:
        yield "odd", f"a call takes {look.took_ms:.0f} ms; put it nearer, each request over a limit may wait for it."
    if address.is_plaintext:
        yield "odd", f"what is said to {address} can be read on the way, a password too; use rediss://."
    yield from _judge_keeping(look.facts)


async def _look(address: RedisAddress, ca_file: str | None, ca_folder: str | None) -> Look:
    line = RedisLine(address, ca_file, ca_folder)
    try:
        await line.probe(REGISTER)
        took: list[float] = []
        for _ in range(TIMES):
            began = time.perf_counter()
            await line.probe(REGISTER)
            took.append((time.perf_counter() - began) * 1000)
        return Look(min(took), await line.facts())
    finally:
        await line.close()


def _judge_version(address: RedisAddress, look: Look) -> Found:
    version = str(look.facts.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if not numbers:
        return (
            "odd",
            f"{address} answers in {look.took_ms:.1f} ms, but doesn't say its version; it has to be 6.2 or newer.",
        )
    if numbers < LEAST:
        return "wrong", f"{address} is version {version}; limits need 6.2 or newer."
    return "fine", f"{address} (version {version}) answers in {look.took_ms:.1f} ms."


def _judge_keeping(facts: dict[str, Any]) -> Iterator[Found]:
    kept, policy = facts.get("aof_enabled"), str(facts.get("maxmemory_policy", ""))
    if kept is None:
        yield (
            "odd",
            "it isn't known whether it keeps what it holds (appendonly): see to that, quotas and budgets are there.",
        )
    elif not int(kept):
        yield "odd", "appendonly is off: when it ends, quotas and budgets begin anew. Set `appendonly yes`."
    if not policy:
        yield "odd", f"it isn't known what it drops when its memory is full; maxmemory-policy has to be {KEEP}."
    elif policy != KEEP and int(facts.get("maxmemory", 0)):
        yield (
            "wrong",
            f"maxmemory-policy is {policy}: a full memory drops what is counted. Set `maxmemory-policy {KEEP}`.",
        )
