"""Brings a database to the tables of this version, whoever else is starting at the same time."""

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, inspect, select

from exeat.store.database import describe, is_sqlite, reading, writing
from exeat.store.failure import OldSchemaError, StoreError

_LOCK: Final = 0x6578656174  # "exeat": of all who lock in this database, only migrations take this number
_FOLDER: Final = Path(__file__).parent / "migrations"
STEPS: Final = tuple(sorted(file.name[:4] for file in (_FOLDER / "versions").glob("[0-9]*.py")))
_VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", Text))


def migrate(engine: Engine) -> None:
    """Apply the steps that are missing, all or none. StoreError if a newer version of Exeat was here."""
    with reading(engine) as connection:
        if _step_of(engine, connection) == STEPS[-1]:  # as at nearly every start
            return
    _apply(engine)


def check_schema(engine: Engine) -> None:
    """OldSchemaError unless the database has the tables of this version: for who only reads."""
    with reading(engine) as connection:
        found = _step_of(engine, connection)
    if found != STEPS[-1]:
        message = f"{describe(engine)} hasn't the tables of this version yet: start the gateway, it makes them."
        raise OldSchemaError(message, is_empty=found is None)


def _apply(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - where nothing is missing, it needn't be loaded
    from alembic.config import Config  # noqa: PLC0415

    with writing(engine) as connection:  # on SQLite its lock is that of the whole database
        if not is_sqlite(engine):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        _step_of(engine, connection)  # once more, behind the lock: another one may just have applied newer steps
        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _step_of(engine: Engine, connection: Connection) -> str | None:
    """The last step that was applied; None if the database is empty. StoreError for one that isn't known."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found = connection.execute(select(_VERSION.c.version_num)).scalar()
    if found is not None and found not in STEPS:
        raise StoreError(
            f"{describe(engine)} was made by a newer Exeat (its tables are of step {found}, this version knows up to"
            f" {STEPS[-1]}): run that version or a newer one, or give this one another database."
        )
    return found
