"""PostgreSQL in trouble, under load: calls go on and their records wait; afterwards every record gets there, once."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from exeat.store.database import open_database
from tests.faults.callers import Callers
from tests.faults.noting import Noting
from tests.faults.places import fill, many_more, noted, small_disk
from tests.faults.table import POSTGRES, Trouble
from tests.faults.trail import check_trail
from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.postgres import Postgres, postgres

DATABASE = "audit"
DISK_MIB = 128

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Place(NamedTuple):
    """A gateway under load, and its database; `disk` is where that is kept, if it has a disk of its own."""

    gateway: Gateway
    server: Postgres
    callers: Callers
    noting: Noting
    disk: Path | None


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """One gateway that goes through all of it."""
    key, noting = make_key(), Noting()
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        stack.enter_context(noting.origin)
        disk = None
        if os.geteuid() == 0:
            disk = server.folder / "disk"
            stack.enter_context(small_disk(disk, DISK_MIB, server.folder.stat().st_uid))
            (disk / "space").mkdir(mode=0o700)
            os.chown(disk / "space", server.folder.stat().st_uid, server.folder.stat().st_gid)
            server.run(f"CREATE TABLESPACE small LOCATION '{disk}/space'")
        space = "" if disk is None else " TABLESPACE small"
        server.run(f"CREATE DATABASE {DATABASE} TEMPLATE template0{space}")
        env = {"EXEAT_DATABASE_URL": server.url(DATABASE)}
        gateway = stack.enter_context(Gateway(noted(noting, key), env))
        callers = stack.enter_context(Callers(4, lambda: gateway.port, key.key, pause_s=0.02))
        yield Place(gateway, server, callers, noting, disk)


def lets_nobody_in(place: Place) -> Iterator[None]:
    server = place.server
    server.run(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'audit'")
    yield
    server.run(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")


def stopped(place: Place, number: signal.Signals) -> Iterator[None]:
    place.server.stop(number)
    yield
    place.server.start()


def locked(place: Place) -> Iterator[None]:
    with psycopg.connect(place.server.url(DATABASE)) as connection:
        connection.execute("LOCK TABLE records IN ACCESS EXCLUSIVE MODE")
        yield


def full(place: Place) -> Iterator[None]:
    if place.disk is None:
        pytest.skip("only root mounts a file system")
    ballast = place.disk / "ballast"
    fill(ballast)
    yield
    ballast.unlink()


IN_TROUBLE: dict[str, Callable[[Place], AbstractContextManager[None]]] = {
    "lets-nobody-in": contextmanager(lets_nobody_in),
    "stopped": contextmanager(lambda place: stopped(place, signal.SIGINT)),
    "crashed": contextmanager(lambda place: stopped(place, signal.SIGQUIT)),
    "hanging": lambda place: place.server.hanging(),
    "locked": contextmanager(locked),
    "full": contextmanager(full),
}


@contextmanager
def until_said(place: Place, trouble: Trouble) -> Iterator[None]:
    """In trouble for so long that it is said, and until it is said that it is over."""
    with place.gateway.expect("records are moved again"), ExitStack() as stack:
        with place.gateway.expect("records stay in the journal"):
            stack.enter_context(IN_TROUBLE[trouble.name](place))
        yield


def somebody_waits(server: Postgres) -> bool:
    """Whether somebody waits for a lock."""
    with psycopg.connect(server.url()) as connection:
        return connection.execute("SELECT FROM pg_locks WHERE NOT granted").rowcount > 0


@contextmanager
def until_waited(place: Place, trouble: Trouble) -> Iterator[None]:
    """In trouble for so long that records wait behind a lock."""
    with IN_TROUBLE[trouble.name](place):
        wait_until(lambda: somebody_waits(place.server), "records wait")
        yield


@contextmanager
def for_a_while(place: Place, trouble: Trouble) -> Iterator[None]:
    """In trouble, and nobody can say how long it has to be."""
    with IN_TROUBLE[trouble.name](place):
        many_more(place.callers)
        yield


LASTING = {"hanging": for_a_while, "locked": until_waited}


@pytest.mark.parametrize("trouble", POSTGRES, ids=lambda trouble: trouble.name)
def test_trouble(place: Place, trouble: Trouble) -> None:
    """While it lasts, all calls pass; afterwards records reach the database again."""
    callers = place.callers
    before = len(callers.answered)
    with LASTING.get(trouble.name, until_said)(place, trouble):
        many_more(callers)
    many_more(callers)
    met = {answer.error for answer in callers.answered[before:]}
    assert met == {None, "path-not-granted"} | set(trouble.meets.values())
    assert callers.broken == 0


def test_every_record_is_there(place: Place) -> None:
    """When all is over, every call has its one record, and the chains and sums are right."""
    place.callers.finish()
    engine = open_database(place.server.url(DATABASE))
    check_trail(engine, place.noting.seen, place.callers.answered)
    engine.dispose()
