"""Requests and answers of every kind: bodies that can be read in two ways, sizes, faults, and the fields of answers."""

import threading
from typing import Any

import pytest
from sqlalchemy import Engine

from exeat.admin.answers import Problem
from exeat.admin.codes import MEANINGS
from exeat.admin.services import Checked
from exeat.store.database import is_sqlite, open_database
from exeat.store.failure import StoreAwayError
from tests.admin.service import LOCAL, UPSTREAM, Api, World, calling

JSON = {"Content-Type": "application/json"}
PATH = "/upstreams/github"


@pytest.mark.parametrize(
    "body",
    [
        b"{", b'{"url": NaN}', b'{"url": "a", "url": "b"}', b'{"url": "\\ud800"}', b"\xff", b"[" * 40 + b"]" * 40,
        b"[" * 100_000, b'{"url": 1e999}', b'{"a":' * 50 + b"1" + b"}" * 50,
    ],
)  # fmt: skip
def test_bodies_that_are_no_json(api: Api, body: bytes) -> None:
    """What isn't JSON, or what two readers could read in two ways, is refused."""
    assert api.refused("PUT", PATH, content=body, headers=JSON) == (400, "malformed-request")


def test_media_types(api: Api) -> None:
    """A body says what it is."""
    assert api.refused("PUT", PATH, content=b"{}") == (415, "unsupported-media-type")
    for media_type in "text/plain", "application/merge-patch+json":
        assert api.refused("PUT", PATH, content=b"{}", headers={"Content-Type": media_type})[0] == 415
    assert (
        api.ask("PUT", PATH, UPSTREAM, headers={"Content-Type": "application/json; charset=utf-8"}).status_code == 200
    )


def test_no_body(api: Api) -> None:
    """A body that is missing is a fault of the body."""
    assert set(api.problems("PUT", PATH)) == {""}
    assert set(api.problems("POST", "/keys")) == {""}


def test_sizes(api: Api) -> None:
    """A body may have 1 MiB, whether or not it says how much it is; a document more."""
    large = b'{"url": "' + b"x" * (1 << 20) + b'"}'

    async def parts() -> Any:
        yield large

    assert api.refused("PUT", PATH, content=large, headers=JSON) == (413, "body-too-large")
    assert api.refused("PUT", PATH, content=parts(), headers=JSON) == (413, "body-too-large")
    spaces = b"{}" + b" " * (2 << 20)
    assert api.ask("POST", "/apply", content=spaces, headers=JSON).status_code == 200


def test_paths_and_methods(api: Api) -> None:
    """What isn't there is told as problem+json, too."""
    for path in ("/nothing", "/upstreams/", "/"):
        assert api.refused("GET", path) == (404, "not-found")
    response = api.ask("DELETE", "/status")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")
    assert response.json()["code"] == "method-not-allowed"
    assert api.ask("OPTIONS", PATH).headers["allow"] == "DELETE, GET, PATCH, PUT"


@pytest.mark.parametrize("path", ["/status", "/nothing", "/upstreams", "/export?format=yaml"])
def test_careful_fields(api: Api, path: str) -> None:
    """Every answer keeps browsers careful and caches out, and has an id of its own."""
    first, second = api.ask("GET", path), api.ask("GET", path)
    assert first.headers["content-security-policy"].startswith("default-src 'none'")
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["exeat-request-id"] != second.headers["exeat-request-id"]
    assert not {name for name in first.headers if name.startswith("access-control")}


def test_fault_of_exeat(world: World) -> None:
    """What nobody expected is answered without a detail, and reported."""

    def fail(_: object) -> Checked:
        raise RuntimeError("a secret detail")

    with calling(world, acting_as=LOCAL, check=fail) as api:
        response = api.ask("PUT", PATH, UPSTREAM)
        assert (response.status_code, response.json()["code"]) == (500, "internal")
        assert "secret detail" not in response.text
        assert response.json()["request_id"] == response.headers["exeat-request-id"]
        assert [str(error) for error in world.reported] == ["a secret detail"]
        assert api.get("/upstreams")["items"] == []


def test_database_that_is_away(world: World, tmp_path: Any) -> None:
    """A database that can't be used is told as that, without more."""
    world.engine = open_database(f"sqlite:///{tmp_path}/nowhere/exeat.db")
    with calling(world, acting_as=LOCAL) as api:
        assert api.refused("GET", "/upstreams") == (503, "database-unavailable")
    with calling(world, token="exeat_admin_x" * 3) as stranger:
        assert stranger.refused("GET", "/upstreams") == (401, "not-authenticated")
    with calling(world, token="x" * 40) as stranger:
        answer = stranger.ask("GET", "/upstreams")
        assert (answer.status_code, answer.json()["detail"]) == (503, "The database can't be used now.")


def test_pages_of_errors(api: Api) -> None:
    """Each code's `type` leads to what it means."""
    problem = Problem(**api.ask("GET", "/upstreams/none").json())
    page = api.get(problem.type.removeprefix("/api/v1"))
    assert (page["code"], page["title"]) == (problem.code, problem.title)
    assert all(api.get(f"/errors/{code}")["status"] == meaning.status for code, meaning in MEANINGS.items())
    assert api.refused("GET", "/errors/nothing") == (404, "not-found")


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "x"}, {"limit": "1001"}, {"after": "a\0"}])
def test_parameters(api: Api, params: dict[str, str]) -> None:
    """A parameter that can't be is named."""
    assert api.refused("GET", "/upstreams", params=params) == (400, "malformed-request")


def test_reasons(api: Api) -> None:
    """The reason of a change is kept with its revision; it is one line."""
    api.fine("PUT", PATH, UPSTREAM, params={"why": "for the shop: Ä"})
    assert api.get("/revisions/1")["why"] == "for the shop: Ä"
    assert api.refused("PUT", PATH, UPSTREAM, params={"why": "a\nb"})[0] == 400


def test_editors_at_once(either_engine: Engine, tmp_path: Any) -> None:
    """Editors who work at once wait for each other: of two that saw the same version one is told so."""
    world = World(tmp_path, either_engine)
    with calling(world, acting_as=LOCAL) as api:
        api.fine("PUT", PATH, UPSTREAM)
    statuses: list[int] = []

    def edit(number: int) -> None:
        with calling(world, acting_as=LOCAL) as editor:
            data = {"url": f"https://{number}.example.com"}
            statuses.append(editor.ask("PUT", PATH, data, tag='"1"').status_code)
            statuses.append(editor.ask("PUT", f"/upstreams/of-{number}", data).status_code)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(412)) == (9, 7)
    assert sorted(world.revisions) == list(range(1, 11))


def test_record_of_what_could_not_be_kept(either_engine: Engine, tmp_path: Any) -> None:
    """Where the database fails after a change was recorded, a second record takes the first one back."""
    world = World(tmp_path, either_engine)

    def lose(*change: Any) -> bool:
        kept = world.audit(*change)
        if change[1] != "undo" and not is_sqlite(either_engine):
            idle = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            with either_engine.connect() as connection:
                connection.exec_driver_sql(idle)
        elif change[1] != "undo":
            raise StoreAwayError("The database is gone.")
        return kept

    with calling(world, acting_as=LOCAL, audit=lose) as api:
        assert api.refused("PUT", PATH, UPSTREAM) == (503, "database-unavailable")
        assert api.get("/upstreams")["items"] == []
    is_told = not is_sqlite(either_engine)
    assert [record.action for record in world.records] == (["create", "undo"] if is_told else ["create"])
    assert world.revisions == []


def test_status(api: Api) -> None:
    """The status has the revision, and what the process that serves says."""
    api.fine("PUT", PATH, UPSTREAM)
    with calling(api.world, acting_as=LOCAL, status=lambda: {"instance": "i", "revision": "of the process"}) as other:
        shown = other.get("/status")
    assert (shown["revision"], shown["instance"], shown["time"]) == (1, "i", "2026-09-22T12:00:00Z")
