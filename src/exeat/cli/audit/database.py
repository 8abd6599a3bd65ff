"""The database that the settings name, for commands that read it or write to it beside a running gateway."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from exeat.cli.output import FAILED, complain
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
from exeat.store.address import default_url
from exeat.store.database import open_database
from exeat.store.failure import OldSchemaError, StoreError
from exeat.store.migrate import check_schema, migrate


class UsageError(Exception):
    """An option that can't be; the sentence says what to write."""


@contextmanager
def open_trail(settings: Settings, *, makes_tables: bool = False) -> Iterator[Engine]:
    """The database of these settings, for a block; StoreError if there is none yet.

    One that is empty, because its gateway has only just begun, may be given its tables.
    """
    url = settings.database_url
    folder = settings.directory / settings.data_dir
    if not settings.has_database():
        raise StoreError(f"There are no records in {folder} yet: start the gateway there, or set EXEAT_DATA_DIR.")
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())  # it would print tracebacks when interrupted
    engine = open_database(default_url(folder) if url is None else url.reveal())
    try:
        try:
            check_schema(engine)
        except OldSchemaError as error:
            if not (makes_tables and error.is_empty):
                raise
            migrate(engine)
        yield engine
    finally:
        engine.dispose()


def with_trail(work: Callable[[Engine], int]) -> int:
    """Do something with the audit trail; the exit code, whatever goes wrong."""
    try:
        with open_trail(read_settings()) as engine:
            return work(engine)
    except ConfigError as error:
        return complain(error.problems)
    except UsageError as error:
        return complain([error])
    except StoreError as error:
        complain([error])
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def now() -> datetime:
    """The time, for options that count back from it."""
    return datetime.now(UTC)
