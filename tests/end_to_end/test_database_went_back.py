"""A backup of the database is put back under journals that have gone on, and the gateway goes on by one command."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller
from tests.support.recorded import behave, database_of, recorded_in, run_here, wait_for_records


def test_a_backup_is_restored(tmp_path: Path) -> None:
    """While chains are stuck calls go on; `exeat audit resume` has their records moved, and names what is lost."""
    key = make_key()
    with Origin(behave) as origin:
        document = {
            "upstreams": {"api": origin.entry()},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with Gateway(document, folder=tmp_path) as gateway:

            def calls() -> list[str]:
                with RawCaller(gateway.port) as caller:
                    made = [caller.call("GET", "/api/fine", f"Exeat-Key: {key.key}") for _ in range(5)]
                return [str(answer.field("exeat-request-id")) for answer in made]

            kept = calls()
            gateway.stop()
            database, backup = database_of(tmp_path), tmp_path / "backup.db"
            with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
                source.backup(copy)
            lost: list[str] = []
            for _ in range(4):  # each life begins a segment: those between are removed
                gateway.start()
                lost += calls()
                gateway.stop()
            for file in database.parent.glob("exeat.db*"):
                file.unlink()
            shutil.copy(backup, database)
            gateway.start()
            wait_until(lambda: bool(gateway.events("records stay in the journal")), "the chains are stuck")
            calls()
            with gateway.expect("records are moved again"):
                result = run_here(tmp_path, "audit", "resume", "--all", "--yes")
                assert result.returncode == 0, result.stderr
            wait_for_records(tmp_path, *kept, *calls())

            def is_told() -> bool:
                return run_here(tmp_path, "audit", "verify").returncode == 0

            wait_until(is_told, "the record of it is moved")
            assert "are missing\n" in run_here(tmp_path, "audit", "verify").stdout
            assert run_here(tmp_path, "doctor").returncode == 0
            assert set(lost[:5]).isdisjoint(_ids(database))


def _ids(database: Path) -> set[str]:
    return {str(record)[9:45] for record in map(bytes.decode, recorded_in(database))}
