"""Reads a chain in its own order, batch by batch with its records, in constant memory."""

from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Select, cast, func, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.engine import Row as Result

from exeat.model.audit import ChainState
from exeat.store.rows import Row
from exeat.store.seal import Seal
from exeat.store.tables import chains, records, seals

FETCH = 1000


def as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """A column as the writer has put it there: in SQLite a careless edit turns bytes into text."""
    return cast(column, column.type).label(column.name) if isinstance(column.type, LargeBinary) else column


_SEAL_COLUMNS = [as_stored(seals.c[name]) for name in Seal._fields]
ROW_COLUMNS = [as_stored(records.c[name]) for name in Row._fields]


class Chain(NamedTuple):
    """A chain as it is known: where it stands, and up to where it was pruned."""

    name: str
    state: ChainState
    pruned: ChainState
    pruned_before: int


class Part(NamedTuple):
    """Batches of a chain, both included."""

    first: int
    last: int


def read_chains(connection: Connection) -> list[Chain]:
    """All chains, by name. A row that no writer has written like that counts as none."""
    found = connection.execute(select(*map(as_stored, chains.c)).order_by(chains.c.chain))
    return [_chain_of(row) for row in found if tuple(map(type, row)) == _WRITTEN]


_WRITTEN = (str, int, int, bytes, int, int, int, int, bytes, int)  # SQLite keeps any type in any column


def _chain_of(row: Result[Any]) -> Chain:
    state = ChainState(row.batch, row.record, row.hash)
    pruned = ChainState(row.pruned_batch, row.pruned_record, row.pruned_hash)
    return Chain(row.chain, state, pruned, row.pruned_before)


def find_parts(connection: Connection, since: int | None, until: int | None) -> dict[str, Part]:
    """For each chain, the batches that reach into a range of time (µs)."""
    found = select(seals.c.chain, func.min(seals.c.number), func.max(seals.c.number)).group_by(seals.c.chain)
    if since is not None:
        found = found.where(seals.c.newest >= since)
    if until is not None:
        found = found.where(seals.c.oldest < until)
    return {chain: Part(first, last) for chain, first, last in connection.execute(found)}


def state_before(connection: Connection, chain: Chain, batch: int) -> ChainState | None:
    """Where a chain stood before a batch; None if no batch before it is there, nor pruned up to it.

    It isn't always the batch before: a gap has the number of the last one that is missing.
    """
    if batch == chain.pruned.batch + 1:
        return chain.pruned
    before = (seals.c.chain == chain.name, seals.c.number < batch)
    found = select(*_SEAL_COLUMNS).where(*before).order_by(seals.c.number.desc()).limit(1)
    row = connection.execute(found).one_or_none()
    return None if row is None else Seal._make(row).state


def read_batches(
    connection: Connection, chain: str, part: Part | None = None
) -> Generator[tuple[Seal | None, list[Row]], None, None]:
    """Each seal with the records up to its last one that weren't given before; without a seal those that are left.

    A list is cut where it is longer than its batch: that there is one record too many is all that has to be known.
    """
    with (
        closing(_stream_rows(connection, chain, part)) as rows,
        closing(_stream_seals(connection, chain, part)) as found,
    ):
        row = next(rows, None)
        for seal in found:
            batch: list[Row] = []
            while row is not None and row.number <= seal.last:
                if len(batch) <= seal.size:
                    batch.append(row)
                row = next(rows, None)
            yield seal, batch
        if row is not None:
            yield None, [row]


def _stream_seals(connection: Connection, chain: str, part: Part | None) -> Generator[Seal, None, None]:
    found = select(*_SEAL_COLUMNS).where(seals.c.chain == chain).order_by(seals.c.number)
    if part is not None:
        found = found.where(seals.c.number.between(part.first, part.last))
    with stream(connection, found) as result:
        for row in result:
            yield Seal._make(row)


def _stream_rows(connection: Connection, chain: str, part: Part | None) -> Generator[Row, None, None]:
    found = select(*ROW_COLUMNS).where(records.c.chain == chain).order_by(records.c.number)
    if part is not None:
        of_part = (seals.c.chain == chain, seals.c.number.between(part.first, part.last))
        bounds = select(func.min(seals.c.first), func.max(seals.c.first + seals.c.size - 1)).where(*of_part)
        first, last = connection.execute(bounds).one()
        found = found.where(records.c.number.between(first, last))
    with stream(connection, found) as result:
        for row in result:
            yield Row._make(row)


def stream(connection: Connection, statement: Select[Any]) -> CursorResult[Any]:
    """A long result, some rows at a time; to be closed where it may be left before its end."""
    return connection.execute(statement.execution_options(yield_per=FETCH))
