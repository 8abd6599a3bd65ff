"""Places with a database and nothing in it: SQLite in the data directory, or one of a PostgreSQL server."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.admin.place import Place
from tests.support.postgres import Postgres, postgres

ENV = {"GITHUB_TOKEN": "a-token-of-some-length"}


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a database, to be copied."""
    made = Place(tmp_path_factory.mktemp("fresh"))
    made.do("migrate")
    return made.folder / "exeat-data"


@pytest.fixture
def place(fresh: Path, tmp_path: Path) -> Place:
    """A data directory of its own, with a database."""
    shutil.copytree(fresh, tmp_path / "exeat-data")
    return Place(tmp_path, ENV)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A database of either kind."""
    if request.param == "sqlite":
        found: Place = request.getfixturevalue("place")
        return found
    running: Postgres = request.getfixturevalue("server")
    made = Place(tmp_path, {**ENV, "EXEAT_DATABASE_URL": running.make_database()})
    made.do("migrate")
    return made
