"""Chains that can't go on: their journals are of this data directory, and the database doesn't take what they hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from exeat.cli.data_folder import JOURNAL_FOLDER, read_instance
from exeat.journal.follow import Follower, MissingError
from exeat.journal.segments import JournalError, numbers_in
from exeat.model.audit import ChainState, Position
from exeat.store.audit_writer import AuditWriter
from exeat.store.gap import Gap

READING_BYTES = 64 * 1024  # whether it goes on is seen at the first batch


class Stuck(NamedTuple):
    """A chain, why it can't go on, and the gap to leave so that it can; None where that would not help."""

    chain: str
    reason: str
    gap: Gap | None


def find_stuck(engine: Engine, folder: Path) -> Iterator[Stuck]:
    """Look at every journal of a data directory. DataFolderError if it has no name of an instance that can be."""
    instance = read_instance(folder)
    journals = folder / JOURNAL_FOLDER
    if instance is None or not journals.is_dir():
        return
    for journal in sorted(path for path in journals.iterdir() if path.is_dir()):
        stuck = _look(AuditWriter(engine), journal, f"{instance}/{journal.name}")
        if stuck is not None:
            yield stuck


def _look(writer: AuditWriter, journal: Path, chain: str) -> Stuck | None:
    while True:
        place = position, state = writer.where(chain)
        if position is None or state is None:
            return None  # new here: it begins wherever its journal does
        stuck = _follow(journal, chain, position, state)
        if stuck is None or writer.where(chain) == place:
            return stuck  # else the gateway has moved it on while we looked, and removed what we looked for


def _follow(journal: Path, chain: str, position: Position, state: ChainState) -> Stuck | None:
    try:
        numbers = numbers_in(journal)
        if numbers and numbers[-1] < position.segment:
            return Stuck(chain, f"{journal} has nothing behind what the database has of it: {_EARLIER}", None)
        Follower(journal, position, state, reading_bytes=READING_BYTES).read()
    except MissingError as missing:
        gap = Gap(chain, state, missing.opened, Position(missing.segment, 0))
        if gap.is_ahead:
            return Stuck(chain, str(missing), gap)
        return Stuck(chain, f"{journal} tells another story than the database: {_EARLIER}", None)
    except (JournalError, OSError) as error:
        return Stuck(chain, str(error), None)
    return None


_EARLIER = "the data directory is an earlier copy, or the journal was removed; give the gateway a new EXEAT_DATA_DIR"
