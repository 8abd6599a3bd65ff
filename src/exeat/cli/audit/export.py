"""`exeat audit export`: records in a file, whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Engine

from exeat.cli.audit.database import UsageError, now, with_trail
from exeat.cli.audit.progress import counting
from exeat.cli.audit.query import Options, parse_query
from exeat.cli.output import FINE, say
from exeat.store.export import Format, export
from exeat.store.failure import StoreError
from exeat.store.verify_export import form_of


def export_records(file: Path, options: Options) -> int:
    """Write records to a file; sealed where no batch is asked for in part."""

    def work(engine: Engine) -> int:
        form, query = check_form(file), parse_query(options, now())
        sealed = not (query.fields or query.status or query.text)
        with _whole(file) as out, counting("exported") as progress:
            done = export(engine, out, form, query, sealed=sealed, progress=progress)
        proof = f"sealed by {done.seals:,} batches" if sealed else "without seals: batches were asked for in part"
        say(f"{done.records:,} records in {file}, {proof}.")
        return FINE

    return with_trail(work)


def check_form(file: Path) -> Format:
    """The format that a file's name says; UsageError if none."""
    try:
        return form_of(file)
    except StoreError as error:
        raise UsageError(str(error)) from None


@contextmanager
def _whole(file: Path) -> Iterator[BinaryIO]:
    """A file that is there when all of it is written, readable by its owner alone; UsageError if it can't be."""
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)  # of an export that was killed; whatever else has that name isn't written to
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as out:  # noqa: PTH123
            yield out
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
