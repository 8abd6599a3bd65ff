"""Moves what the writers of this machine have recorded from their journals into the database.

Rule 1: exactly once: what the database holds of a chain says where its journal is read on.
Rule 2: a segment goes when the database has it; while the database is away, segments wait.
Rule 3: a chain that can't go on holds up no other, and one that has much to move doesn't either: each has its turn.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from exeat.journal.follow import READING_BYTES, Follower
from exeat.journal.segments import JournalError
from exeat.model.audit import Batch
from exeat.store.audit_writer import AuditWriter
from exeat.store.failure import ChainError


class Shipper:
    """The journals below one folder, of one instance. Its errors are those of the database; those of one chain wait.

    `moved` is called with what has been moved, once the database has it.
    """

    def __init__(
        self,
        folder: Path,
        instance: str,
        writer: AuditWriter,
        *,
        reading_bytes: int = READING_BYTES,
        moved: Callable[[Sequence[Batch]], None] = lambda _batches: None,
    ) -> None:
        self._folder = folder
        self._instance = instance
        self._writer = writer
        self._reading_bytes = reading_bytes
        self._moved = moved
        self._followers: dict[str, Follower] = {}
        self.stuck: dict[str, str] = {}  # chains that can't go on, and why

    def ship(self) -> int:
        """Move a reading of each journal; how many records were new. StoreError if the database can't take them."""
        return sum([self._ship(name) for name in self._writers()])

    def _writers(self) -> Iterator[str]:
        if self._folder.is_dir():
            yield from sorted(path.name for path in self._folder.iterdir() if path.is_dir())

    def _ship(self, name: str) -> int:
        chain = f"{self._instance}/{name}"
        try:
            moved = self._move(name, chain)
        except (JournalError, ChainError, OSError) as error:
            self.stuck[chain] = str(error)
            return 0
        self.stuck.pop(chain, None)
        return moved

    def _move(self, name: str, chain: str) -> int:
        # A follower has read further than the database knows until write() returns: if that raises, it is made anew.
        follower = self._followers.pop(name, None) or Follower(
            self._folder / name, *self._writer.where(chain), reading_bytes=self._reading_bytes
        )
        batches = follower.read()
        moved = self._writer.write(batches) if batches else 0
        follower.discard()
        if moved:
            self._moved(batches)
        self._followers[name] = follower
        return moved
