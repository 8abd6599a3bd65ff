"""An admin API on SQLite, and for a representative part on both databases."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from exeat.store.database import open_database
from exeat.store.migrate import migrate
from tests.admin.service import LOCAL, Api, World, calling
from tests.store.conftest import _EMPTY, DATABASE, server
from tests.support.postgres import Postgres

__all__ = ["server"]


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the tables, to be copied: making them takes ten times as long."""
    file = tmp_path_factory.mktemp("tables") / "exeat.db"
    engine = open_database(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


def _sqlite(tables: Path, folder: Path) -> str:
    shutil.copy(tables, folder / "exeat.db")
    return f"sqlite:///{folder}/exeat.db"


@pytest.fixture
def engine(tables: Path, tmp_path: Path) -> Iterator[Engine]:
    """A database with the tables, all of them empty."""
    opened = open_database(_sqlite(tables, tmp_path))
    yield opened
    opened.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_engine(request: pytest.FixtureRequest, tables: Path, tmp_path: Path) -> Iterator[Engine]:
    """Either database."""
    if request.param == "sqlite":
        url = _sqlite(tables, tmp_path)
    else:
        running: Postgres = request.getfixturevalue("server")
        running.run(_EMPTY, DATABASE)
        url = running.url(DATABASE)
    opened = open_database(url)
    yield opened
    opened.dispose()


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    """What an API is built on."""
    return World(tmp_path, engine)


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    """A caller who may do everything."""
    with calling(world, acting_as=LOCAL) as caller:
        yield caller


@pytest.fixture
def either_api(either_engine: Engine, tmp_path: Path) -> Iterator[Api]:
    """The same, on either database."""
    with calling(World(tmp_path, either_engine), acting_as=LOCAL) as caller:
        yield caller
