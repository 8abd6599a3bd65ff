"""Many rows at once, in each database's fastest way.

SQLAlchemy's own insert of many rows makes a dictionary of every row and costs as much again as SQLite does (measured:
bench/audit_store.py); here rows go to the driver as the tuples they are, within SQLAlchemy's connection and
transaction.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from exeat.store.database import is_sqlite
from exeat.store.rollup import Values
from exeat.store.rows import Row

if TYPE_CHECKING:
    import psycopg

RollupPlace = tuple[int, int, int, int]  # granularity, facet, start, the series' id
_PLACE = "granularity, facet, start, series"
_ROLLUP_COLUMNS = ("granularity", "facet", "start", "series", *Values._fields)
_VALUES = ", ".join(Values._fields)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


_INSERT_ROW = f"INSERT INTO records ({_names(Row._fields)}) VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608 - our own names
_COPY_ROWS = f"COPY records ({_names(Row._fields)}) FROM STDIN (FORMAT BINARY)"
_TYPES: dict[str, str] = {
    **dict.fromkeys(Row._fields, "text"),
    **dict.fromkeys(("time", "number", "duration", "bytes_in", "bytes_out"), "int8"),
    "status": "int2",
    "attempts": "int4",
    "body": "bytea",
}


def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Insert records."""
    if is_sqlite(connection):
        _sqlite_cursor(connection).executemany(_INSERT_ROW, rows)
        return
    with _postgres_cursor(connection) as cursor, cursor.copy(_COPY_ROWS) as copy:
        copy.set_types([_TYPES[name] for name in Row._fields])
        for row in rows:
            copy.write_row(row)


_FIND_ROLLUP = f"SELECT {_VALUES} FROM rollups WHERE ({_PLACE}) = (?, ?, ?, ?)"  # noqa: S608 - our own names
_FIND_ROLLUPS = f"""
    SELECT {_PLACE}, {_VALUES} FROM rollups
    JOIN unnest(%b::smallint[], %b::smallint[], %b::bigint[], %b::bigint[]) AS wanted ({_PLACE})
    USING ({_PLACE})
"""  # noqa: S608 - our own names


def find_rollups(connection: Connection, places: Sequence[RollupPlace]) -> dict[RollupPlace, Values]:
    """The roll-ups that there are at these places."""
    if is_sqlite(connection):
        find = _sqlite_cursor(connection).execute
        found = ((place, find(_FIND_ROLLUP, place).fetchone()) for place in places)
        return {place: Values._make(values) for place, values in found if values is not None}
    with _postgres_cursor(connection) as cursor:
        rows = cursor.execute(_FIND_ROLLUPS, [list(column) for column in zip(*places, strict=True)])
        return {row[:4]: Values._make(row[4:]) for row in rows}


_PUT_ROLLUP = (
    f"INSERT OR REPLACE INTO rollups ({_names(_ROLLUP_COLUMNS)}) VALUES ({', '.join('?' * len(_ROLLUP_COLUMNS))})"  # noqa: S608 - our own names
)
_PUT_ROLLUPS = f"""
    INSERT INTO rollups ({_names(_ROLLUP_COLUMNS)})
    SELECT * FROM unnest(%b::smallint[], %b::smallint[], %b::bigint[], %b::bigint[],
                         %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::text[], %b::bytea[])
    ON CONFLICT ({_PLACE})
    DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in Values._fields)}
"""  # noqa: S608 - our own names


def put_rollups(connection: Connection, rollups: Mapping[RollupPlace, Values]) -> None:
    """Write roll-ups in the place of those that there are."""
    rows = [place + values for place, values in sorted(rollups.items())]
    if is_sqlite(connection):
        _sqlite_cursor(connection).executemany(_PUT_ROLLUP, rows)
        return
    with _postgres_cursor(connection) as cursor:
        cursor.execute(_PUT_ROLLUPS, [list(column) for column in zip(*rows, strict=True)])


def _sqlite_cursor(connection: Connection) -> sqlite3.Cursor:
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(type(driver))
    return driver.cursor()


def _postgres_cursor(connection: Connection) -> "psycopg.Cursor[tuple[Any, ...]]":
    import psycopg  # noqa: PLC0415 - a gateway with SQLite doesn't load it

    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(type(driver))
    return driver.cursor()
