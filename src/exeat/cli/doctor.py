"""`exeat doctor`: what would stop this gateway from working, and how to mend it."""

import os
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy import Engine

from exeat.cli.audit.database import now, open_trail
from exeat.cli.data_folder import JOURNAL_FOLDER, DataFolderError
from exeat.cli.output import FAILED, FINE, complain, say, say_json
from exeat.cli.stored_part import read_stored_part
from exeat.cli.stuck import find_stuck
from exeat.config.compile import load
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
from exeat.journal.segments import SEGMENT_BYTES, numbers_in
from exeat.model.stored import DATABASE_FILE
from exeat.state.counters_file import COUNTERS_FILE, CountersFileError, InUseError, check_counters
from exeat.state.redis_address import parse_redis_address
from exeat.store.failure import OldSchemaError, StoreError
from exeat.store.rollup_check import check_rollups
from exeat.store.verify import verify
from exeat.telemetry.access_log import printable

State = Literal["fine", "odd", "wrong"]
FREE_BYTES = 16 * SEGMENT_BYTES
BACKLOG = 4  # segments of one writer; two are always there
DAY_US = 86_400_000_000


class Finding(NamedTuple):
    """What was looked at, how it is, and a sentence that says what to do where it isn't fine."""

    name: str
    state: State
    sentence: str


def examine(days: int, *, as_json: bool) -> int:
    """Print every finding; exit code 1 if something is wrong."""
    try:
        settings = read_settings()
    except ConfigError as error:
        return complain(error.problems)
    findings = list(look(settings, days))
    if as_json:
        say_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            say(printable(f"{finding.state:<5}  {finding.name}: {finding.sentence}"))
    return FAILED if any(finding.state == "wrong" for finding in findings) else FINE


def look(settings: Settings, days: int) -> Iterator[Finding]:
    """Every finding; so many days of records are verified."""
    yield from _document(settings)
    yield _trust(settings)
    if settings.redis_url is not None:
        yield from _redis(settings, settings.redis_url.reveal())
    folder = settings.directory / settings.data_dir
    if folder.is_dir():
        yield _folder(folder)
        yield _room(folder)
        yield from _journals(folder / JOURNAL_FOLDER)
        yield from _counters(folder / COUNTERS_FILE)
    elif folder.exists():
        yield Finding("data directory", "wrong", f"{folder} isn't a directory; move it away, or set EXEAT_DATA_DIR.")
    else:
        yield Finding("data directory", "fine", f"{folder} will be made when the gateway starts.")
    if not settings.has_database():
        yield Finding("database", "fine", f"{folder / DATABASE_FILE} will be made when the gateway starts.")
    else:
        yield from _records(settings, days)


def _document(settings: Settings) -> Iterator[Finding]:
    try:
        stored = read_stored_part(settings)
    except ConfigError:
        yield Finding("document", "odd", "it can't be judged without what the database holds: see there.")
        return
    try:
        loaded = load(settings, stored)
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("document", "wrong", str(problem))
        return
    yield Finding("document", "fine", f"revision {loaded.snapshot.revision} has no problems.")
    for warning in loaded.warnings:
        yield Finding("document", "odd", str(warning))


def _trust(settings: Settings) -> Finding:
    """Whether any upstream's certificate could be verified."""
    if settings.ssl_cert_file is not None or settings.ssl_cert_dir is not None:
        return Finding("trust store", "fine", "SSL_CERT_FILE or SSL_CERT_DIR names it.")
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if context.cert_store_stats()["x509_ca"] or (folder and any(Path(folder).iterdir())):
        return Finding("trust store", "fine", "the system's own is there.")
    return Finding("trust store", "wrong", "this system has none: install ca-certificates, or set SSL_CERT_FILE.")


def _redis(settings: Settings, url: str) -> Iterator[Finding]:
    """Whether limits can be counted in Redis, and stay there."""
    from exeat.cli.redis_check import check_redis  # noqa: PLC0415 - few need the library

    file, folder = settings.ssl_cert_file, settings.ssl_cert_dir
    found = check_redis(
        parse_redis_address(url),
        None if file is None else str(settings.directory / file),
        None if folder is None else str(settings.directory / folder),
    )
    for state, sentence in found:
        yield Finding("Redis", state, sentence)


def _folder(folder: Path) -> Finding:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data directory", "wrong", f"{folder} can't be written by this user; give it to the gateway's.")
    if folder.stat().st_mode & 0o077:
        return Finding("data directory", "odd", f"others may look into {folder}; chmod 700 it.")
    return Finding("data directory", "fine", f"{folder} is private and can be written.")


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    said = f"{free // 1024**2:,} MiB are free where {folder} is"
    if free < FREE_BYTES:
        return Finding("disk", "wrong", f"{said}; without room for records, calls are refused. Make some.")
    return Finding("disk", "fine", f"{said}.")


def _journals(folder: Path) -> Iterator[Finding]:
    """Whether records get from the journals into the database."""
    for journal in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []:
        waiting = len(numbers_in(journal))
        if waiting > BACKLOG:
            advice = "see the log of the control process: the database doesn't take them"
            yield Finding(f"journal {journal.name}", "wrong", f"{waiting} segments wait to be moved; {advice}")


def _counters(path: Path) -> Iterator[Finding]:
    """Whether quotas and budgets can be counted."""
    if not path.exists():
        return
    try:
        check_counters(path)
    except InUseError:
        yield Finding("counters", "fine", f"a gateway that runs holds {path}.")
    except CountersFileError as error:
        advice = "Put back a copy, or remove it: quotas and budgets then begin anew."
        yield Finding("counters", "wrong", f"{path}: {error}; calls under quotas and budgets are refused. {advice}")
    else:
        yield Finding("counters", "fine", f"{path} is whole.")


def _records(settings: Settings, days: int) -> Iterator[Finding]:
    try:
        with open_trail(settings) as engine:
            yield Finding("database", "fine", "it can be read and has the tables of this version.")
            yield from _chains(engine, settings)
            yield from _compare(engine, days)
    except OldSchemaError as error:
        if error.is_empty:
            yield Finding("database", "fine", "it has no tables yet: the gateway makes them at its first start.")
        else:
            what = "it has the tables of an earlier version: the gateway brings them up to this one when it starts."
            yield Finding("database", "odd", what)
    except StoreError as error:
        yield Finding("database", "wrong", str(error))


def _chains(engine: Engine, settings: Settings) -> Iterator[Finding]:
    """Whether each chain goes on in the database where its journal does."""
    try:
        found = list(find_stuck(engine, settings.directory / settings.data_dir))
    except DataFolderError as error:
        yield Finding("data directory", "wrong", str(error))
        return
    for stuck in found:
        gap, sentence = stuck.gap, stuck.reason
        if gap is not None:
            sentence = (
                f"records {gap.first} to {gap.last} are missing in the database, so that it takes none behind them: put"
                f" back a copy that has them, or go on without them with `exeat audit resume {stuck.chain}`."
            )
        yield Finding(f"chain {stuck.chain}", "wrong", sentence)


def _compare(engine: Engine, days: int) -> Iterator[Finding]:
    until = int(now().timestamp() * 1_000_000)
    since = until - days * DAY_US
    last = "the last day" if days == 1 else f"the last {days} days"
    verdict = verify(engine, since=since, until=until)
    for fault in verdict.faults:
        yield Finding("audit trail", "wrong", str(fault))
    if not verdict.faults:
        yield Finding("audit trail", "fine", f"{verdict.records:,} records of {last} are as recorded.")
    difference = check_rollups(engine, since, until)
    if difference is None:
        yield Finding("roll-ups", "fine", f"they agree with the records of {last}.")
    else:
        yield Finding("roll-ups", "wrong", str(difference))
