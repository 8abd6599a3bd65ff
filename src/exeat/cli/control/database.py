"""The database of the control process: opened and brought to this version's tables once, by whoever needs it first."""

import threading

from sqlalchemy import Engine

from exeat.store.database import open_database
from exeat.store.migrate import migrate


class Database:
    """One engine for every thread of the process."""

    def __init__(self, url: str) -> None:
        self.unprepared = open_database(url)
        self._lock = threading.Lock()
        self._is_ready = False

    def engine(self) -> Engine:
        """The engine of a database that has its tables; StoreError if it can't have them now."""
        with self._lock:
            if not self._is_ready:
                migrate(self.unprepared)
                self._is_ready = True
        return self.unprepared
