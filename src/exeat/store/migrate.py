"""Brings a database to the tables of this version, whoever else is starting at the same time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from exeat.store.database import describe, is_sqlite, reading, writing
from exeat.store.failure import OldSchemaError, StoreError

_LOCK = 0x6578656174  # "exeat": of all who lock in this database, only migrations take this number
_FOLDER = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Apply the steps that are missing, all or none. StoreError if a newer version of Exeat was here."""
    with writing(engine) as connection:  # on SQLite its lock is that of the whole database
        if not is_sqlite(engine):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config = Config()
        config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        _refuse_newer(engine, connection, ScriptDirectory.from_config(config))
        command.upgrade(config, "head")


def check_schema(engine: Engine) -> None:
    """OldSchemaError unless the database has the tables of this version: for who only reads."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with reading(engine) as connection:
        _refuse_newer(engine, connection, scripts)
        found = MigrationContext.configure(connection).get_current_revision()
    if found != scripts.get_current_head():
        message = f"{describe(engine)} hasn't the tables of this version yet: start the gateway, it makes them."
        raise OldSchemaError(message, is_empty=found is None)


def _refuse_newer(engine: Engine, connection: Connection, scripts: ScriptDirectory) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"{describe(engine)} was made by a newer Exeat (its tables are of step {found}, this version knows up to"
            f" {scripts.get_current_head()}): run that version or a newer one, or give this one another database."
        )
