"""The control process: `python -m exeat.cli.control DESCRIPTOR`, started by the supervisor and by nobody else.

Rule 1: the data plane never waits for it: what it moves is safe in the journals, and stays there while it can't.
Rule 2: what the database can't take now is tried again, less and less often, and said once.
"""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from exeat.cli.channel import ControlStart, Kind, Messages, render
from exeat.cli.data_folder import OWN_SEGMENT_BYTES, change_of
from exeat.cli.shipper import Shipper
from exeat.journal.changes import Change, record_change
from exeat.journal.segments import JournalError
from exeat.journal.writer import Journal
from exeat.proxy.record import interrupted
from exeat.store.audit_writer import AuditWriter
from exeat.store.bodies import expire_bodies
from exeat.store.database import open_database
from exeat.store.failure import StoreError
from exeat.store.migrate import migrate
from exeat.store.prune import prune, prune_minutes
from exeat.telemetry.logs import Log

SHIP_S = 0.1
PAUSE_FIRST_S = 0.5
PAUSE_LAST_S = 2.0
PRUNE_S = 3600.0
MINUTES_S = 31 * 86400.0  # how long roll-ups of minutes are kept; those of hours and days stay
LAST_ROUND_S = 10.0
LOCK_S = 5.0
WRITER = "control"
NICENESS = 10


class Shipping(threading.Thread):
    """The thread that uses the database. It may hang in there as long as it likes: nobody waits for it but `finish`."""

    def __init__(self, start: ControlStart, own: Journal, log: Log) -> None:
        super().__init__(name="shipping", daemon=True)
        self._start = start
        self._own = own
        self._lock = threading.Lock()  # of the journal, which knows nothing of threads
        self._log = log
        self._ending = threading.Event()
        self._said: dict[str, str] = {}
        self._shipper: Shipper | None = None
        self._prune_at = 0.0
        self.audit = start.audit

    def run(self) -> None:
        """Move records until told to finish, and then what is left."""
        pause_s = PAUSE_FIRST_S
        while True:
            is_last = self._ending.is_set()
            moved = 0
            try:
                moved = self._round()
            except StoreError as error:
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
        if self._shipper is None:
            engine = open_database(self._start.database_url)
            migrate(engine)
            self._shipper = Shipper(Path(self._start.journals), self._start.instance, AuditWriter(engine))
            self._engine = engine
        with self._lock:
            self._own.tend(0)
        moved = self._shipper.ship()
        for chain in {*self._shipper.stuck, *self._said} - {"database"}:
            self._say(chain, self._shipper.stuck.get(chain))
        if time.monotonic() > self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_S
            prune_minutes(self._engine, _ago(MINUTES_S))
            expire_bodies(self._engine, _ago(0.0) // 1_000_000)
            if self.audit.retention_s is not None:
                self._prune(_ago(self.audit.retention_s))
        return moved

    def _prune(self, before: int) -> None:
        pruned = prune(self._engine, before)
        if pruned.records:
            self.record(change_of("retention", "prune", "audit/records", None, pruned.after()))

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


class Process:
    """The process and its line to the supervisor."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._messages = Messages()
        self._shipping: Shipping | None = None
        self._log = Log("control")

    async def run(self) -> int:
        """Work until the supervisor says DRAIN, or is gone; the exit code of the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)  # the supervisor decides, not the shell
        with contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(self._channel, 65536):
                for kind, payload in self._messages.feed(data):
                    if not self._receive(kind, payload):
                        return 0
        if self._shipping is not None:
            self._shipping.finish()
        return 0

    def report(self, error: Exception) -> None:
        """Log why it can't go on."""
        if isinstance(error, JournalError | OSError):
            self._log.error("records can't be moved", reason=str(error))
        else:
            self._log.bug(error)

    def _receive(self, kind: Kind, payload: bytes) -> bool:
        """Whether there is more to receive."""
        shipping = self._shipping
        match kind:
            case Kind.START:
                self._begin(pickle.loads(payload))  # noqa: S301 - from our own parent, over a private socket
            case Kind.AUDIT if shipping is not None:
                shipping.audit = pickle.loads(payload)  # noqa: S301 - as above
            case Kind.CHANGE if shipping is not None:
                shipping.record(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.DRAIN:
                if shipping is not None:
                    shipping.finish()
                return False
            case _:
                self._log.error("unexpected message", kind=kind)
        return True

    def _begin(self, start: ControlStart) -> None:
        self._log = Log("control", level=start.log_level, as_json=start.log_json)
        journals = Path(start.journals)
        own = Journal(
            journals / WRITER,
            f"{start.instance}/{WRITER}",
            list,
            interrupted=interrupted,
            wait_s=LAST_ROUND_S + LOCK_S,  # the process of a supervisor that was killed may still move what is left
            segment_bytes=OWN_SEGMENT_BYTES,
        )
        for name in start.orphans:
            self._adopt(journals / name, f"{start.instance}/{name}")
        self._shipping = Shipping(start, own, self._log)
        self._shipping.start()
        self._channel.send(render(Kind.READY))

    def _adopt(self, folder: Path, chain: str) -> None:
        """End the journal of a writer that doesn't run any more."""
        try:
            journal = Journal(folder, chain, list, interrupted=interrupted)
        except (JournalError, OSError) as error:
            self._log.error("a journal can't be ended", folder=str(folder), reason=str(error))
            return
        journal.close()


def _step_back() -> None:
    """Take the processor where no worker wants it: records in the journals are safe, and callers wait."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


def main() -> None:
    """Run the process on the descriptor given by the supervisor."""
    _step_back()
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)  # noqa: FBT003 - the standard library's signature
    process = Process(channel)
    try:
        code = asyncio.run(process.run())
    except Exception as error:  # noqa: BLE001 - the outermost boundary: the supervisor starts another one
        process.report(error)
        code = 1
    sys.stderr.flush()
    os._exit(code)  # the thread may hang in the database: what it holds is safe


if __name__ == "__main__":
    main()
