"""Exports as text: JSON Lines and CSV, see export.py for what they hold."""

import csv
import io
from typing import BinaryIO

import orjson

from exeat.store.rows import Row, render_time
from exeat.store.seal import Seal

COLUMNS = ("type", *[name for name in Row._fields if name != "body"], "record")


def seal_members(seal: Seal) -> dict[str, object]:
    """A seal as JSON has it; hashes in hexadecimal."""
    return {
        "chain": seal.chain,
        "number": seal.number,
        "first": seal.first,
        "size": seal.size,
        "previous": seal.previous.hex(),
        "hash": seal.hash.hex(),
        "checks": seal.checks.hex(),
    }


def parse_seal(members: dict[str, object]) -> Seal:
    """A seal from its members; ValueError if they aren't those of one."""
    match members:
        case {
            "chain": str(chain),
            "number": int(number),
            "first": int(first),
            "size": int(size),
            "previous": str(previous),
            "hash": str(digest),
            "checks": str(checks),
        } if all(0 < value <= _NUMBER_LIMIT for value in (number, first, size)):
            parse = bytes.fromhex
            return Seal(chain, number, first, size, parse(previous), parse(digest), parse(checks))
        case _:
            raise ValueError("it is no seal")


_NUMBER_LIMIT = 2**63 - 1


class JsonLinesSink:
    """Writes JSON Lines."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def put_seal(self, seal: Seal) -> None:
        """Write a seal."""
        self._out.write(orjson.dumps({"seal": seal_members(seal)}) + b"\n")

    def put_row(self, row: Row) -> None:
        """Write a record, its bytes as they are."""
        self._out.write(b'{"chain":%b,"number":%d,"record":%b}\n' % (orjson.dumps(row.chain), row.number, row.body))

    def close(self) -> None:
        """Nothing is held back."""


class CsvSink:
    """Writes CSV (RFC 4180, UTF-8, with a head)."""

    def __init__(self, out: BinaryIO) -> None:
        self._text = io.TextIOWrapper(out, "utf-8", newline="", write_through=False)
        self._writer = csv.writer(self._text)
        self._writer.writerow(COLUMNS)

    def put_seal(self, seal: Seal) -> None:
        """Write a seal: its number, and all of it in the last column."""
        values = dict.fromkeys(COLUMNS, "")
        record = orjson.dumps(seal_members(seal)).decode()
        values |= {"type": "seal", "chain": seal.chain, "number": str(seal.number), "record": record}
        self._writer.writerow(values.values())

    def put_row(self, row: Row) -> None:
        """Write a record."""
        self._writer.writerow(["record", render_time(row.time), *row[1:-1], row.body.decode()])

    def close(self) -> None:
        """Write what is held back, and let go of the file."""
        self._text.detach()
