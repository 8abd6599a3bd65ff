"""One edit at a time, whichever instance makes it."""

from sqlalchemy import Connection

from exeat.store.database import is_sqlite

_LOCK = 0x65786561745F63  # "exeat_c": of all who lock in this database, only edits take this number
_WAIT = "SELECT set_config('lock_timeout', '30s', true)"


def serialise(connection: Connection) -> None:
    """Wait until no other edit is going on; to the end of the transaction. On SQLite it has the database already."""
    if not is_sqlite(connection):
        connection.exec_driver_sql(_WAIT)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
