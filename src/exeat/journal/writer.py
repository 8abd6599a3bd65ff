"""The journal of one worker: what it has to remember, safe before anyone relies on it.

Rule 1: entries gather during a turn of the event loop and are written with one system call, before anything that the
turn has to send. So an intent is safe before its request leaves, and a record before the end of its answer does.
Rule 2: the room for what has begun is reserved: exchanges under way can be recorded when the disk is full.
Rule 3: what can't be written is kept in memory, up to a bound, and written when there is room; beyond, it is counted.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, final

from exeat.journal.entries import Kind, render_body, render_entry, render_seal
from exeat.journal.recovery import recover
from exeat.journal.segments import SEGMENT_BYTES, Spare, lock_folder, path_of, render_opening, write_at
from exeat.model.audit import ChainState, KeptBody, hash_batch

SPARE_STEP_BYTES = 4 * 1024 * 1024
RESERVE_BYTES = 1024 * 1024
RESERVE_EACH_BYTES = 2 * 1024  # for the record of each exchange under way
PENDING_LIMIT_BYTES = 4 * 1024 * 1024
REFUSED_LIMIT_BYTES = 256 * 1024
RETRY_S = 1.0
SEGMENT_AGE_S = 3600.0


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
        self._entries += [render_entry(_RECORD, record) for record in found.unsealed]
        self._records += found.unsealed
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

    def commit(self) -> bool:
        """Write what has gathered; whether it is safe. Where it isn't, it stays in memory and is tried again."""
        if not self.has_pending:
            return True
        if self._write_failure is not None and self._clock() < self._retry_at:
            return False
        try:
            if self._entries:
                self._write_entries()
            self._sync()
        except OSError as error:
            self._write_failure = _reason_of(error)
            self._retry_at = self._clock() + RETRY_S
            return False
        self._write_failure = None
        self._pending_bytes = 0
        return True

    def _write_entries(self) -> None:
        """Write what has gathered, as one batch. From then on readers see it: it is never written again."""
        records, state = self._records, self._state
        data = b"".join(self._entries)
        if records:
            digest = hash_batch(state.hash, state.batch + 1, state.record + 1, records)
            state = ChainState(state.batch + 1, state.record + len(records), digest)
            data += render_seal(state, len(records))
        if self._offset + len(data) > self._end:
            self._rotate(len(data))
        self._offset = write_at(self._descriptor, data, self._offset)
        self._is_synced = False
        self._state = state
        self._entries, self._records, self._recovered_intents = [], [], []

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

    def _rotate(self, needed: int = 0) -> None:
        """Go on in a new segment, which begins with the chain's state and the intents of what is under way."""
        self._sync()
        number = self._segment + 1
        intents = [*self._recovered_intents, *self._open_intents()]
        head = render_opening(self.chain, number, self._state)
        head += b"".join([render_entry(_INTENT, intent) for intent in intents])
        path = path_of(self._folder, number)
        descriptor, end = self._spare.become(path, head, needed, to_disk=self.to_disk)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._segment = descriptor, number
        self._offset, self._end = len(head), end
        self._began_at = self._clock()

    def close(self) -> None:
        """Write what is left, and let another writer have the folder."""
        self._retry_at = 0.0
        self.commit()
        self._spare.discard()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        os.close(self._lock)


_INTENT, _RECORD = int(Kind.INTENT), int(Kind.RECORD)


def _reason_of(error: OSError) -> str:
    return error.strerror or type(error).__name__
