"""The files of one journal: numbered segments in a folder, whose room is reserved before it is needed.

Rule 1: a segment's room is taken from the disk when it is made: a full disk is noticed then, not in the middle of an
exchange. What isn't written yet reads as zeros.
Rule 2: a folder has one writer at a time, which holds its lock.
"""

import fcntl
import os
import time
from pathlib import Path

import orjson

from exeat.journal.entries import Kind, render_entry
from exeat.model.audit import ChainState

SEGMENT_BYTES = 16 * 1024 * 1024
FORMAT = 1
LOCK_STEP_S = 0.05
_ENDING = ".segment"
_SPARE = "spare"
_LOCK = "lock"


class JournalError(Exception):
    """A journal that can't be used; the sentence says what to do."""


def lock_folder(folder: Path, wait_s: float = 0.0) -> int:
    """Make the folder, and hold its lock until the descriptor is closed; JournalError if another writer keeps it.

    A writer whose supervisor was killed may still finish what it had begun: that is waited for.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    ends_at = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= ends_at:
                os.close(descriptor)
                message = f"{folder} is written by another process; give each gateway an EXEAT_DATA_DIR of its own"
                raise JournalError(message) from error
            time.sleep(LOCK_STEP_S)
        else:
            return descriptor


def path_of(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:010d}{_ENDING}"


def numbers_in(folder: Path) -> list[int]:
    """The numbers of the segments there are, in order."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    found = [name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)]
    return sorted(int(name) for name in found if name.isascii() and name.isdigit())


def render_opening(chain: str, number: int, state: ChainState) -> bytes:
    """The first entry of a segment: whose it is, and where the chain stands."""
    members = {
        "format": FORMAT,
        "chain": chain,
        "segment": number,
        "batch": state.batch,
        "record": state.record,
        "hash": state.hash.hex(),
    }
    return render_entry(Kind.OPENING, orjson.dumps(members))


def parse_opening(payload: bytes) -> tuple[str, ChainState]:
    """The chain and its state at the beginning of a segment; JournalError if another version wrote it."""
    members = orjson.loads(payload)
    if members["format"] != FORMAT:
        raise JournalError(f"the journal was written in format {members['format']}, by another version of Exeat")
    return members["chain"], ChainState(members["batch"], members["record"], bytes.fromhex(members["hash"]))


def sync_folder(folder: Path) -> None:
    """Have the disk know which files there are."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_at(descriptor: int, data: bytes, offset: int) -> int:
    """Write all of the data at an offset; the offset behind it."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
    return offset


class Spare:
    """The room of the segment to come, reserved in steps so that no step takes long."""

    def __init__(self, folder: Path, size: int) -> None:
        self._path = folder / _SPARE
        self._size = size
        self._descriptor: int | None = None
        self.reserved = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of its room is reserved."""
        return self.reserved >= self._size

    def reserve(self, step: int) -> None:
        """Reserve `step` bytes more; OSError if the disk hasn't got them."""
        if self._descriptor is None:
            flags = os.O_CREAT | os.O_RDWR | os.O_TRUNC | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        step = min(step, max(self._size, step) - self.reserved)
        if step > 0:
            os.posix_fallocate(self._descriptor, self.reserved, step)
            self.reserved += step

    def become(self, path: Path, head: bytes, needed: int, *, to_disk: bool) -> tuple[int, int]:
        """Make it the segment at `path`, which begins with `head` as soon as it is there; its descriptor and size.

        OSError if there is no room for `needed` bytes behind the head, or it can't be written.
        """
        needed += len(head)
        try:
            self.reserve(max(self._size, needed))
        except OSError:
            if self.reserved < needed:
                raise
        descriptor, size = self._descriptor, self.reserved
        assert descriptor is not None  # noqa: S101 - reserve() opened it
        try:
            write_at(descriptor, head, 0)
            if to_disk:
                os.fdatasync(descriptor)
            self._path.rename(path)
            if to_disk:
                sync_folder(path.parent)
        except OSError:
            self.discard()  # what was written of the head must not stand behind a shorter one
            raise
        self._descriptor, self.reserved = None, 0
        return descriptor, size

    def discard(self) -> None:
        """Give the room back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor, self.reserved = None, 0
        self._path.unlink(missing_ok=True)
