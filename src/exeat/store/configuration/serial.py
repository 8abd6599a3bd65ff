"""One edit at a time, whichever process or instance makes it; and others who write aren't kept waiting for one.

Rule 1: who edits in SQLite holds the lock of its folder first, and the database only while something is written.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine

from exeat.store.configuration.failure import StaleError
from exeat.store.configuration.revisions import last_number
from exeat.store.configuration.work import Work
from exeat.store.database import BUSY_S, BUSY_STEP_S, describe, is_sqlite
from exeat.store.failure import StoreAwayError

_LOCK = 0x65786561745F63  # "exeat_c": of all who lock in this database, only edits take this number
_WAIT = "SELECT set_config('lock_timeout', '30s', true)"


def serialise(connection: Connection) -> None:
    """Wait until no other edit is going on; to the end of the transaction. On SQLite it has the database already."""
    if not is_sqlite(connection):
        connection.exec_driver_sql(_WAIT)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


@contextmanager
def taking_turns(engine: Engine) -> Iterator[None]:
    """On SQLite, wait until no other edit is going on, in whichever process; StoreAwayError if that takes too long."""
    if not is_sqlite(engine) or engine.url.database is None:
        yield
        return
    folder = Path(engine.url.database).parent
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # SQLite says what stands in the way
        return
    try:
        _lock(descriptor, engine)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, engine: Engine) -> None:
    ends_at = time.monotonic() + BUSY_S
    with suppress(OSError):  # a file system without locks: what was changed meanwhile is seen by its number
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > ends_at:
                    break
                time.sleep(BUSY_STEP_S)
            else:
                return
        raise StoreAwayError(f"{describe(engine)} is busy: another process has been changing it for {BUSY_S:g} s")


@contextmanager
def set_aside(work: Work) -> Iterator[None]:
    """Let others write in SQLite for a while; then what this edit has written is written again.

    StaleError if there was another edit in the meantime, which only one without the folder's lock can have made.
    """
    connection = work.connection
    if not is_sqlite(connection):
        yield
        return
    connection.exec_driver_sql("ROLLBACK")
    yield
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    if last_number(connection) != work.last:
        raise StaleError("The configuration was changed in the meantime; look at it again.")
    work.write_again()
