"""What it costs to write the audit trail into each database, and how long it takes to read it again.

    PYTHONPATH=. .venv/bin/python bench/audit_store.py [RECORDS] [sqlite|postgresql]

A million records without an argument, in the density of ten million a month: few of them share the roll-up of a minute,
which is the most that roll-ups can cost. Before that, some at the pace of a busy gateway, into databases of their own,
by few records at a time and by many. CPU time is that of this process and, for PostgreSQL, of its server too; making
the records doesn't count. PostgreSQL is a private server with a gigabyte of buffers; it is vacuumed and analyzed once
before it is read, as its own autovacuum does it sooner or later.
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from audit_records import BATCH_RECORDS, BEGIN_US, make_batches, make_clients
from cpu import cpu_seconds
from exeat.store.audit_writer import AuditWriter
from exeat.store.cursor import parse_cursor, render_cursor
from exeat.store.database import open_database
from exeat.store.follow import end_of, follow
from exeat.store.migrate import migrate
from exeat.store.rollup import DAY_US, HOUR_US
from exeat.store.search import Query, search
from exeat.store.usage import usage
from machine import describe_machine, describe_python
from tests.support.postgres import postgres

RECORDS = 1_000_000
BUSY_RECORDS = 400_000
BUSY_PER_S = 20_000
FEW, MANY = 2_000, {"sqlite": 12_000, "postgresql": 24_000}  # about one mebibyte; what is moved at once
PER_DAY = 10_000_000 / 30
ROUNDS = 5
TELL_S = 20.0
_SETTINGS = ("listen_addresses=", "shared_buffers=1GB", "max_wal_size=4GB")


class Opened(NamedTuple):
    """A database, and the CPU time (s) of what serves it."""

    engine: Engine
    cpu: Callable[[], float]


@contextmanager
def _open(name: str) -> Iterator[Opened]:
    with tempfile.TemporaryDirectory(prefix="exeat-bench-") as folder:
        if name == "sqlite":
            engine = open_database(f"sqlite:///{folder}/exeat.db")
            yield Opened(engine, lambda: 0.0)
            engine.dispose()
            print(f"  {_size(Path(folder)) / 2**30:.2f} GiB on disk")
            return
        with postgres(_SETTINGS) as server:
            engine = open_database(server.make_database())
            yield Opened(engine, lambda: cpu_seconds(server.pid))
            engine.dispose()
            print(f"  {_size(server.folder / 'data' / 'base') / 2**30:.2f} GiB on disk")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write(opened: Opened, number: int, days: float, at_once: int) -> None:
    """Write all records, and print what that costs; from time to time also what the last ones cost."""
    print(f"  {number:,} records over {days:.4g} days, {at_once:,} at a time")
    writer, batches = AuditWriter(opened.engine), make_batches(number, days)
    spent = elapsed = told_at = told_spent = 0.0
    done = told = 0
    server = opened.cpu()
    while some := list(itertools.islice(batches, at_once // BATCH_RECORDS)):
        cpu, wall = time.process_time(), time.perf_counter()
        done += writer.write(some)
        spent += time.process_time() - cpu
        elapsed += time.perf_counter() - wall
        if elapsed - told_at > TELL_S:
            total = spent + opened.cpu() - server
            print(
                f"    {done:>12,} done, the last ones {(total - told_spent) / (done - told) * 1e6:5.1f} µs each",
                flush=True,
            )
            told, told_at, told_spent = done, elapsed, total
    served = opened.cpu() - server
    each = [seconds / done * 1e6 for seconds in (spent, served, spent + served)]
    print(f"    {each[0]:.1f} µs here + {each[1]:.1f} µs in the server = {each[2]:.1f} µs for each record:")
    print(f"    {1e6 / each[2]:,.0f} records/s of one core; {done / elapsed:,.0f} records/s by the clock", flush=True)


def _searches(middle: int) -> dict[str, Query]:
    seldom, often = make_clients()[-1], make_clients()[0]
    return {
        "the newest": Query(),
        "a busy consumer": Query({"consumer": often.consumer}),
        "a quiet consumer": Query({"consumer": seldom.consumer}),
        "consumer, 5xx": Query({"consumer": seldom.consumer}, status="5xx"),
        "consumer, upstream": Query({"consumer": often.consumer, "upstream": often.upstream}),
        "consumer, an upstream it never calls": Query({"consumer": often.consumer, "upstream": "upstream-none"}),
        "consumer, upstream, 503": Query({"consumer": often.consumer, "upstream": often.upstream}, status="503"),
        "upstream": Query({"upstream": often.upstream}),
        "upstream, 404": Query({"upstream": often.upstream}, status="404"),
        "upstream, a status it never gave": Query({"upstream": often.upstream}, status="418"),
        "status 504": Query(status="504"),
        "status 418, which nobody gave": Query(status="418"),
        "5xx": Query(status="5xx"),
        "3xx, which nobody gave": Query(status="3xx"),
        "failed": Query(status="failed"),
        "consumer, failed": Query({"consumer": seldom.consumer}, status="failed"),
        "upstream, failed": Query({"upstream": often.upstream}, status="failed"),
        "an hour in the middle": Query(since=middle, until=middle + HOUR_US),
        "consumer, a day in the middle": Query({"consumer": often.consumer}, None, middle, middle + DAY_US),
        "upstream, 5xx, a day in the middle": Query({"upstream": often.upstream}, "5xx", middle, middle + DAY_US),
        "error": Query({"error": "response-timeout"}),
        "key": Query({"key": seldom.key}),
        "id, which nobody had": Query({"id": "019a0000-0000-7000-8000-000000000000"}),
        "path, an hour in the middle": Query({}, None, middle, middle + HOUR_US, "orders"),
        "path that nobody called, everywhere": Query(text="no such path"),
    }


def _usages(engine: Engine, middle: int, end: int) -> dict[str, Callable[[], object]]:
    def over(length: int, by: list[str], *, steps: bool = False) -> Callable[[], object]:
        return lambda: usage(engine, since=end - length, until=end, by=by, steps=steps)

    over_half = partial(usage, engine, since=middle + 12345, until=end - 98765, by=["consumer"])
    return {
        "last hour by consumer": over(HOUR_US, ["consumer"]),
        "last hour by minute": over(HOUR_US, [], steps=True),
        "last day by consumer": over(DAY_US, ["consumer"]),
        "last day by consumer and upstream": over(DAY_US, ["consumer", "upstream"]),
        "last day by hour and upstream": over(DAY_US, ["upstream"], steps=True),
        "last week by hour": over(7 * DAY_US, [], steps=True),
        "last week by consumer": over(7 * DAY_US, ["consumer"]),
        "30 days by day": over(30 * DAY_US, [], steps=True),
        "30 days by upstream": over(30 * DAY_US, ["upstream"]),
        "half of it, by consumer": over_half,
    }


def _read(engine: Engine, begin: int, end: int) -> None:
    middle = (begin + end) // 2
    print("  searches for 100 records, ms: median and worst of", ROUNDS)
    for name, query in _searches(middle).items():
        _measure(name, partial(search, engine, query))
    _measure("the last 100 arrivals, as a tail", partial(follow, engine, Query(), _before_the_end(engine)))
    print("  usage, ms")
    for name, call in _usages(engine, middle, end).items():
        _measure(name, call)


def _before_the_end(engine: Engine) -> str:
    arrival, _ = parse_cursor(end_of(engine))
    return render_cursor(arrival - 3, 0)


def _measure(name: str, call: Callable[[], object]) -> None:
    times: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    print(f"    {name:<38} {statistics.median(times):8.1f} {max(times):8.1f}")


def _settle(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def main() -> None:
    """Measure both databases, or one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("records", nargs="?", type=int, default=RECORDS)
    parser.add_argument("database", nargs="?", choices=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    for name, value in describe_machine():
        print(f"{name}: {value}")
    print(f"Python: {describe_python(sys.executable)}; load of the machine before: {os.getloadavg()[0]:.1f}")
    for name in [arguments.database] if arguments.database else ["sqlite", "postgresql"]:
        print(f"\n{name}")
        for at_once in (FEW, MANY[name]):
            with _open(name) as opened:
                migrate(opened.engine)
                _write(opened, BUSY_RECORDS, BUSY_RECORDS / BUSY_PER_S / 86400, at_once)
        days = arguments.records / PER_DAY
        with _open(name) as opened:
            migrate(opened.engine)
            _write(opened, arguments.records, days, MANY[name])
            _settle(opened.engine)
            _read(opened.engine, BEGIN_US, BEGIN_US + int(days * DAY_US))


if __name__ == "__main__":
    main()
