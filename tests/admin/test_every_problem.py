"""A rejected write says all of its problems, each with its JSON pointer, and leaves everything as it was."""

from collections.abc import Iterator

import pytest

from exeat.config.display import MASK
from exeat.store.configuration.stored import read_stored
from tests.admin.service import PASSWORD, UPSTREAM, Api, World, calling
from tests.support.markers import MARKERS

Case = tuple[str, str, object, set[str]]
HALF = "a-${B}"  # a secret that is neither text nor a reference
CASES: list[Case] = [
    ("PUT", "/upstreams/new", {"url": "ftp://x", "methods": ["G T"], "other": 1}, {"/url", "/methods", "/other"}),
    ("PUT", "/upstreams/new", {"url": "ftp://x", "credential": {"kind": "bearer", "secret": MASK}},
     {"/url", "/credential/secret"}),
    ("PUT", "/upstreams/new", {"url": "ftp://x", "credential": {"kind": "bearer", "secret": HALF}},
     {"/url", "/credential/secret"}),
    ("PUT", "/upstreams/New_", {"url": "ftp://x"}, {"", "/url"}),
    ("PATCH", "/upstreams/github", {"url": "ftp://x", "timeout": {"connect": "x", "idle": MASK}},
     {"/url", "/timeout/connect", "/timeout/idle"}),
    ("PUT", "/consumers/new", {"grants": ["nobody", {"upstream": "github", "methods": ["G T"]}], "networks": ["x"]},
     {"/grants/0", "/grants/1/methods", "/networks"}),
    ("PATCH", "/consumers/web", {"grants": ["nobody"], "networks": ["x"], "other": MASK},
     {"/grants/0", "/networks", "/other"}),
    ("PUT", "/destinations/new.example.com", {"host": "other.example.com", "private": ["x"], "mode": "y"},
     {"/host", "/private", "/mode"}),
    ("PUT", "/sections/cors", {"origins": ["x"], "max_age": "y", "other": MASK}, {"/origins", "/max_age", "/other"}),
    ("POST", "/keys", {"consumer": "nobody", "label": 1, "expires_in": "soon", "networks": ["::1", "x"], "other": 1},
     {"/consumer", "/label", "/expires_in", "/networks/1", "/other"}),
    ("PATCH", "/keys/KEY", {"label": "a\n", "expires_at": "soon", "networks": ["x"]},
     {"/label", "/expires_at", "/networks/0"}),
    ("POST", "/keys/KEY/rotate", {"grace": "2h", "expires_in": "soon"}, {"/grace", "/expires_in"}),
    ("POST", "/upstreams/github/endpoints/trip", {"endpoint": 1, "for": "soon", "other": 1},
     {"/endpoint", "/for", "/other"}),
    ("POST", "/upstreams/github/endpoints/reset", {"endpoint": "a\n", "for": "1h"}, {"/endpoint", "/for"}),
    ("PUT", "/credentials/New_", {"value": MASK}, {"", "/value"}),
    ("PUT", "/credentials/New_", {"value": 1, "other": 1}, {"", "/value", "/other"}),
    ("POST", "/administrators", {"name": "B ob", "role": "boss", "password": "short"}, {"/name", "/role", "/password"}),
    ("PATCH", "/administrators/ada", {"role": "boss", "disabled": 2, "password": "ada" * 4},
     {"/role", "/disabled", "/password"}),
    ("POST", "/tokens", {"administrator": "nobody", "label": 1, "expires_at": "1999-01-01"},
     {"/administrator", "/label", "/expires_at"}),
    ("POST", "/tokens", {"administrator": "low", "role": "administrator", "expires_in": "soon", "other": 1},
     {"/role", "/expires_in", "/other"}),
    ("POST", "/session", {"name": 1, "password": 2, "other": 3}, {"/name", "/password", "/other"}),
    ("POST", "/apply",
     {"upstreams": {"new": {"url": "ftp://x"}, "New_": UPSTREAM}, "other": 1, "consumers": {"new": {"grants": ["no"]}},
      "destinations": ["a.example.com", {"host": "b.example.com", "private": ["x"]}], "cors": {"origins": ["x"]}},
     {"/upstreams/new/url", "/upstreams/New_", "/other", "/consumers/new/grants/0", "/destinations/1/private",
      "/cors/origins"}),
]  # fmt: skip


@pytest.fixture
def ada(world: World) -> Iterator[Api]:
    """An administrator, and one thing of each kind."""
    token = world.administrator("ada", password=PASSWORD)
    world.administrator("low", "viewer")
    with calling(world, token=token) as api:
        api.fine("PUT", "/upstreams/github", UPSTREAM)
        api.fine("PUT", "/consumers/web", {"grants": ["github"]})
        yield api


@pytest.mark.parametrize(("method", "path", "body", "pointers"), CASES)
def test_every_problem(ada: Api, method: str, path: str, body: object, pointers: set[str]) -> None:
    """Problems of the schema, of what is there, and of the whole configuration come in one answer."""
    made = ada.fine("POST", "/keys", {"consumer": "web"})
    MARKERS.add_key(made["key"])
    before = read_stored(ada.world.engine)
    records = len(ada.world.records)
    headers = {"If-Match": "*"} if method == "PATCH" else {}
    found = ada.problems(method, path.replace("KEY", made["id"]), body, headers=headers)
    assert set(found) == pointers
    assert all(found.values())
    assert read_stored(ada.world.engine) == before
    assert len(ada.world.records) == records


def test_what_is_no_business_of_theirs(ada: Api) -> None:
    """Who may not make tokens of others isn't told who there is, whatever else is wrong with the body."""
    low = ada.fine("POST", "/tokens", {"administrator": "low"})
    with calling(ada.world, token=low["token"]) as viewer:
        for name in "ada", "nobody":
            assert set(viewer.problems("POST", "/tokens", {"administrator": name, "label": 1})) == {"/label"}
