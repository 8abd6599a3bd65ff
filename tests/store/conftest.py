"""Both databases, empty and migrated: each test of the store runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from exeat.store.database import open_database
from exeat.store.migrate import migrate
from tests.support.postgres import Postgres, postgres

DATABASE = "exeat"
_EMPTY = """
DO $$
DECLARE day regclass; other text;
BEGIN
    FOR day IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'records'::regclass LOOP
        EXECUTE format('DROP TABLE %s', day);
    END LOOP;
    FOR other IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'records') LOOP
        EXECUTE format('TRUNCATE %I RESTART IDENTITY CASCADE', other);
    END LOOP;
END $$;
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server with a database that holds the tables."""
    with postgres() as running:
        running.run(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        engine = open_database(running.url(DATABASE))
        migrate(engine)
        engine.dispose()
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/exeat.db"
    running: Postgres = request.getfixturevalue("server")
    return running.make_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the tables, all of them empty."""
    if request.param == "postgresql":
        running: Postgres = request.getfixturevalue("server")
        # A database of its own for each test would be another 8 MB to copy; this is ten times as fast.
        running.run(_EMPTY, DATABASE)
        return running.url(DATABASE)
    engine = open_database(f"sqlite:///{tmp_path}/exeat.db")
    migrate(engine)
    engine.dispose()
    return f"sqlite:///{tmp_path}/exeat.db"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """A database with the tables."""
    opened = open_database(url)
    yield opened
    opened.dispose()
