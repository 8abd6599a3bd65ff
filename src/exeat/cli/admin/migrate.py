"""`exeat migrate`: the database gets the tables of this version, before a gateway starts."""

from exeat.cli.admin.reach import guarded
from exeat.cli.output import FINE, say, say_json
from exeat.config.settings import read_settings
from exeat.store.address import default_url
from exeat.store.database import describe, open_database
from exeat.store.migrate import migrate


def migrate_database(*, as_json: bool) -> int:
    """Apply the steps that are missing, all or none; a database that isn't there yet is made."""

    def work() -> int:
        settings = read_settings()
        folder, url = settings.directory / settings.data_dir, settings.database_url
        if url is None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = open_database(default_url(folder) if url is None else url.reveal())
        try:
            migrate(engine)
            where = describe(engine)
        finally:
            engine.dispose()
        if as_json:
            say_json({"ok": True, "database": where.removeprefix("The database ")})
        else:
            say(f"{where} has the tables of this version.")
        return FINE

    return guarded(work)
