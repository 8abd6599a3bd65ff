"""`exeat audit prune`: old records removed for good, which is itself recorded."""

import sys
from datetime import UTC, datetime

from sqlalchemy import Engine

from exeat.cli.audit.database import now, with_trail
from exeat.cli.audit.progress import counting
from exeat.cli.audit.query import parse_when
from exeat.cli.data_folder import change_of, open_own_journal
from exeat.cli.output import FAILED, FINE, complain, say
from exeat.config.settings import read_settings
from exeat.journal.changes import record_change
from exeat.store.prune import prune

WRITER = "cli"


def prune_trail(before: str, *, is_sure: bool) -> int:
    """Remove what is older; asks first, unless told not to."""

    def work(engine: Engine) -> int:
        time = parse_when(before, now())
        if not (is_sure or _ask(time)):
            say("Nothing was removed.")
            return FAILED
        journal = open_own_journal(read_settings(), WRITER)
        try:
            with counting("removed") as progress:
                pruned = prune(engine, time, progress=progress)
            is_safe = record_change(journal, change_of("cli", "prune", "audit/records", None, pruned.after()))
        finally:
            journal.close()
        gone = f"{pruned.records:,} records from before {_day_of(pruned.before)} were removed"
        if not is_safe:
            complain([f"{gone}, but that can't be recorded: {journal.failure}"])
            return FAILED
        say(f"{gone}; the gateway moves the record of that into the trail.")
        return FINE

    return with_trail(work)


def _ask(before: int) -> bool:
    sys.stderr.write(f"Remove every record from before {_day_of(before)} for good? Type yes: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def _day_of(time: int) -> str:
    """The midnight (UTC) before a time (µs), which records are removed up to."""
    return datetime.fromtimestamp(time / 1_000_000, UTC).strftime("%Y-%m-%d (00:00 UTC)")
