"""Exports as Parquet, see export.py for what they hold; needs pyarrow (`pip install 'exeat[parquet]'`)."""

from types import ModuleType
from typing import Any, BinaryIO

import orjson

from exeat.store.export_lines import COLUMNS, seal_members
from exeat.store.failure import StoreError
from exeat.store.rows import Row
from exeat.store.seal import Seal

GROUP = 20_000  # rows held in memory
_NUMBERS = ("number", "status", "duration", "bytes_in", "bytes_out", "attempts")


def load_pyarrow() -> tuple[ModuleType, ModuleType]:
    """The two modules that are needed; StoreError where they aren't installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional: 100 MB that only this format needs
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise StoreError("Parquet needs pyarrow: install it with `pip install 'exeat[parquet]'`.") from error
    return pa, parquet


class ParquetSink:
    """Writes Parquet, a group of rows at a time."""

    def __init__(self, out: BinaryIO) -> None:
        self._arrow, parquet = load_pyarrow()
        self._schema = self._arrow.schema([(name, self._type_of(name)) for name in COLUMNS])
        self._writer = parquet.ParquetWriter(out, self._schema, compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def _type_of(self, name: str) -> object:
        if name == "time":
            return self._arrow.timestamp("us", tz="UTC")
        return self._arrow.int64() if name in _NUMBERS else self._arrow.string()

    def put_seal(self, seal: Seal) -> None:
        """Write a seal: its number, and all of it in the last column."""
        values: dict[str, Any] = dict.fromkeys(COLUMNS)
        record = orjson.dumps(seal_members(seal)).decode()
        values |= {"type": "seal", "chain": seal.chain, "number": seal.number, "record": record}
        self._put(tuple(values.values()))

    def put_row(self, row: Row) -> None:
        """Write a record."""
        self._put(("record", *row[:-1], row.body.decode()))

    def _put(self, values: tuple[Any, ...]) -> None:
        self._rows.append(values)
        if len(self._rows) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = [
                self._arrow.array(values, type=field.type)
                for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))
            self._rows = []

    def close(self) -> None:
        """Write what is held back and the end of the file."""
        self._flush()
        self._writer.close()
