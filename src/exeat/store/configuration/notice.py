"""Notices: how who follows the configuration hears of an edit, by whichever process or instance it was made.

Rule 1: a notice is sent with the commit, so that who hears it finds what was made.
Rule 2: where one may have been missed, there is one: at first, and after a connection was lost.
"""

import selectors
import socket
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, Engine

from exeat.store.database import is_sqlite, translated

CHANNEL = "exeat_configuration"
POLL_S = 0.05  # of SQLite, some microseconds each
_LAST = "SELECT max(number) FROM revisions"


def notify(connection: Connection, number: int) -> None:
    """Tell who listens, once the transaction is committed; on SQLite they look."""
    if not is_sqlite(connection):
        connection.exec_driver_sql(f"SELECT pg_notify('{CHANNEL}', '{number}')")


class Notices:
    """Waits for edits on a connection of its own; one thread waits, any other may wake it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watch: _Watch | None = None
        self._lock = threading.Lock()  # held by who waits
        self._is_closed = False
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._outer.setblocking(False)  # noqa: FBT003 - as above

    def wait(self, timeout_s: float) -> bool:
        """Whether there may have been an edit since the last call; at once if so, or when woken.

        StoreError while the database is away; the next call connects again.
        """
        with self._lock, translated(self._engine):
            if self._is_closed:
                return False
            watch = self._watch
            if watch is None:
                watch = _SqliteWatch(self._engine) if is_sqlite(self._engine) else _PostgresWatch(self._engine)
            try:
                if self._watch is None:
                    watch.begin()
                    self._watch = watch
                    return True
                return self._wait(watch, time.monotonic() + timeout_s)
            except BaseException:
                self._watch = None
                watch.close()
                raise

    def wake(self) -> None:
        """Have the one who waits, or the next who does, return at once."""
        with suppress(OSError):  # full, and so awake already; or closed
            self._outer.send(b"\0")

    def close(self) -> None:
        """Wait no more; from any thread."""
        self._is_closed = True
        self.wake()
        with self._lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
            self._inner.close()
            self._outer.close()

    def _wait(self, watch: "_Watch", ends_at: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._inner, selectors.EVENT_READ)
            descriptor = watch.descriptor()
            if descriptor is not None:
                selector.register(descriptor, selectors.EVENT_READ)
            while not watch.has_news():
                left = ends_at - time.monotonic()
                if left <= 0:
                    return False
                selector.select(left if descriptor is not None else min(left, POLL_S))
                if self._was_woken():
                    watch.has_news()  # told with this
                    return not self._is_closed
        return True

    def _was_woken(self) -> bool:
        with suppress(BlockingIOError):
            return bool(self._inner.recv(4096))
        return False


class _Watch(ABC):
    """A connection that can tell whether there was an edit since it was last asked."""

    def __init__(self, engine: Engine) -> None:
        self._errors: Final = engine.dialect.loaded_dbapi.Error
        proxied = engine.raw_connection()
        self._driver: Any = proxied.driver_connection
        proxied.detach()  # it isn't the pool's any more

    @abstractmethod
    def begin(self) -> None:
        """Watch from now on."""

    @abstractmethod
    def descriptor(self) -> int | None:
        """What becomes readable when there are news; None if one has to look."""

    @abstractmethod
    def has_news(self) -> bool:
        """Whether there was an edit."""

    def close(self) -> None:
        """Close the connection."""
        with suppress(self._errors):
            self._driver.close()


class _PostgresWatch(_Watch):
    def begin(self) -> None:
        self._driver.autocommit = True
        self._driver.execute(f"LISTEN {CHANNEL}")

    def descriptor(self) -> int | None:
        return int(self._driver.fileno())

    def has_news(self) -> bool:
        self._driver.pgconn.consume_input()
        has_some = False
        while self._driver.pgconn.notifies() is not None:
            has_some = True
        return has_some


class _SqliteWatch(_Watch):
    _version: object = None
    _last: object = None

    def begin(self) -> None:
        self._version = self._read("PRAGMA data_version")
        self._last = self._read(_LAST)

    def descriptor(self) -> int | None:
        return None

    def has_news(self) -> bool:
        version = self._read("PRAGMA data_version")  # of other connections: cheap, and most of them write records
        if version == self._version:
            return False
        last, self._version = self._read(_LAST), version
        has_some, self._last = last != self._last, last
        return has_some

    def _read(self, statement: str) -> object:
        return self._driver.execute(statement).fetchone()
