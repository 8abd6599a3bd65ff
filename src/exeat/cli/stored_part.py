"""The database's part of the configuration, for commands that look at the whole without a running gateway."""

# ruff: noqa: PLC0415 - where there is no database, nothing of it is loaded

from exeat.config.problem import ConfigError, Place, Problem
from exeat.config.settings import Settings
from exeat.model.stored import NOTHING, Stored


def read_stored_part(settings: Settings) -> Stored:
    """What the database holds; nothing if there is none yet. ConfigError if it can't be read."""
    if not settings.has_database():
        return NOTHING
    from exeat.cli.audit.database import open_trail
    from exeat.store.configuration.stored import read_stored
    from exeat.store.failure import OldSchemaError, StoreError

    try:
        with open_trail(settings) as engine:
            return read_stored(engine)
    except OldSchemaError as error:
        if error.is_empty:
            return NOTHING
        raise ConfigError([Problem("", Place("database", kind="database"), str(error))]) from error
    except StoreError as error:
        raise ConfigError([Problem("", Place("database", kind="database"), str(error))]) from error
