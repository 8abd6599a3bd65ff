"""The thread that moves records from the journals of this machine into the database.

Rule 1: the data plane never waits for it: what it moves is safe in the journals, and stays there while it can't.
Rule 2: what the database can't take now is tried again, less and less often, and said once.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from exeat.cli.channel import ControlStart
from exeat.cli.control.database import Database
from exeat.cli.data_folder import change_of
from exeat.cli.shipper import Shipper
from exeat.journal.changes import Change, record_change
from exeat.journal.follow import READING_BYTES
from exeat.journal.writer import Journal
from exeat.model.audit import Batch
from exeat.model.snapshot import Audit
from exeat.store.audit_writer import AuditWriter
from exeat.store.bodies import expire_bodies
from exeat.store.database import is_sqlite
from exeat.store.failure import StoreError
from exeat.store.prune import prune, prune_minutes
from exeat.telemetry.logs import Log

SHIP_S = 0.1
PAUSE_FIRST_S = 0.5
PAUSE_LAST_S = 2.0
PRUNE_S = 3600.0
MINUTES_S = 31 * 86400.0  # how long roll-ups of minutes are kept; those of hours and days stay
LAST_ROUND_S = 10.0


class Shipping(threading.Thread):
    """The thread that uses the database. It may hang in there as long as it likes: nobody waits for it but `finish`.

    `moved` is called with the records that the database has now.
    """

    def __init__(self, start: ControlStart, database: Database, own: Journal, log: Log) -> None:
        super().__init__(name="shipping", daemon=True)
        self._journals = start
        self._database = database
        self._own = own
        self._lock = threading.Lock()  # of the journal, which knows nothing of threads
        self._log = log
        self._ending = threading.Event()
        self._said: dict[str, str] = {}
        self._shipper: Shipper | None = None
        self._prune_at = 0.0
        self._audit = start.audit
        self.moved: Callable[[Sequence[Batch]], None] = lambda _batches: None

    def follow(self, audit: Audit) -> None:
        """Keep records as the document says from now on; what is older than it says goes with the next round."""
        self._audit = audit
        self._prune_at = 0.0

    def run(self) -> None:
        """Move records until told to finish, and then what is left."""
        pause_s = PAUSE_FIRST_S
        while True:
            is_last = self._ending.is_set()
            moved = 0
            try:
                moved = self._round()
            except StoreError as error:
                # A start that the database refuses says so itself, and ends: nothing more is to be said then.
                if self._shipper is not None or (pause_s > PAUSE_FIRST_S and not is_last):
                    self._say("database", str(error))
                waits_s, pause_s = pause_s, min(pause_s * 2, PAUSE_LAST_S)
            except Exception as error:  # noqa: BLE001 - a boundary: a fault here must not end the process
                self._log.bug(error)
                waits_s, pause_s = pause_s, min(pause_s * 2, PAUSE_LAST_S)
            else:
                self._say("database", None)
                waits_s, pause_s = 0.0 if moved else SHIP_S, PAUSE_FIRST_S
            if is_last and not moved:
                return
            self._ending.wait(waits_s)

    def _round(self) -> int:
        """Move a part of what waits; how many records that were."""
        engine, start = self._database.engine(), self._journals
        if self._shipper is None:
            # An edit waits for the writer on SQLite alone: there a transaction may not take as long.
            size = READING_BYTES if is_sqlite(engine) else 2 * READING_BYTES
            writer = AuditWriter(engine)
            self._shipper = Shipper(Path(start.journals), start.instance, writer, reading_bytes=size, moved=self.moved)
        with self._lock:
            self._own.tend(0)
        moved = self._shipper.ship()
        for chain in {*self._shipper.stuck, *self._said} - {"database"}:
            self._say(chain, self._shipper.stuck.get(chain))
        if time.monotonic() > self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_S
            prune_minutes(engine, _ago(MINUTES_S))
            expire_bodies(engine, _ago(0.0) // 1_000_000)
            if self._audit.retention_s is not None:
                self._prune(engine, _ago(self._audit.retention_s))
        return moved

    def _prune(self, engine: Engine, before: int) -> None:
        pruned = prune(engine, before)
        if pruned.records:
            self.record(change_of("retention", "prune", "audit/records", None, pruned.after()))

    @property
    def trouble(self) -> dict[str, str]:
        """What stands in the way of moving records, by `database` or the chain; from any thread."""
        return dict(self._said)

    def record(self, change: Change) -> bool:
        """Put down a change; whether it is safe. From any thread."""
        with self._lock:
            return record_change(self._own, change)

    def _say(self, what: str, trouble: str | None) -> None:
        """Log what stands in the way, once, and when it is gone."""
        if trouble is None:
            if self._said.pop(what, None) is not None:
                self._log.info("records are moved again", of=what)
        elif self._said.get(what) != trouble:
            self._said[what] = trouble
            self._log.error("records stay in the journal", of=what, reason=trouble)

    def finish(self) -> None:
        """Move what is left, if that doesn't take long."""
        self._ending.set()
        self.join(LAST_ROUND_S)


def _ago(seconds: float) -> int:
    return int((datetime.now(UTC).timestamp() - seconds) * 1_000_000)
