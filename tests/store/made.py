"""Records and batches as writers make them, for the tests of the store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Engine, delete, insert, text

from exeat.model.audit import GENESIS, Batch, ChainState, Position, hash_batch
from exeat.store.tables import metadata

NOON = 1_790_078_400_000_000  # 2026-09-22T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
CHAIN = "0199f4e8c1d2/worker-1"


def rendered(time: int) -> str:
    """A time as records have it."""
    return datetime.fromtimestamp(time / SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_record(number: int, time: int = NOON, **members: Any) -> bytes:
    """The record of an exchange that went well, but for `members`."""
    usual = {
        "id": f"id-{number:06d}",
        "time": rendered(time),
        "kind": "exchange",
        "outcome": "completed",
        "consumer": "web",
        "key": "k1",
        "address": "10.0.0.1",
        "mode": "path",
        "method": "GET",
        "upstream": "github",
        "origin": "https://api.github.com",
        "path": "/users/1",
        "decision": "allow",
        "status": 200,
        "error": None,
        "attempts": [{"endpoint": "https://api.github.com", "status": 200}],
        "duration_ms": 12.5,
        "bytes_in": 10,
        "bytes_out": 200,
        "cost": None,
        "cache": None,
    }
    return orjson.dumps(usual | members)


def make_change(number: int, time: int = NOON, **members: Any) -> bytes:
    """The record of a change by an administrator."""
    usual = {"id": f"id-{number:06d}", "time": rendered(time), "kind": "change", "outcome": "completed", "actor": "ada"}
    return orjson.dumps(usual | {"action": "put", "object": "upstream/github", "before": None, "after": {}} | members)


class Chain:
    """A writer: it seals batches, one after the other."""

    def __init__(self, name: str = CHAIN) -> None:
        self.name = name
        self.state = ChainState(0, 0, GENESIS)

    def seal(self, *records: bytes) -> Batch:
        """The next batch."""
        number, first = self.state.batch + 1, self.state.record + 1
        digest = hash_batch(self.state.hash, number, first, records)
        batch = Batch(self.name, number, first, records, self.state.hash, digest, Position(number // 3, number * 100))
        self.state = ChainState(number, first + len(records) - 1, digest)
        return batch

    def batches(self, sizes: Sequence[int], time: int = NOON, step: int = SECOND, **members: Any) -> list[Batch]:
        """Batches of these sizes, a record every `step`."""
        made: list[Batch] = []
        for size in sizes:
            begin = self.state.record + 1
            numbers = range(begin, begin + size)
            made.append(self.seal(*[make_record(number, time + number * step, **members) for number in numbers]))
        return made


def run(engine: Engine, statement: str, **values: object) -> int:
    """Do to the tables what only somebody with the database's password can; the number of rows it changed."""
    with engine.begin() as connection:
        return connection.execute(text(statement), values).rowcount


def rows_of(engine: Engine, table: str, order: str) -> list[Mapping[str, Any]]:
    """All rows of a table."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY {order}")).mappings()]  # noqa: S608 - ours


def put_row(engine: Engine, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row as it is."""
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables[table]).values(**row))


def replace_rows(engine: Engine, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make these the rows of a table, or raise and change nothing."""
    with engine.begin() as connection:
        connection.execute(delete(metadata.tables[table]))
        for row in rows:
            connection.execute(insert(metadata.tables[table]).values(**row))
