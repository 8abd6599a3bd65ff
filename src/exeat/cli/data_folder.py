"""What outlives the process: the data directory, its lock, and the name of this instance.

Rule 1: one gateway at a time: two would write the same journals.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exeat.journal.changes import Change
from exeat.journal.segments import JournalError
from exeat.journal.writer import Journal
from exeat.proxy.exchange import Identifiers
from exeat.proxy.record import interrupted
from exeat.store.failure import StoreError

if TYPE_CHECKING:
    from exeat.config.settings import Settings

INSTANCE_FILE = "instance"
JOURNAL_FOLDER = "journal"
OWN_SEGMENT_BYTES = 2 * 1024 * 1024  # changes are few
LOCK_S = 10.0
_LOCK_FILE = "lock"
_NAME = re.compile(r"[0-9a-f]{12}")


class DataFolderError(Exception):
    """A data directory that can't be used; the sentence says what to do."""


class DataFolder:
    """The data directory of a running gateway; held until `release`."""

    def __init__(self, folder: Path, instance: str, lock: int) -> None:
        self.path = folder
        self.instance = instance
        self._lock = lock

    def journal(self, writer: str) -> tuple[Path, str]:
        """The folder of a writer's journal, and the name of its chain."""
        return self.path / JOURNAL_FOLDER / writer, f"{self.instance}/{writer}"

    def release(self) -> None:
        """Let another gateway have it."""
        os.close(self._lock)


def open_data_folder(settings: "Settings") -> DataFolder:
    """Make the directory if need be, and hold it; DataFolderError if that can't be."""
    folder = settings.directory / settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / JOURNAL_FOLDER).mkdir(mode=0o700, exist_ok=True)
        lock = os.open(folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"EXEAT_DATA_DIR: records can't be kept in {folder}: {error.strerror}"
        raise DataFolderError(message) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return DataFolder(folder, _instance_of(folder), lock)
    except BlockingIOError as error:
        os.close(lock)
        message = f"EXEAT_DATA_DIR: another gateway uses {folder}; give each one a directory of its own"
        raise DataFolderError(message) from error
    except OSError as error:
        os.close(lock)
        raise DataFolderError(f"EXEAT_DATA_DIR: {folder} can't be used: {error.strerror}") from error
    except DataFolderError:
        os.close(lock)
        raise


def open_own_journal(settings: "Settings", writer: str) -> Journal:
    """The journal of a command that changes something beside a running gateway; the gateway moves what it holds."""
    folder = settings.directory / settings.data_dir
    try:
        (folder / JOURNAL_FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        journal = Journal(
            folder / JOURNAL_FOLDER / writer,
            f"{_instance_of(folder)}/{writer}",
            list,
            interrupted=interrupted,
            wait_s=LOCK_S,
            segment_bytes=OWN_SEGMENT_BYTES,
        )
    except (OSError, JournalError, DataFolderError) as error:
        raise StoreError(f"The change can't be recorded in {folder}, so it isn't made: {error}") from error
    if not journal.is_open:
        reason = journal.failure
        journal.close()
        raise StoreError(f"The change can't be recorded in {folder}, so it isn't made: {reason}")
    return journal


def change_of(
    actor: str, action: str, what: str, before: Mapping[str, object] | None, after: Mapping[str, object] | None
) -> Change:
    """A change that is made now."""
    now = datetime.now(UTC)
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Change(Identifiers().next(now.timestamp()), time, actor, action, what, before, after)


def read_instance(folder: Path) -> str | None:
    """The name of this instance; None where no gateway has run. DataFolderError if it is none."""
    return _instance_of(folder) if (folder / INSTANCE_FILE).exists() else None


def _instance_of(folder: Path) -> str:
    """The name of this instance: made once, whole or not at all, and kept."""
    file = folder / INSTANCE_FILE
    try:
        name = file.read_text("ascii", "replace").removesuffix("\n")
    except FileNotFoundError:
        return _make_instance(file)
    if not _NAME.fullmatch(name):
        message = f"EXEAT_DATA_DIR: {file} holds no name of an instance; restore it, or move the directory away"
        raise DataFolderError(message)
    return name


def _make_instance(file: Path) -> str:
    name, new = secrets.token_hex(6), file.with_suffix(".new")
    new.touch(0o600)
    new.write_text(f"{name}\n", "ascii")
    new.replace(file)
    return name
