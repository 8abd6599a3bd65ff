"""Whatever the published document allows or forbids, each operation answers it as the document says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exeat.admin.app import build_app
from exeat.admin.roles import LEAST, PREFIX
from exeat.store.database import open_database
from tests.admin.published import (
    BODIES,
    OPERATIONS,
    SCHEMA,
    Case,
    Prepared,
    Stage,
    aimed,
    answer_with,
    boundaries,
    conditions,
    fill,
    searches,
    send,
)
from tests.admin.service import LOCAL, World, documented
from tests.store.conftest import _EMPTY, DATABASE
from tests.support.postgres import Postgres

every_operation = pytest.mark.parametrize("name", OPERATIONS)


@pytest.fixture(scope="session")
def prepared(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """What each test begins with."""
    return Prepared(tmp_path_factory.mktemp("prepared"), tables)


@pytest.fixture
def stage(prepared: Prepared, tmp_path: Path) -> Iterator[Stage]:
    """Where requests are sent to."""
    made = Stage(prepared, tmp_path / "copy")
    yield made
    made.close()


def draw(count: int, *strategies: st.SearchStrategy[Case]) -> Callable[[Callable[[Case], object]], None]:
    """Call something with the same cases in every run."""

    def run(use: Callable[[Case], object]) -> None:
        @settings(
            max_examples=count,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.one_of(strategies))
        def use_each(case: Case) -> None:
            use(case)

        use_each()

    return run


def _count(name: str, usual: int) -> int:
    """How many requests to draw: each whole document takes a third of a second, and its boundaries do more."""
    return 1 if name == "apply" else usual


@every_operation
def test_with_a_token(stage: Stage, name: str) -> None:
    """An administrator's requests, right and wrong ones, are answered as is documented, and never with a fault."""
    operation = OPERATIONS[name]
    for case in boundaries(operation, 24):
        stage.send(case)
    draw(_count(name, 6), *searches(operation))(stage.send)


@every_operation
def test_what_is_there(stage: Stage, name: str) -> None:
    """Each operation does what it is for, and what it answers then is documented, as are its refusals."""
    operation = OPERATIONS[name]
    fixed: dict[str, Any] = {"query": {}} if operation.method == "get" else {}
    if name in BODIES:
        fixed = {"body": BODIES[name], "media_type": "application/json"}
    statuses: list[int] = []
    for headers in conditions(operation):
        request = aimed(operation, stage.names, headers, **fixed)
        draw(1, request)(lambda case: statuses.append(stage.send(case).status_code))
    assert statuses[0] // 100 == 2
    draw(_count(name, 4), aimed(operation, stage.names, conditions(operation)[0]))(stage.send)


@every_operation
def test_without_a_token(stage: Stage, name: str) -> None:
    """Without a log-in each operation says that there is none, but for the few that need none."""
    operation = OPERATIONS[name]
    is_open = LEAST[operation.path.removeprefix(PREFIX)][operation.method.upper()] is None
    statuses = []
    draw(2, *searches(operation))(lambda case: statuses.append(stage.send(case, token=False).status_code))
    assert is_open or set(statuses) == {401}


def test_on_postgresql(server: Postgres, tmp_path: Path) -> None:
    """The same with the other database, which is stricter with texts and numbers."""
    server.run(_EMPTY, DATABASE)
    world = World(tmp_path, open_database(server.url(DATABASE)))
    fill(world)
    answer_with(build_app(world.services(), acting_as=LOCAL))
    for name, operation in OPERATIONS.items():
        draw(_count(name, 3), *searches(operation))(lambda case: send(case, world, {}))
    world.engine.dispose()


def test_document_is_valid() -> None:
    """The document is OpenAPI 3.1, and each operation can be found, called and filed."""
    document: dict[str, Any] = dict(documented())
    assert document["openapi"].startswith("3.1.")
    SCHEMA.validate()
    assert len(OPERATIONS) == sum(len(methods) for methods in LEAST.values())
    for name, operation in OPERATIONS.items():
        described = operation.definition.raw
        assert described["operationId"] == name
        assert described["summary"]
        assert described["tags"]
