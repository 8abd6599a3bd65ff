"""A journal in a folder of its own, lived as often as a test wants: ended cleanly, cut off, on a disk that fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from exeat.journal.entries import Kind
from exeat.journal.follow import Follower
from exeat.journal.recovery import recover
from exeat.journal.segments import numbers_in, path_of
from exeat.journal.writer import Journal
from exeat.model.audit import GENESIS, Batch, hash_batch

CHAIN = "0199f4e8c1d2/worker-1"
SMALL_BYTES = 4096


def id_of(number: int) -> str:
    """The id of exchange `number`."""
    return str(UUID(int=number))


def intent(number: int, size: int = 0) -> bytes:
    """What is put down of an exchange before it is sent."""
    return orjson.dumps([id_of(number), "i" * size])


def record(number: int, size: int = 0) -> bytes:
    """What became of it."""
    return orjson.dumps({"id": id_of(number), "outcome": "completed", "path": "r" * size})


def interrupted(known: bytes) -> bytes:
    """The record that an intent becomes."""
    return orjson.dumps({"id": orjson.loads(known)[0], "outcome": "interrupted"})


def outcome(number: int, size: int = 0) -> bytes:
    """The record of an exchange that was cut off."""
    return interrupted(intent(number, size))


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Life:
    """One life of a journal's writer: `open` are the exchanges under way."""

    def __init__(
        self, folder: Path, *, segment_bytes: int = SMALL_BYTES, to_disk: bool = False, clock: Clock | None = None
    ) -> None:
        self.folder = folder
        self.open: dict[int, bytes] = {}
        self.clock = clock or Clock()
        self.journal = Journal(
            folder,
            CHAIN,
            self.open.values,
            interrupted=interrupted,
            to_disk=to_disk,
            segment_bytes=segment_bytes,
            clock=self.clock,
        )

    def begin(self, number: int, size: int = 0) -> None:
        """An exchange is about to be sent."""
        self.open[number] = intent(number, size)
        self.journal.intend(self.open[number])

    def end(self, number: int, size: int = 0) -> bytes:
        """An exchange has ended; its record."""
        self.open.pop(number, None)
        made = record(number, size)
        self.journal.record(made)
        return made

    def is_open(self) -> bool:
        """Whether a new exchange may begin now."""
        return self.journal.is_open

    def has_pending(self) -> bool:
        """Whether something isn't safe now."""
        return self.journal.has_pending

    def crash(self) -> None:
        """The process is gone: nothing more is written, and its descriptors are closed."""
        journal = self.journal
        for descriptor in (journal._descriptor, journal._lock, journal._spare._descriptor):  # noqa: SLF001 - as the system does
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)

    def passes(self, seconds: float, active: int = 0) -> None:
        """Time passes, and the clock visits."""
        self.clock.now += seconds
        self.journal.tend(active)


class Disk:
    """The disk as the system calls show it: `write`, `reserve` and `sync` are errors that they raise."""

    def __init__(self) -> None:
        self.write: OSError | None = None
        self.reserve: OSError | None = None
        self.sync: OSError | None = None
        self.room = -1  # bytes that a write takes before it fails

    @contextmanager
    def used(self) -> Iterator["Disk"]:
        """In place of the system's, in a block."""
        pwrite, fallocate, fdatasync = os.pwrite, os.posix_fallocate, os.fdatasync

        def write(descriptor: int, data: bytes | memoryview, offset: int) -> int:
            if self.write is not None:
                if self.room > 0:
                    taken, self.room = min(self.room, len(data)), 0
                    return pwrite(descriptor, data[:taken], offset)
                raise self.write
            return pwrite(descriptor, data, offset)

        def reserve(descriptor: int, offset: int, size: int) -> None:
            if self.reserve is not None:
                raise self.reserve
            fallocate(descriptor, offset, size)

        def sync(descriptor: int) -> None:
            if self.sync is not None:
                raise self.sync
            fdatasync(descriptor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "pwrite", write)
            patch.setattr(os, "posix_fallocate", reserve)
            patch.setattr(os, "fdatasync", sync)
            yield self


def batches_in(folder: Path) -> list[Batch]:
    """All batches of a journal, read by one reader from its beginning."""
    follower, found = Follower(folder), []
    while batches := follower.read():
        found += batches
    return found


def records_in(folder: Path) -> list[bytes]:
    """All records of a journal, after its chain was verified."""
    batches = batches_in(folder)
    verify(batches)
    return [made for batch in batches for made in batch.records]


def safe_in(folder: Path) -> list[bytes]:
    """As records_in, and those of the batch that is open."""
    left_open = [payload for kind, payload, _ in recover(folder).unsealed if kind == Kind.RECORD]
    return records_in(folder) + left_open


def verify(batches: list[Batch], previous: bytes = GENESIS, number: int = 1, first: int = 1) -> None:
    """Each batch follows the one before it, and its hash is that of its records."""
    for batch in batches:
        assert (batch.chain, batch.number, batch.first, batch.previous) == (CHAIN, number, first, previous)
        assert batch.hash == hash_batch(previous, number, first, batch.records)
        previous, number, first = batch.hash, number + 1, first + len(batch.records)


def last_segment(folder: Path) -> Path:
    """The file of the last segment."""
    return path_of(folder, numbers_in(folder)[-1])
