"""Exports the audit trail as JSON Lines, CSV or Parquet, streamed: memory doesn't grow with it.

A sealed export holds whole batches, chain by chain, each seal before its records, and can be verified by itself. A
plain one holds the records that a query finds, by time, and no seals.

JSON Lines: one object a line, either {"seal": {…}} or {"chain": …, "number": …, "record": …}, the record byte for byte
as it was recorded. CSV and Parquet have the columns of COLUMNS: `type` is `record` or `seal`; `record` holds the
record's own text, or the seal as JSON.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import BinaryIO, Literal, NamedTuple, Protocol

from sqlalchemy import Engine, select

from exeat.store.database import reading
from exeat.store.export_lines import CsvSink, JsonLinesSink
from exeat.store.export_parquet import ParquetSink
from exeat.store.failure import StoreError
from exeat.store.rows import Row
from exeat.store.seal import Seal
from exeat.store.search import Query, conditions
from exeat.store.tables import records
from exeat.store.trail import FETCH, ROW_COLUMNS, find_parts, read_batches, read_chains, stream

Format = Literal["jsonl", "csv", "parquet"]
Progress = Callable[[int], None]  # called with the number of records that are written


class Sink(Protocol):
    """What an export is written to."""

    def put_seal(self, seal: Seal) -> None:
        """Write a seal."""

    def put_row(self, row: Row) -> None:
        """Write a record."""

    def close(self) -> None:
        """Write what is left; the file stays open."""


class Exported(NamedTuple):
    """How much was written."""

    records: int
    seals: int


def open_sink(out: BinaryIO, form: Format) -> Sink:
    """What writes one format. StoreError where Parquet isn't installed."""
    match form:
        case "jsonl":
            return JsonLinesSink(out)
        case "csv":
            return CsvSink(out)
        case "parquet":
            return ParquetSink(out)


def export(
    engine: Engine,
    out: BinaryIO,
    form: Format,
    query: Query | None = None,
    *,
    sealed: bool = True,
    progress: Progress | None = None,
) -> Exported:
    """Write what a query finds. Sealed, it may ask for a range of time alone, which grows to whole batches."""
    query = query or Query()
    if sealed and (query.fields or query.status or query.text):
        raise StoreError(
            "An export of some records can't be sealed, because each seal covers all records of its batch:"
            " export a range of time, or without seals."
        )
    sink = open_sink(out, form)
    written, seals = 0, 0
    with closing(_sealed(engine, query) if sealed else _plain(engine, query)) as items:
        for item in items:
            if isinstance(item, Seal):
                sink.put_seal(item)
                seals += 1
                continue
            sink.put_row(item)
            written += 1
            if progress is not None and written % FETCH == 0:
                progress(written)
    sink.close()
    if progress is not None:
        progress(written)
    return Exported(written, seals)


def _sealed(engine: Engine, query: Query) -> Generator[Seal | Row, None, None]:
    with reading(engine) as connection:
        parts = find_parts(connection, query.since, query.until)
        for chain in [chain.name for chain in read_chains(connection) if chain.name in parts]:
            with closing(read_batches(connection, chain, parts[chain])) as batches:
                for seal, rows in batches:
                    if seal is not None:
                        yield seal
                    yield from rows


def _plain(engine: Engine, query: Query) -> Generator[Seal | Row, None, None]:
    found = select(*ROW_COLUMNS).where(*conditions(query)).order_by(records.c.time, records.c.id)
    with reading(engine) as connection, stream(connection, found) as result:
        for row in result:
            yield Row._make(row)
