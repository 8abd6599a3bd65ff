"""`exeat audit resume`: chains go on behind records that the database has lost, and the trail says which those are."""

import sys
from collections.abc import Iterable

from sqlalchemy import Engine

from exeat.cli.audit.database import UsageError, now, with_trail
from exeat.cli.audit.prune import WRITER
from exeat.cli.data_folder import DataFolderError, change_of, open_own_journal
from exeat.cli.output import FAILED, FINE, complain, say
from exeat.cli.stuck import Stuck, find_stuck
from exeat.config.settings import Settings, read_settings
from exeat.journal.changes import record_change
from exeat.store.failure import StoreError
from exeat.store.gap import RESUME, Gap
from exeat.store.resume import resume


def resume_chains(chain: str | None, *, every: bool, is_sure: bool) -> int:
    """Leave a gap in one chain, or in all that are stuck; asks first, unless told not to."""
    if every == (chain is not None):
        return complain(["name a chain that is stuck, or say --all; `exeat doctor` names them"])

    def work(engine: Engine) -> int:
        settings = read_settings()
        stuck = _look(engine, settings)
        chosen = stuck if chain is None else _choose(stuck, chain)
        if not chosen:
            say("No chain is stuck.")
            return FINE
        complain(f"{one.chain}: {one.reason}" for one in chosen if one.gap is None)
        gaps = [one.gap for one in chosen if one.gap is not None]
        if not gaps:
            return FAILED
        if not (is_sure or _ask(gaps)):
            say("Nothing was changed.")
            return FAILED
        _leave(engine, settings, gaps)
        for gap in gaps:
            say(f"{gap.chain} goes on with record {gap.last + 1:,}; {_missing(gap)}, and the trail says so.")
        return FINE if len(gaps) == len(chosen) else FAILED

    return with_trail(work)


def _look(engine: Engine, settings: Settings) -> list[Stuck]:
    try:
        return list(find_stuck(engine, settings.directory / settings.data_dir))
    except DataFolderError as error:
        raise StoreError(str(error)) from error


def _choose(stuck: Iterable[Stuck], chain: str) -> list[Stuck]:
    """The stuck chain that is called so, with the instance or without it; UsageError if none is."""
    found = [one for one in stuck if chain in {one.chain, one.chain.partition("/")[2]}]
    if not found:
        names = ", ".join(one.chain for one in stuck)
        raise UsageError(f"{chain}: isn't a chain of this data directory that is stuck; those are: {names or 'none'}")
    return found


def _leave(engine: Engine, settings: Settings, gaps: list[Gap]) -> None:
    journal = open_own_journal(settings, WRITER)

    def record(after: dict[str, object]) -> None:
        if not record_change(journal, change_of("cli", *RESUME, None, after)):
            raise StoreError(f"The change can't be recorded, so it isn't made: {journal.failure}")

    try:
        resume(engine, gaps, int(now().timestamp() * 1000) * 1000, record)
    finally:
        journal.close()


def _missing(gap: Gap) -> str:
    return f"records {gap.first:,} to {gap.last:,} are missing"


def _ask(gaps: Iterable[Gap]) -> bool:
    lines = "".join(f"{gap.chain}: {_missing(gap)} in the database.\n" for gap in gaps)
    sys.stderr.write(f"{lines}Go on without them, for good? Where a copy of the database has them, put that back.\n")
    sys.stderr.write("Type yes: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"
