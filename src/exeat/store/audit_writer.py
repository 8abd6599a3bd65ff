"""Writes batches of the audit trail: records, seals, roll-ups and positions in one transaction, each exactly once.

Rule 1: a batch is written if it is the next one of its chain, skipped if it was written before, and refused otherwise.
Rule 2: when write() has returned, its batches survive the loss of power. When it has raised, none of them was written.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine, bindparam, insert, select, text

from exeat.model.audit import Batch, ChainState, Position, hash_batch
from exeat.store.bodies import write_bodies
from exeat.store.database import is_sqlite, reading, writing
from exeat.store.failure import ChainError, StoreError
from exeat.store.insert import RollupPlace, find_rollups, insert_rows, put_rollups
from exeat.store.partitions import make_days
from exeat.store.rollup import Labels, Values, fold, merge_values
from exeat.store.rows import Row, parse_row
from exeat.store.seal import checks_of
from exeat.store.tables import chains, seals, series

SERIES_LIMIT = 100_000  # how many ids are remembered
_LOCK_INSTANCE = text("SELECT pg_advisory_xact_lock(1, hashtext(:instance))")
_LOCK_ARRIVALS = text("SELECT pg_advisory_xact_lock(2, 0)")


class Written(NamedTuple):
    """A batch with the rows of its records."""

    batch: Batch
    rows: tuple[Row, ...]


class AuditWriter:
    """Writes into one database; one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._series: dict[Labels, int] = {}

    def where(self, chain: str) -> tuple[Position | None, ChainState | None]:
        """Where the journal of a chain is to be read on, and where the chain stands there; None if it is new here."""
        with reading(self._engine) as connection:
            row = connection.execute(select(chains).where(chains.c.chain == chain)).one_or_none()
        if row is None:
            return None, None
        return Position(row.segment, row.offset), ChainState(row.batch, row.record, row.hash)

    def write(self, batches: Iterable[Batch]) -> int:
        """Write batches; how many records were new. ChainError if one doesn't continue its chain."""
        try:
            return self._write(tuple(batches))
        except StoreError:
            self._series.clear()  # a database that went back to an earlier copy has other ids than those
            raise

    def _write(self, batches: tuple[Batch, ...]) -> int:
        with writing(self._engine) as connection:
            names = sorted({batch.chain for batch in batches})
            states = lock_chains(connection, names)
            written = [Written(batch, _parse_rows(batch)) for batch in _continuing(batches, states)]
            if not written:
                return 0
            rows = [row for entry in written for row in entry.rows]
            if not is_sqlite(connection):
                make_days(connection, (row.time for row in rows))
            insert_rows(connection, rows)
            write_bodies(connection, [body for entry in written for body in entry.batch.bodies])
            made = self._add_rollups(connection, rows)
            _write_seals(connection, written)
            _write_chains(connection, written, states)
        self._remember(made)
        return len(rows)

    def _add_rollups(self, connection: Connection, rows: Sequence[Row]) -> dict[Labels, int]:
        """Add rows to the roll-ups. The series that weren't known come back, with their ids."""
        folded = fold(rows)
        if not folded:
            return {}
        made = {
            labels: _series_id(connection, labels)
            for labels in {key.labels for key in folded}
            if labels not in self._series
        }
        ids = self._series | made if made else self._series
        added: dict[RollupPlace, Values] = {
            (key.granularity, key.labels.facet, key.start, ids[key.labels]): sums.values()
            for key, sums in folded.items()
        }
        there = find_rollups(connection, sorted(added))
        for place, values in there.items():
            added[place] = merge_values(values, added[place])
        put_rollups(connection, added)
        return made

    def _remember(self, made: dict[Labels, int]) -> None:
        """Keep ids of series; only those of a transaction that was committed."""
        if len(self._series) + len(made) > SERIES_LIMIT:
            self._series.clear()
        self._series.update(made)


def lock_chains(connection: Connection, names: Sequence[str]) -> dict[str, ChainState]:
    """Where chains stand. Until the transaction ends, no other writer adds to them or to their instances' roll-ups."""
    if not is_sqlite(connection):
        for instance in sorted({name.partition("/")[0] for name in names}):
            connection.execute(_LOCK_INSTANCE, {"instance": instance})
    found = select(chains.c.chain, chains.c.batch, chains.c.record, chains.c.hash).where(chains.c.chain.in_(names))
    return {row.chain: ChainState(row.batch, row.record, row.hash) for row in connection.execute(found)}


def _continuing(batches: Iterable[Batch], there: dict[str, ChainState]) -> Iterator[Batch]:
    """The batches that are new, in order."""
    states = dict(there)
    for batch in batches:
        state = states.get(batch.chain) or _before(batch)
        if batch.number <= state.batch:
            continue
        _check(batch, state)
        states[batch.chain] = ChainState(batch.number, batch.first + len(batch.records) - 1, batch.hash)
        yield batch


def _before(batch: Batch) -> ChainState:
    """Where a chain stood before a batch: one that is new here begins wherever its journal does.

    What was before is in another database, or was pruned there.
    """
    return ChainState(batch.number - 1, batch.first - 1, batch.previous)


def _check(batch: Batch, state: ChainState) -> None:
    chain, number = batch.chain, batch.number
    where = f"Batch {number} of chain {chain}"
    if number != state.batch + 1:
        missing = f"{state.batch + 1}" if number == state.batch + 2 else f"{state.batch + 1} to {number - 1}"
        raise ChainError(chain, f"{where} comes too early: batch {missing} is missing.")
    if not batch.records:
        raise ChainError(chain, f"{where} holds no record.")
    if batch.first != state.record + 1:
        raise ChainError(chain, f"{where} begins with record {batch.first}; record {state.record + 1} comes next.")
    if batch.previous != state.hash:
        raise ChainError(chain, f"{where} continues another batch {state.batch} than the one that was written.")
    if batch.hash != hash_batch(batch.previous, number, batch.first, batch.records):
        raise ChainError(chain, f"{where} isn't what its hash says: it was changed after it was recorded.")


def _parse_rows(batch: Batch) -> tuple[Row, ...]:
    rows: list[Row] = []
    for number, body in enumerate(batch.records, batch.first):
        try:
            rows.append(parse_row(batch.chain, number, body))
        except ValueError as error:
            message = f"Record {number} of chain {batch.chain} can't be read: {error}."
            raise ChainError(batch.chain, message) from error
    return tuple(rows)


def lock_arrivals(connection: Connection) -> None:
    """Have seals arrive in the order of commits, until the transaction ends.

    A number of a sequence is taken before its commit: without the lock a tail could pass by one still to come.
    """
    if not is_sqlite(connection):
        connection.execute(_LOCK_ARRIVALS)


# Put together once: building a statement costs SQLAlchemy more than running it costs the database.
_FIND_SERIES = select(series.c.id).where(*[series.c[name] == bindparam(name) for name in Labels._fields])
_MAKE_SERIES = insert(series).returning(series.c.id)


def _series_id(connection: Connection, labels: Labels) -> int:
    """The id of a series; it is made if there is none."""
    values = labels._asdict()
    found = connection.execute(_FIND_SERIES, values).scalar_one_or_none()
    return int(connection.execute(_MAKE_SERIES, values).scalar_one() if found is None else found)


def _write_seals(connection: Connection, written: Iterable[Written]) -> None:
    values = [
        {
            "chain": batch.chain,
            "number": batch.number,
            "first": batch.first,
            "size": len(rows),
            "oldest": min(row.time for row in rows),
            "newest": max(row.time for row in rows),
            "previous": batch.previous,
            "hash": batch.hash,
            "checks": checks_of(batch.records),
        }
        for batch, rows in written
    ]
    lock_arrivals(connection)
    connection.execute(insert(seals), values)


def _write_chains(connection: Connection, written: Iterable[Written], states: dict[str, ChainState]) -> None:
    written = tuple(written)
    first = {entry.batch.chain: _before(entry.batch) for entry in reversed(written)}
    last = {entry.batch.chain: entry for entry in written}
    for chain, (batch, rows) in last.items():
        values = {
            "batch": batch.number,
            "record": batch.first + len(rows) - 1,
            "hash": batch.hash,
            "segment": batch.position.segment,
            "offset": batch.position.offset,
        }
        if chain in states:
            connection.execute(chains.update().where(chains.c.chain == chain).values(values))
        else:
            begin = first[chain]
            before = {
                "pruned_batch": begin.batch,
                "pruned_record": begin.record,
                "pruned_hash": begin.hash,
                "pruned_before": 0,
            }
            connection.execute(insert(chains).values(chain=chain, **values, **before))
