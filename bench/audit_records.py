"""Batches of an audit trail as a busy gateway makes them: records of about 600 bytes, many consumers and upstreams."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from exeat.model.audit import GENESIS, Batch, Position, hash_batch

CONSUMERS = 200
UPSTREAMS = 40
UPSTREAMS_OF_CONSUMER = 3
BATCH_RECORDS = 50  # what one turn of a busy event loop records
DAYS = 30
BEGIN_US = 1_790_000_000_000_000
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_PATHS = ("/v1/users/{}", "/v1/users/{}/orders", "/repos/exeat/exeat/issues/{}", "/v2/charges/{}/refunds", "/search")


class Client(NamedTuple):
    """One consumer's way to one upstream."""

    consumer: str
    key: str
    upstream: str


def make_clients() -> list[Client]:
    """Who calls what: few call often, many seldom, as consumers do."""
    dice = random.Random(1)  # noqa: S311 - the same traffic each time
    return [
        Client(f"consumer-{consumer:03d}", f"k{dice.randrange(36**8):09x}", f"upstream-{dice.randrange(UPSTREAMS):02d}")
        for consumer in range(CONSUMERS)
        for _ in range(UPSTREAMS_OF_CONSUMER)
    ]


def make_batches(number: int, days: float = DAYS, chains: int = 2) -> Iterator[Batch]:
    """Batches with `number` records in all, spread evenly over `days`."""
    dice = random.Random(2)  # noqa: S311 - the same traffic each time
    clients = make_clients()
    weights = [1 / (1 + place) ** 0.7 for place in range(len(clients))]
    step = int(days * 86_400_000_000) // number
    previous = [GENESIS] * chains
    first = [1] * chains
    for batch in range(number // BATCH_RECORDS):
        chain, turn = batch % chains, batch // chains + 1
        begin = BEGIN_US + batch * BATCH_RECORDS * step
        chosen = dice.choices(clients, weights, k=BATCH_RECORDS)
        records = tuple(_make_record(dice, client, begin + place * step) for place, client in enumerate(chosen))
        digest = hash_batch(previous[chain], turn, first[chain], records)
        name = f"0199f4e8c1d2/worker-{chain + 1}"
        yield Batch(name, turn, first[chain], records, previous[chain], digest, Position(turn // 500, turn % 500))
        previous[chain], first[chain] = digest, first[chain] + BATCH_RECORDS


def _make_record(dice: random.Random, client: Client, time: int) -> bytes:
    chance = dice.random()
    status, error, outcome = 200, None, "completed"
    if chance > 0.97:  # noqa: PLR2004 - one in thirty
        status, outcome = dice.choice(((500, "completed"), (503, "completed"), (404, "completed")))
    elif chance > 0.95:  # noqa: PLR2004 - one in fifty
        status, error, outcome = dice.choice(
            (
                (403, "path-not-granted", "refused"),
                (504, "response-timeout", "failed"),
                (429, "rate-limited", "refused"),
            )
        )
    moment = datetime.fromtimestamp(time // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    duration = round(dice.lognormvariate(4, 0.8), 3)
    origin = f"https://api.{client.upstream}.example"
    endpoint = {"endpoint": origin, "address": "203.0.113.9:443", "status": status, "error": error}
    attempt = endpoint | {"began_ms": 0.12, "head_ms": duration - 1}
    return orjson.dumps(
        {
            "id": f"{time // 1000:012x}"[:8] + f"-{time // 1000 & 0xFFFF:04x}-7{dice.randrange(4096):03x}"
            f"-8{dice.randrange(4096):03x}-{dice.randrange(2**48):012x}",
            "time": f"{moment}.{time // 1000 % 1000:03d}Z",
            "kind": "exchange",
            "outcome": outcome,
            "consumer": client.consumer,
            "key": client.key,
            "address": f"10.0.{dice.randrange(4)}.{dice.randrange(250)}",
            "mode": "path",
            "method": dice.choice(_METHODS),
            "upstream": client.upstream,
            "origin": origin,
            "path": dice.choice(_PATHS).format(dice.randrange(100_000)),
            "query": None,
            "decision": "deny" if outcome == "refused" else "allow",
            "reason": None,
            "status": status,
            "error": error,
            "attempts": [] if outcome == "refused" else [attempt],
            "credential": "bearer",
            "duration_ms": duration,
            "head_ms": duration - 1,
            "bytes_in": dice.randrange(2000),
            "bytes_out": dice.randrange(50_000),
            "cost": {"amount": "0.005", "currency": "USD"} if chance > 0.9 else None,  # noqa: PLR2004 - one in ten
            "cache": None,
            "trace": None,
        }
    )
