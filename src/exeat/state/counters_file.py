"""The file that quotas and budgets are counted in, so that they survive the end of every process.

Rule 1: it belongs to one process at a time: what is read at the start stays true until `close`.
Rule 2: a commit survives the death of all processes (WAL); only a machine that loses power may lose the last ones.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, final

from exeat.state.memory import Window

COUNTERS_FILE: Final = "counters.db"
BUSY_S: Final = 2.0
LOOK_S: Final = 0.2
MOST: Final = 2**62  # that one number of the file may be
_TABLE: Final = (
    "CREATE TABLE windows"
    " (name TEXT PRIMARY KEY, used INTEGER NOT NULL, ends_at INTEGER NOT NULL, told INTEGER NOT NULL)"
)
_READ: Final = "SELECT name, used, ends_at, told FROM windows"
_WRITE: Final = (
    "INSERT INTO windows VALUES (?, ?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET used = excluded.used, told = excluded.told"
)
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class CountersFileError(Exception):
    """A file that can't be used; the sentence says why."""


class InUseError(CountersFileError):
    """A file that another process holds."""


@final
class CountersFile:
    """The file, held until `close`; CountersFileError if it is damaged or can't be reached."""

    def __init__(self, path: Path) -> None:
        with _explained():
            if not path.exists():
                _make(path)
            self._connection = _open(path)

    def windows(self) -> dict[str, Window]:
        """All windows."""
        with _explained():
            rows = self._connection.execute(_READ).fetchall()
        return {name: Window(used, ends_at, told) for name, used, ends_at, told in rows}

    def write(self, windows: Iterable[tuple[str, Window]]) -> None:
        """Keep these, all or none."""
        rows = [(name, min(window.used, MOST), window.ends_at, window.told) for name, window in windows]
        with _explained(), self._connection:
            self._connection.executemany(_WRITE, rows)

    def forget(self, ended_before: int) -> None:
        """Drop the windows that ended before a time (wall ns)."""
        with _explained(), self._connection:
            self._connection.execute("DELETE FROM windows WHERE ends_at < ?", (ended_before,))

    def close(self) -> None:
        """Let another process have it."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()


def check_counters(path: Path) -> None:
    """Return if the file is whole; CountersFileError says what is wrong, InUseError that a gateway holds it."""
    with _explained():
        _open(path, LOOK_S).close()


def _make(path: Path) -> None:
    """Make the file whole or not at all: one that exists is never empty."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    with contextlib.closing(sqlite3.connect(new)) as connection:
        connection.execute(_TABLE)
        connection.commit()
    new.replace(path)


def _open(path: Path, wait_s: float = BUSY_S) -> sqlite3.Connection:
    if not path.stat().st_size:
        raise CountersFileError("it is empty")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait_s)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _check(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN EXCLUSIVE")
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    connection.execute(f"{_READ} LIMIT 1").fetchall()
    if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise CountersFileError("it is damaged")


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Say of what the library raises what it means."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code in _BUSY:
            raise InUseError("another process uses it") from error
        if code in _DAMAGED:
            raise CountersFileError("it is damaged") from error
        raise CountersFileError(str(error)) from error
    except OSError as error:
        raise CountersFileError(error.strerror or type(error).__name__) from error
