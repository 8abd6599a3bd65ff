"""A database is opened by its URL, migrated once whoever else starts, and fails in one sentence without a password."""

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, make_url, text

import exeat.store.configuration.tables  # noqa: F401 - its tables are in the metadata too
from exeat.store.address import default_url
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import BUSY_S, open_database, reading, writing
from exeat.store.failure import StoreAwayError, StoreError
from exeat.store.migrate import STEPS, check_schema, migrate
from exeat.store.tables import metadata
from tests.store.made import Chain, rows_of, run

SECRET = "hunter2-in-the-url"


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # _indices_of() looks at those
def test_the_steps_make_the_tables_that_the_code_uses(engine: Engine, empty_url: str) -> None:
    """Migrations and tables.py say the same, down to the conditions of indices."""
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    if engine.url == make_url(empty_url):
        return  # the pairs of two databases of one kind say the rest
    other = open_database(empty_url)
    if other.dialect.name == engine.dialect.name:
        with writing(other) as connection:
            metadata.create_all(connection)
        assert _indices_of(other) == _indices_of(engine)
    other.dispose()


def _indices_of(engine: Engine) -> set[str]:
    """The definitions of all indices: Alembic compares neither conditions nor expressions."""
    sqlite = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    postgresql = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    with reading(engine) as connection:
        return set(connection.execute(text(sqlite if engine.dialect.name == "sqlite" else postgresql)).scalars())


def test_instances_that_start_together_migrate_once(empty_url: str) -> None:
    """Any number of instances may start at the same moment on an empty database."""
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def start() -> None:
        engine = open_database(empty_url)
        try:
            together.wait()
            migrate(engine)
            check_schema(engine)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_what_is_up_to_date_is_only_read(tmp_path: Path) -> None:
    """Where no step is missing, whoever writes doesn't keep a start waiting."""
    one, other = open_database(default_url(tmp_path)), open_database(default_url(tmp_path))
    migrate(one)
    with writing(one) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        began = time.monotonic()
        migrate(other)
        assert time.monotonic() - began < BUSY_S / 3
    for engine in (one, other):
        engine.dispose()


def test_the_last_step_is_that_of_the_folder(engine: Engine) -> None:
    """The steps that files are named after are those that they make."""
    assert [row["version_num"] for row in rows_of(engine, "alembic_version", "1")] == [STEPS[-1]]


def test_a_database_of_a_newer_version_is_left_alone(engine: Engine) -> None:
    """A schema that this version does not know is refused with what to do."""
    (row,) = rows_of(engine, "alembic_version", "1")
    run(engine, "UPDATE alembic_version SET version_num = '9999'")
    try:
        for look in (migrate, check_schema):
            with pytest.raises(StoreError, match=r"made by a newer Exeat.*9999.*run that version"):
                look(engine)
    finally:
        run(engine, "UPDATE alembic_version SET version_num = :version", version=row["version_num"])


def test_who_only_reads_is_told_that_there_are_no_tables_yet(empty_url: str) -> None:
    """A reader makes no tables, and says who does."""
    engine = open_database(empty_url)
    with pytest.raises(StoreError, match="start the gateway"):
        check_schema(engine)
    engine.dispose()


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    """An exception rolls back what was written before it."""

    def fail() -> None:
        with writing(engine) as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    check_schema(engine)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    """A file that is no database is called damaged, with what to do."""
    path = tmp_path / "exeat.db"
    path.write_bytes(b"this is no database, whatever its name says" * 1000)
    engine = open_database(default_url(tmp_path))
    with pytest.raises(StoreError, match=r"exeat\.db is damaged: move it away"):
        migrate(engine)
    engine.dispose()


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    """A missing folder is one sentence."""
    engine = open_database(default_url(tmp_path / "gone"))
    with pytest.raises(StoreError, match="see that its folder exists"):
        migrate(engine)
    engine.dispose()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The database and the files beside it can be read by their owner only."""
    engine = open_database(default_url(tmp_path))
    migrate(engine)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    engine.dispose()


PATHS = ("a?b", "a?uri=true", "a#b", "100%", "a%41b", "a%3Fb", "a b", "a:b@c", "a+b&c=d", "\u00fc", "\udcff")


@pytest.mark.parametrize("name", PATHS, ids=ascii)
def test_any_path_of_the_data_directory_is_the_files(tmp_path: Path, name: str) -> None:
    """Whatever the data directory is called, the database is in it, and nothing lies beside it."""
    folder = tmp_path / name
    folder.mkdir()
    engine = open_database(default_url(folder))
    migrate(engine)
    assert engine.url.database == str(folder / "exeat.db")
    assert (folder / "exeat.db").stat().st_size > 0
    assert list(tmp_path.iterdir()) == [folder]
    engine.dispose()


def test_a_path_in_a_url_is_percent_encoded(tmp_path: Path) -> None:
    """In a URL that somebody writes %3F is a question mark in the path; a bare one isn't cut off but refused."""
    engine = open_database(f"sqlite:///{tmp_path}/what%3F%23%25.db")
    migrate(engine)
    assert (tmp_path / "what?#%.db").exists()
    engine.dispose()
    for url in (f"sqlite:///{tmp_path}/what?.db", f"sqlite:///{tmp_path}/a.db?uri=maybe"):
        with pytest.raises(StoreError, match="with %3F for"):
            open_database(url)


def test_every_commit_reaches_the_disk(tmp_path: Path) -> None:
    """SQLite waits for the disk at each commit, because the journal forgets after it."""
    engine = open_database(default_url(tmp_path))
    with writing(engine) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    engine.dispose()


_VISIT = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM chains').fetchall(); c.close()"
)


def test_a_second_connection_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """Nobody takes the write-ahead log away from a process that has several connections, and its commits stay.

    A process that closes any descriptor of a file loses all its POSIX locks on it (sqlite.org/howtocorrupt.html, 2.2):
    to who visits then, nobody seems to be there, and at its end SQLite removes the log that we go on writing to.
    """
    one, other = open_database(default_url(tmp_path)), open_database(default_url(tmp_path))
    migrate(one)
    with reading(one) as connection:
        connection.execute(text("SELECT * FROM chains")).all()
    with reading(other) as connection:
        connection.execute(text("SELECT * FROM chains")).all()
    subprocess.run([sys.executable, "-c", _VISIT, str(tmp_path / "exeat.db")], check=True)
    AuditWriter(one).write(Chain().batches([3]))
    with closing(sqlite3.connect(tmp_path / "exeat.db")) as visitor:
        assert visitor.execute("SELECT count(*) FROM records").fetchone() == (3,)
    one.dispose()
    other.dispose()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://exeat:{SECRET}@127.0.0.1:1/exeat",
        f"postgresql://127.0.0.1:1/exeat?user=exeat&password={SECRET}",
        f"postgres://exeat:{SECRET}@127.0.0.1:1/exeat",
    ],
)
def test_no_password_is_told(url: str) -> None:
    """Neither an error nor its cause nor an engine shows the password, wherever in the URL it stands."""
    engine = open_database(url)
    with pytest.raises(StoreAwayError) as failure:
        migrate(engine)
    chain = [failure.value, failure.value.__cause__]
    assert SECRET not in "".join(map(repr, [engine, engine.url, *chain]))
    assert SECRET not in "".join(map(str, [engine, *chain]))
    assert "127.0.0.1" in str(failure.value)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://exeat:{SECRET}@db/x",
        f"://{SECRET}",
        f"postgresql://x:{SECRET}@h:port/",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    """A URL of another kind is refused without being quoted."""
    with pytest.raises(StoreError, match=r"write sqlite:///PATH or postgresql://") as failure:
        open_database(url)
    assert SECRET not in str(failure.value)
    assert failure.value.__suppress_context__ or failure.value.__context__ is None


def test_a_busy_file_is_said_to_be_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is held too long is trouble that passes."""
    monkeypatch.setattr("exeat.store.database.BUSY_S", 0.05)
    one, other = open_database(default_url(tmp_path)), open_database(default_url(tmp_path))
    migrate(one)
    with writing(one), pytest.raises(StoreAwayError, match="is busy"), writing(other):
        pass
    one.dispose()
    other.dispose()
