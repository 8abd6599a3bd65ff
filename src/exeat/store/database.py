"""A database from its URL, and the two ways in which the store uses a connection of it: to read and to write.

Rule 1: an error of the driver leaves as a StoreError, without SQL, parameters or a password.
Rule 2: whoever reads sees one state of the database from the beginning to the end.
Rule 3: a commit that has returned survives the loss of power, because the journal's segment goes after it.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from exeat.store.address import SQLITE, path_of
from exeat.store.failure import StoreAwayError, StoreError

BUSY_S = 30.0  # a writer waits for another one's batch, which takes a fraction of a second
BUSY_STEP_S = 0.02
CONNECT_S = 10
_IMMEDIATE = "exeat_immediate"
# A server may have been told not to wait for its disk; here an acknowledged batch has nowhere else to come from.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_PASSWORDS = ("password", "sslpassword")
# FULL and not NORMAL: in WAL mode NORMAL may lose the last commits with the power, and their segments would be gone.
# The cache holds the inner pages of the indices of ten million records.
# A checkpoint every 64 MiB rather than every 8: a page of an index that many batches changed is copied once.
_PRAGMAS = (
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -65536",
    "wal_autocheckpoint = 8192",
    "temp_store = MEMORY",
)


def is_sqlite(bind: Connection | Engine) -> bool:
    """Whether the database is SQLite; it is PostgreSQL otherwise."""
    return bind.dialect.name == "sqlite"


def open_database(url: str) -> Engine:
    """An engine for `sqlite:///PATH` or `postgresql://…`; nothing is connected yet. StoreError for any other URL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("The database's URL can't be read; write sqlite:///PATH or postgresql://…") from None
    if parsed.drivername in _POSTGRES:
        return _open_postgres(parsed.set(drivername="postgresql+psycopg"))
    if url.startswith(SQLITE):
        return _open_sqlite(path_of(url))
    scheme = parsed.drivername
    raise StoreError(f"Exeat can't use a database of '{scheme}'; write sqlite:///PATH or postgresql://…")


def _open_postgres(url: URL) -> Engine:
    # An engine's repr hides the password before the host, but not those that the driver takes as parameters.
    hidden = {name: value for name, value in url.query.items() if name in _PASSWORDS}
    options = {"connect_timeout": CONNECT_S, **hidden}
    return create_engine(
        url.difference_update_query(_PASSWORDS), hide_parameters=True, pool_pre_ping=True, connect_args=options
    )


def _open_sqlite(path: str) -> Engine:
    url = URL.create("sqlite", database=path)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "do_connect", _make_file)
    event.listen(engine, "begin", _begin)
    return engine


def _make_file(_dialect: object, _entry: object, arguments: list[str], _options: object) -> None:
    """Make the file before SQLite does, for our eyes only: what it writes beside it takes the same mode.

    One that is there isn't opened: closing it would drop the locks of every other connection of this process, and
    another process would take the log away from under them (sqlite.org/howtocorrupt.html, 2.2).
    """
    path = Path(arguments[0])
    with suppress(OSError):  # SQLite says what stands in the way
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins too late, and never before DDL: `_begin` does it
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA page_size = 8192")  # rows of 900 bytes: fewer pages, and fewer levels of an index
        _keep_log_ahead(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _keep_log_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL. Where another process does so too, SQLite refuses at once: its timeout doesn't count here."""
    ends_at = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > ends_at:
                raise
            time.sleep(BUSY_STEP_S)
        else:
            return


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later can't wait for another writer: SQLite refuses it at once.
    mode = "IMMEDIATE" if connection.get_execution_options().get(_IMMEDIATE) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database."""
    with translated(engine), engine.connect() as connection:
        if is_sqlite(engine):
            yield connection
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in one transaction that is committed at the end, or rolled back by an exception."""
    with translated(engine), engine.connect() as connection:
        connection.execution_options(**{_IMMEDIATE: True})
        with connection.begin():
            if not is_sqlite(engine):
                connection.exec_driver_sql(_DURABLE)
            yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn what SQLAlchemy and the driver raise into a StoreError."""
    try:
        yield
    except DBAPIError as error:
        passing = isinstance(error, OperationalError) or error.connection_invalidated
        raise _translate(engine, error.orig or error, passing=passing) from error
    except engine.dialect.loaded_dbapi.Error as error:  # of what is done with the driver's own cursor
        passing = isinstance(error, engine.dialect.loaded_dbapi.OperationalError)
        raise _translate(engine, error, passing=passing) from error
    except SQLAlchemyError as error:
        raise StoreError(f"{describe(engine)} can't be used: {error}") from error


def describe(engine: Engine) -> str:
    """The database's place, without who logs in and how."""
    url = engine.url
    if is_sqlite(engine):
        return f"The database {url.database}"
    place = url.host or url.query.get("host") or "localhost"
    return f"The database {url.database or ''} at {place}{f':{url.port}' if url.port else ''}"


def _translate(engine: Engine, error: BaseException, *, passing: bool) -> StoreError:
    message = str(error).strip().partition("\n")[0] or type(error).__name__
    password = engine.url.password
    if password:
        message = message.replace(str(password), "***")
    where = describe(engine)
    for part, kind, advice in _MEANINGS:
        if part in message:
            return kind(f"{where} {advice} ({message})")
    if passing:
        return StoreAwayError(f"{where} can't be used now: {message}")
    return StoreError(f"{where} refused: {message}")


# Part of a driver's message, whether the same call may succeed later, and what it means to the operator.
_MEANINGS: tuple[tuple[str, type[StoreError], str], ...] = (
    ("is locked", StoreAwayError, "is busy: another process holds it; see what that is if this stays"),
    ("file is not a database", StoreError, "is damaged: move it away and restore a copy, or start with a new one"),
    ("disk image is malformed", StoreError, "is damaged: move it away and restore a copy, or start with a new one"),
    ("unable to open database file", StoreAwayError, "can't be opened: see that its folder exists and may be written"),
    ("readonly database", StoreError, "can't be written: see who owns the file and its folder"),
    ("disk is full", StoreAwayError, "has no room left on its disk: free some"),
    ("no such table", StoreError, "has no tables of Exeat yet: start the gateway once, it makes them"),
    ("no partition of relation", StoreAwayError, "was being pruned: the same call will make the day's table again"),
    ('relation "', StoreError, "lacks a table of Exeat: start the gateway once, it makes them"),
    ("authentication failed", StoreAwayError, "refuses the log-in: see user and password in EXEAT_DATABASE_URL"),
    ("permission denied", StoreError, "lets this user do too little: it needs to own its schema"),
)
