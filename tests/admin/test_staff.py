"""Administrators and tokens."""

from collections.abc import Iterator

import pytest

from exeat.admin.bootstrap import NotRecordedError, bootstrap
from exeat.admin.last_use import LastUse
from exeat.admin.services import Members
from exeat.admin.shown import render_time
from exeat.model.secret import Secret
from exeat.store.configuration.people import list_administrators
from tests.admin.service import NOW, PASSWORD, Api, World, calling
from tests.support.markers import MARKERS


@pytest.fixture
def ada(world: World) -> Iterator[Api]:
    """The only administrator."""
    with calling(world, token=world.administrator("ada")) as api:
        yield api


def test_life_of_an_administrator(ada: Api) -> None:
    """An administrator is made, changed, disabled and removed; their password is in no answer and no record."""
    password = MARKERS.make("password")
    made = ada.ask("POST", "/administrators", {"name": "bob", "role": "operator", "password": password})
    assert made.status_code == 201
    assert made.json()["has_password"]
    assert ada.refused("POST", "/administrators", {"name": "bob", "role": "viewer"}) == (409, "exists")
    changed = ada.fine("PATCH", "/administrators/bob", {"role": "viewer"}, tag=made.headers["etag"])
    assert (changed["role"], changed["disabled"], changed["has_password"]) == ("viewer", False, True)
    assert ada.refused("PATCH", "/administrators/bob", {"role": "viewer"}, tag=made.headers["etag"]) == (412, "stale")
    with calling(ada.world) as bob:
        assert bob.ask("POST", "/session", {"name": "bob", "password": password}).status_code == 201
        assert ada.fine("PATCH", "/administrators/bob", {"disabled": True}, tag="*")["disabled"]
        assert bob.refused("GET", "/session") == (401, "not-authenticated")
        assert bob.refused("POST", "/session", {"name": "bob", "password": password}) == (401, "log-in-failed")
    assert [one["name"] for one in ada.get("/administrators")["items"]] == ["ada", "bob"]
    assert ada.ask("DELETE", "/administrators/bob", tag="*").status_code == 204
    assert ada.refused("GET", "/administrators/bob") == (404, "not-found")
    assert password not in repr((ada.get("/revisions"), ada.world.records))


def test_last_administrator(ada: Api) -> None:
    """The last one who can change administrators stays one."""
    for method, body in ("DELETE", None), ("PATCH", {"role": "viewer"}), ("PATCH", {"disabled": True}):
        assert ada.refused(method, "/administrators/ada", body, tag="*") == (409, "conflict")


def test_wrong_administrators(ada: Api) -> None:
    """Name, role and password of a new administrator are checked together."""
    wanted = {"name": "B ob", "role": "boss", "password": 1}
    assert set(ada.problems("POST", "/administrators", wanted)) == {"/name", "/role", "/password"}
    short = {"name": "bob", "role": "viewer", "password": "short"}
    assert set(ada.problems("POST", "/administrators", short)) == {"/password"}
    dry = ada.ask("POST", "/administrators", {**short, "password": PASSWORD}, params={"dry_run": "true"})
    assert dry.status_code == 200
    assert [one["name"] for one in ada.get("/administrators")["items"]] == ["ada"]


def test_tokens(ada: Api) -> None:
    """A token is shown once, works until it is revoked, and is listed for its owner and for administrators."""
    ada.fine("POST", "/administrators", {"name": "bob", "role": "operator"})
    made = ada.fine("POST", "/tokens", {"administrator": "bob", "label": "CI", "expires_in": "90d"})
    assert made["role"] == "operator"
    with calling(ada.world, token=made["token"]) as bob:
        assert bob.get("/session")["way"] == "token"
        assert [token["id"] for token in bob.get("/tokens")["items"]] == [made["id"]]
        assert bob.refused("POST", "/tokens", {"administrator": "ada"}) == (403, "role-too-low")
        assert set(bob.problems("POST", "/tokens", {"role": "administrator"})) == {"/role"}
        of_ada = next(token for token in ada.get("/tokens")["items"] if token["administrator"] == "ada")
        assert bob.refused("DELETE", f"/tokens/{of_ada['id']}") == (404, "not-found")
        own = bob.fine("POST", "/tokens", {"role": "viewer"})
        assert own["expires_at"] == made["expires_at"]
        assert bob.ask("DELETE", f"/tokens/{own['id']}").status_code == 204
        assert bob.refused("GET", "/session", headers={"Authorization": f"Bearer {own['token']}"})[0] == 401
        ada.world.now += 91 * 86400
        assert bob.refused("GET", "/session") == (401, "not-authenticated")
    assert {token["state"] for token in ada.get("/tokens")["items"]} == {"active", "revoked", "expired"}
    assert made["token"] not in repr((ada.get("/tokens"), ada.get("/revisions"), ada.world.records))


def test_last_use(ada: Api) -> None:
    """When a token was last used is kept, at first and then each minute; no revision is made of it."""
    last_use: LastUse = ada.app.state.last_use
    for now, known in (NOW, NOW), (NOW + 30, NOW), (NOW + 61, NOW + 61):
        ada.world.now = now
        ada.get("/session")
        last_use.settle()
        [token] = ada.get("/tokens")["items"]
        assert token["last_used_at"] == render_time(int(known * 1_000_000))
    assert [one["number"] for one in ada.get("/revisions")["items"]] == [1]


def test_first_start(world: World) -> None:
    """The first start makes one administrator, whose token is given once; the second start makes nobody."""
    made = bootstrap(world.engine, None, audit=world.audit, now_us=1)
    assert made is not None
    MARKERS.add("first token", made.reveal())
    assert bootstrap(world.engine, None, audit=world.audit, now_us=2) is None
    with calling(world, token=made.reveal()) as api:
        assert api.get("/session")["role"] == "administrator"
    assert [one.name for one in list_administrators(world.engine)] == ["admin"]
    created = [(record.actor, record.action, record.what.partition("/")[0]) for record in world.records]
    assert created == [("start", "create", "administrator"), ("start", "create", "token")]
    assert made.reveal() not in str(world.records)


def test_first_start_without_records(world: World) -> None:
    """A first administrator who can't be recorded isn't made; what was recorded before is taken back."""
    kept: list[str] = []

    def audit(_actor: str, action: str, what: str, _before: Members, _after: Members) -> bool:
        kept.append(f"{action} {what.partition('/')[0]}")
        return action == "undo" or len(kept) == 1

    with pytest.raises(NotRecordedError):
        bootstrap(world.engine, None, audit=audit, now_us=1)
    assert kept == ["create administrator", "create token", "undo administrator"]
    assert list_administrators(world.engine) == []


def test_first_start_with_a_token(world: World) -> None:
    """A token of the settings is the first administrator's, and isn't given back; one that is too short is refused."""
    with pytest.raises(ValueError, match="at least"):
        bootstrap(world.engine, Secret("short"), audit=world.audit, now_us=1)
    assert list_administrators(world.engine) == []
    text = MARKERS.make("chosen token") + "-of-the-settings"
    assert bootstrap(world.engine, Secret(text), audit=world.audit, now_us=1) is None
    with calling(world, token=text) as api:
        assert api.get("/session")["administrator"] == "admin"
