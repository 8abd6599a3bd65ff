"""Who may do what: tokens, roles over every route, and what a session's cookie may be used for."""

from collections.abc import Iterator

import pytest

from exeat.admin.app import describe_only
from exeat.admin.roles import LEAST, PREFIX, Role
from exeat.admin.route import GuardedRoute
from exeat.admin.services import draw_symbols
from exeat.model.admin_token import make_token
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from tests.admin.service import UPSTREAM, Api, World, calling

ROUTES = [
    (method, route.path)
    for route in describe_only().routes
    if isinstance(route, GuardedRoute)
    for method in sorted(route.methods or ())
]
FILLED = {"{name}": "nobody", "{id}": "nobody", "{number}": "77", "{code}": "stale"}


def fill(path: str) -> str:
    """A path of the kind, of something that isn't there."""
    for part, value in FILLED.items():
        path = path.replace(part, value)
    return path.removeprefix(PREFIX)


def test_table_has_every_route() -> None:
    """Every route has its least role in the table, and the table has nothing else."""
    table = {(method, PREFIX + path) for path, roles in LEAST.items() for method in roles}
    assert table == set(ROUTES)


@pytest.fixture
def staff(world: World) -> Iterator[dict[str, Api]]:
    """Somebody of each role, and somebody without."""
    tokens = {role.word: world.administrator(role.word, role.word) for role in Role}
    with (
        calling(world, token=tokens["viewer"]) as viewer,
        calling(world, token=tokens["operator"]) as operator,
        calling(world, token=tokens["administrator"]) as administrator,
        calling(world) as nobody,
    ):
        yield {"viewer": viewer, "operator": operator, "administrator": administrator, "nobody": nobody}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_roles(staff: dict[str, Api], method: str, path: str) -> None:
    """Each role may use exactly the routes that the table gives it; without a log-in there is nearly nothing."""
    least = LEAST[path.removeprefix(PREFIX)][method]
    body: object = {} if method in {"POST", "PUT", "PATCH"} else None
    for word, api in staff.items():
        response = api.ask(method, fill(path), body)
        assert response.status_code < 500
        code = response.headers.get("exeat-error")
        if least is None:
            assert code not in {"role-too-low", "not-authenticated"}
        elif word == "nobody":
            assert (response.status_code, code) == (401, "not-authenticated")
        else:
            allowed = next(role for role in Role if role.word == word) >= least
            assert (code == "role-too-low") != allowed, (word, response.text)


def test_tokens_that_are_not_good(world: World) -> None:
    """A token that is unknown, mistyped, expired, revoked, or of somebody disabled or removed opens nothing."""
    good = world.administrator("ada")
    world.administrator("bob")
    with calling(world) as api:
        for wrong in (
            "Bearer", f"Basic {good}", f"Bearer {good}x", f"Bearer {make_token(draw_symbols).token.reveal()}",
        ):  # fmt: skip
            sent = {"Authorization": wrong}
            assert api.refused("GET", "/status", headers=sent) == (401, "not-authenticated"), wrong
        assert api.ask("GET", "/status", headers={"Authorization": f"bearer {good}"}).status_code == 200
        answer = api.ask("GET", "/status")
        assert answer.headers["www-authenticate"] == 'Bearer realm="exeat"'
        headers = {"Authorization": f"Bearer {good}"}
        for disabled in (True, False):
            with editing(world.engine, Author("test"), now_us=1) as edit:
                edit.put_administrator("ada", role="administrator", disabled=disabled)
            assert api.ask("GET", "/status", headers=headers).status_code == (401 if disabled else 200)
        with editing(world.engine, Author("test"), now_us=1) as edit:
            edit.remove_administrator("ada")
        assert api.refused("GET", "/status", headers=headers) == (401, "not-authenticated")


def test_token_is_no_more_than_its_administrator(world: World) -> None:
    """Where an administrator's role is lowered, that of their tokens is too."""
    world.administrator("root")
    token = world.administrator("ada")
    with calling(world, token=token) as api:
        api.get("/administrators")
        with editing(world.engine, Author("test"), now_us=1) as edit:
            edit.put_administrator("ada", role="viewer")
        assert api.refused("GET", "/administrators") == (403, "role-too-low")
        assert api.get("/session")["role"] == "viewer"


def test_wrong_token_is_not_helped_by_a_cookie(world: World) -> None:
    """A request with an Authorization is judged by that alone."""
    world.administrator("ada")
    with calling(world) as api:
        headers = {"Authorization": "Bearer nothing", "Cookie": "exeat_session=anything"}
        assert api.refused("GET", "/status", headers=headers) == (401, "not-authenticated")


def test_records_name_the_token(world: World) -> None:
    """What is done with a token is recorded under its administrator's name and its id."""
    token = world.administrator("ada")
    with calling(world, token=token) as api:
        api.fine("PUT", "/upstreams/github", UPSTREAM)
    assert world.records[0].actor == f"ada/{token[12:24]}"


def test_body_of_a_stranger_is_not_read(world: World) -> None:
    """Nobody's body is read before it is known that they may send it."""
    with calling(world) as api:
        assert api.refused("POST", "/apply", content=b"{" * (2 << 20)) == (401, "not-authenticated")
