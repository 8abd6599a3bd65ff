"""The days of `records` on PostgreSQL: a table for each, made before it is needed and dropped as a whole."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from exeat.store.rollup import DAY_US

_NAME = "records_"
_LOCK = "SELECT pg_advisory_xact_lock(3, 0)"  # of all who lock in this database, only makers of days take this number


class Day(NamedTuple):
    """One partition; `number` counts days since 1970."""

    number: int

    @property
    def name(self) -> str:
        """The name of its table."""
        return _NAME + datetime.fromtimestamp(self.number * 86400, UTC).strftime("%Y%m%d")

    @property
    def end(self) -> int:
        """The first microsecond after it."""
        return (self.number + 1) * DAY_US


def make_days(connection: Connection, times: Iterable[int]) -> None:
    """Make the tables for records of these times, and for the day after the last one."""
    numbers = {time // DAY_US for time in times}
    numbers.add(max(numbers) + 1)
    wanted = {day.name: day for day in map(Day, numbers)}
    if missing := wanted.keys() - _existing(connection, list(wanted)):
        connection.exec_driver_sql(_LOCK)
        for name in sorted(missing - _existing(connection, list(missing))):
            _make(connection, wanted[name])


def _existing(connection: Connection, names: list[str]) -> set[str]:
    found = text("SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL")
    return set(connection.execute(found, {"names": names}).scalars())


def _make(connection: Connection, day: Day) -> None:
    # CREATE TABLE … PARTITION OF would wait for every reader, and everyone else behind it; ATTACH lets them read on.
    connection.exec_driver_sql(f"CREATE TABLE {day.name} (LIKE records INCLUDING ALL)")
    _attach(connection, day)


def _attach(connection: Connection, day: Day) -> None:
    connection.exec_driver_sql(
        f"ALTER TABLE records ATTACH PARTITION {day.name} FOR VALUES FROM ({day.number * DAY_US}) TO ({day.end})"
    )


def days_of(connection: Connection) -> list[Day]:
    """The days that have a table, in order."""
    found = text(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = to_regclass('records')"
    )
    names = connection.execute(found).scalars()
    return sorted(map(_day_of, names))


def _day_of(name: str) -> Day:
    moment = datetime.strptime(name.removeprefix(_NAME), "%Y%m%d").replace(tzinfo=UTC)
    return Day(int(moment.timestamp()) // 86400)


def drop_day(connection: Connection, day: Day, gone: Mapping[str, int]) -> None:
    """Drop a day, but keep of it what comes after the last record that is gone of each chain."""
    kept = f"{day.name}_kept"
    connection.exec_driver_sql(f"CREATE TABLE {kept} (LIKE records INCLUDING ALL)")
    keep = text(f"INSERT INTO {kept} SELECT * FROM {day.name} WHERE chain = :chain AND number > :number")  # noqa: S608 - our own names
    found = sum(connection.execute(keep, {"chain": chain, "number": number}).rowcount for chain, number in gone.items())
    connection.exec_driver_sql(f"DROP TABLE {day.name}")
    if found:
        connection.exec_driver_sql(f"ALTER TABLE {kept} RENAME TO {day.name}")
        _attach(connection, day)
    else:
        connection.exec_driver_sql(f"DROP TABLE {kept}")
