"""The thread that follows the database's part of the configuration and tells the supervisor what it is.

Rule 1: what can't be read is said once, and asked for again; the gateway goes on with what it has.
"""

import threading
from collections.abc import Callable

import orjson
from sqlalchemy import Engine

from exeat.cli.channel import Kind
from exeat.cli.control.database import Database
from exeat.config.kept import render_news, render_stored
from exeat.store.configuration.notice import Notices
from exeat.store.configuration.stored import Mark, read_all, read_mark, read_news
from exeat.store.failure import StoreAwayError, StoreError
from exeat.telemetry.logs import Log

LOOK_S = 1.0  # a notice comes earlier; this is for one that was lost with its connection
AGAIN_S = 0.5

Send = Callable[[Kind, bytes], None]


class Following(threading.Thread):
    """Sends STORED at first and STORED or KEYS after each revision, AWAY where that can't be known.

    `prepare` is called before, again and again until it says that it is done.
    """

    def __init__(self, database: Database, send: Send, prepare: Callable[[Engine], bool], log: Log) -> None:
        super().__init__(name="following", daemon=True)
        self._database = database
        self._send = send
        self._prepare = prepare
        self._is_prepared = False
        self._log = log
        self._ending = threading.Event()
        self._notices: Notices | None = None
        self._mark: Mark | None = None
        self._trouble: str | None = None

    def run(self) -> None:
        """Follow until told to end."""
        while not self._ending.is_set():
            try:
                self._look()
                self._trouble = None
            except StoreError as error:
                self._say(error)
                self._ending.wait(AGAIN_S)
            except Exception as error:  # noqa: BLE001 - a boundary: a fault here must not end the process
                self._log.bug(error)
                self._ending.wait(AGAIN_S)

    def wake(self) -> None:
        """Look now: this process itself has made a revision."""
        if self._notices is not None:
            self._notices.wake()

    def end(self) -> None:
        """Look no more."""
        self._ending.set()
        self.wake()

    def _look(self) -> None:
        engine = self._database.engine()
        if self._notices is None:
            self._notices = Notices(engine)
        if not self._is_prepared:
            self._is_prepared = True  # also where it meets a fault of Exeat: that would come again
            self._try_to_prepare(engine)
        if self._trouble is not None or read_mark(engine) != self._mark:
            self._mark = self._tell(engine)
        self._notices.wait(LOOK_S)

    def _tell(self, engine: Engine) -> Mark:
        """Say what the database holds, or where a few keys alone are different, these; up to where."""
        found = None if self._mark is None or self._trouble is not None else read_news(engine, self._mark)
        if found is not None:
            self._send(Kind.KEYS, render_news(found.news))
            return found.mark
        mark, stored = read_all(engine)
        self._send(Kind.STORED, render_stored(stored))
        return mark

    def _try_to_prepare(self, engine: Engine) -> None:
        try:
            self._is_prepared = self._prepare(engine)
        except StoreError:
            self._is_prepared = False
            raise

    def _say(self, error: StoreError) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            passing = isinstance(error, StoreAwayError)
            self._send(Kind.AWAY, orjson.dumps({"passing": passing, "reason": str(error)}))
