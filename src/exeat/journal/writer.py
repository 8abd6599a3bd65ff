"""The journal of one worker: what it has to remember, safe before anyone relies on it.

Rule 1: entries gather during a turn of the event loop and are written with one system call, before anything that the
turn has to send. So an intent is safe before its request leaves, and a record before the end of its answer does.
A batch may stay open for some turns: its records are as safe, and whoever finds it open after a crash goes on with it.
Rule 2: the room for what has begun is reserved: exchanges under way can be recorded when the disk is full.
Rule 3: what can't be written is kept in memory, up to a bound, and written when there is room; beyond, it is counted.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

from exeat.journal.entries import SEAL_BYTES, Kind, render_body, render_entry, render_seal
from exeat.journal.recovery import recover
from exeat.journal.segments import SEGMENT_BYTES, Spare, lock_folder, path_of, render_opening, write_at
from exeat.model.audit import ChainState, KeptBody, hash_batch

SPARE_STEP_BYTES = 4 * 1024 * 1024
RESERVE_BYTES = 1024 * 1024
RESERVE_EACH_BYTES = 2 * 1024  # for the record of each exchange under way
PENDING_LIMIT_BYTES = 4 * 1024 * 1024
REFUSED_LIMIT_BYTES = 256 * 1024
RETRY_S = 1.0
OPEN_RECORDS: Final = 64  # in a batch that stays open
SEGMENT_AGE_S = 3600.0
_INTENT: Final = int(Kind.INTENT)
_RECORD: Final = int(Kind.RECORD)


@final
class Journal:
    """An open journal. `lost` counts entries that nobody has kept.

    `to_disk` has every write reach the disk (fdatasync) before what depends on it is sent. `open_intents` gives the
    intents of the exchanges under way, which each new segment begins with.
    """

    def __init__(
        self,
        folder: Path,
        chain: str,
        open_intents: Callable[[], Iterable[bytes]],
        *,
        interrupted: Callable[[bytes], bytes],
        to_disk: bool = False,
        wait_s: float = 0.0,
        segment_bytes: int = SEGMENT_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Lock the folder, within `wait_s`, and recover what a life before has left.

        JournalError if another writer keeps it, OSError if the folder can't be made or read.
        """
        self.chain: Final = chain
        self.to_disk = to_disk
        self.lost = 0
        self._write_failure: str | None = None
        self._room_failure: str | None = None
        self._pending_bytes = 0  # since writing fails
        self._refused_bytes = 0  # since no exchange may begin
        self._folder = folder
        self._open_intents = open_intents
        self._clock = clock
        self._entries: list[bytes] = []
        self._records: list[bytes] = []
        self._open: list[bytes] = []  # the records of the batch that is open, as far as they are written
        self._lock = lock_folder(folder, wait_s)
        self._spare = Spare(folder, segment_bytes)
        self._retry_at = 0.0  # writing
        self._reserve_at = 0.0
        self._is_synced = True
        self._began_at = clock()
        self._descriptor = -1
        self._offset = self._end = 0
        found = recover(folder)
        self._state = found.state
        self._recovered_intents = found.open_intents
        self._segment = found.segment
        self.recovered: Final = len(found.open_intents)
        self._unsealed = found.unsealed  # until there is a segment that begins with them
        for intent in found.open_intents:
            self.record(interrupted(intent))
        self._tend_segment(self._began_at)
        self.commit()

    @property
    def failure(self) -> str | None:
        """Why no new exchange may begin: writing fails, or there is no room for what comes."""
        return self._write_failure or self._room_failure

    @property
    def is_open(self) -> bool:
        """Whether a new exchange may begin."""
        return self._write_failure is None and self._room_failure is None

    # During a turn

    def intend(self, intent: bytes) -> None:
        """Remember that a request is about to leave."""
        if self._write_failure is None or self._has_memory_for(intent):
            self._entries.append(render_entry(_INTENT, intent))

    def record(self, record: bytes, *, may_be_lost: bool = False) -> None:
        """Remember what has become of an exchange, or a change: once, and never again.

        What `may_be_lost` was refused because no record can be kept: little of it takes room from what has begun.
        """
        if may_be_lost and self.failure is not None:
            self._refused_bytes += len(record)
            if self._refused_bytes > REFUSED_LIMIT_BYTES:
                self.lost += 1
                return
        if self._write_failure is None or self._has_memory_for(record):
            self._entries.append(render_entry(_RECORD, record))
            self._records.append(record)

    def keep(self, body: KeptBody) -> bool:
        """Keep a body beside the record that comes next; whether it is."""
        if self._write_failure is not None:  # records have to wait in memory then, bodies needn't
            return False
        self._entries.append(render_body(body))
        return True

    def _has_memory_for(self, payload: bytes) -> bool:
        self._pending_bytes += len(payload)
        if self._pending_bytes <= PENDING_LIMIT_BYTES:
            return True
        self.lost += 1
        return False

    @property
    def has_pending(self) -> bool:
        """Whether something isn't safe yet."""
        return bool(self._entries) or not self._is_synced

    def commit(self, *, seals: bool = True) -> bool:
        """Write what has gathered; whether it is safe. Where it isn't, it stays in memory and is tried again.

        Unless it `seals`, the batch may stay open.
        """
        if not (self._entries or (seals and self._open) or not self._is_synced):
            return True
        if self._write_failure is not None and self._clock() < self._retry_at:
            return False
        try:
            if self._entries or (seals and self._open):
                self._write_entries(seals=seals)
            if not self._is_synced:
                self._sync()
        except OSError as error:
            self._write_failure = _reason_of(error)
            self._retry_at = self._clock() + RETRY_S
            return False
        self._write_failure = None
        self._pending_bytes = 0
        return True

    def _write_entries(self, *, seals: bool) -> None:
        """Write what has gathered, and the seal if it is time for it. What was written is never written again."""
        entries, records = self._entries, self._records
        data = entries[0] if len(entries) == 1 else b"".join(entries)
        if self._offset + len(data) + SEAL_BYTES > self._end:
            self._rotate(len(data) + SEAL_BYTES)
        count = len(self._open) + len(records)
        # What is to reach the disk is sealed there: else a reader could have what the disk lacks.
        if count and (seals or self.to_disk or count >= OPEN_RECORDS):
            self._write_seal(data, records)
        else:
            self._write(data)
            self._open += records
        self._entries = []
        if records:
            self._records = []
        if self._recovered_intents:
            self._recovered_intents = []

    def _write_seal(self, data: bytes, records: list[bytes]) -> None:
        """Write data with these records, and the seal behind them and what is open."""
        last, whole = self._state, self._open + records
        number, first, count = last.batch + 1, last.record + 1, len(whole)
        state = ChainState(number, last.record + count, hash_batch(last.hash, number, first, whole))
        self._write(data + render_seal(state, count))
        self._state, self._open = state, []

    def _write(self, data: bytes) -> None:
        size, offset = len(data), self._offset
        written = os.pwrite(self._descriptor, data, offset)
        if written < size:
            write_at(self._descriptor, data[written:], offset + written)
        self._offset = offset + size
        self._is_synced = not self.to_disk

    def _sync(self) -> None:
        if self.to_disk and not self._is_synced:
            os.fdatasync(self._descriptor)
        self._is_synced = True

    # Between turns

    def tend(self, active: int) -> None:
        """Visit of the clock: try again, and judge whether there is enough room for `active` exchanges and new ones."""
        now = self._clock()
        if now >= self._reserve_at:
            self._tend_segment(now)
            self._tend_spare(now, active)
        if self.commit() and self._room_failure is None:
            self._refused_bytes = 0

    def _tend_segment(self, now: float) -> None:
        """See that there is a segment, and that it doesn't get old."""
        if self._descriptor >= 0 and (now - self._began_at <= SEGMENT_AGE_S or self._offset <= self._end // 64):
            return
        try:
            self._rotate()
        except OSError as error:
            if self._descriptor < 0:  # else there is the old one, and the spare's room tells how long it will do
                self._reserve_at = now + RETRY_S
                self._room_failure = _reason_of(error)

    def _tend_spare(self, now: float, active: int) -> None:
        """Reserve room for what comes."""
        if now < self._reserve_at:
            return
        try:
            if not self._spare.is_whole:
                self._spare.reserve(SPARE_STEP_BYTES)
        except OSError as error:
            self._reserve_at = now + RETRY_S
            self._room_failure = None if self._has_room(active) else _reason_of(error)
        else:
            self._room_failure = None

    def _has_room(self, active: int) -> bool:
        left = self._end - self._offset + self._spare.reserved
        return left > RESERVE_BYTES + active * RESERVE_EACH_BYTES

    def _rotate(self, needed: int = SEAL_BYTES) -> None:
        """Go on in a new segment, which begins with the chain's state and the intents of what is under way.

        The old one ends with a seal, for which there is always room; what a life before has left open goes on here.
        """
        if self._open:
            self._write_seal(b"", [])
        self._sync()
        number = self._segment + 1
        intents = [*self._recovered_intents, *self._open_intents()]
        head = render_opening(self.chain, number, self._state)
        head += b"".join([render_entry(_INTENT, intent) for intent in intents])
        head += b"".join([render_entry(kind, payload) for kind, payload, _ in self._unsealed])
        path = path_of(self._folder, number)
        descriptor, end = self._spare.become(path, head, needed, to_disk=self.to_disk)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._segment = descriptor, number
        self._offset, self._end = len(head), end
        for kind, payload, _ in self._unsealed:
            if kind == _RECORD:
                self._open.append(payload)
        self._unsealed = []
        self._began_at = self._clock()

    def close(self) -> None:
        """Write what is left, and let another writer have the folder."""
        self._retry_at = 0.0
        self.commit()
        self._spare.discard()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        os.close(self._lock)


def _reason_of(error: OSError) -> str:
    return error.strerror or type(error).__name__
