"""Keys: made, shown once, changed, rotated with a grace, revoked."""

import hashlib

import pytest

from exeat.model.key import is_well_formed
from exeat.store.configuration.stored import read_stored
from tests.admin.service import NOW, Api
from tests.support.markers import MARKERS


@pytest.fixture
def web(either_api: Api) -> Api:
    """An API with a consumer."""
    either_api.fine("PUT", "/consumers/web", {"grants": ["*"]})
    return either_api


def make(api: Api, **wanted: object) -> dict[str, object]:
    """A new key."""
    made: dict[str, object] = api.fine("POST", "/keys", {"consumer": "web", **wanted})
    MARKERS.add_key(str(made["key"]))
    return made


def test_made_and_shown_once(web: Api) -> None:
    """A new key is well-formed and shown in one answer alone; what is kept is its digest."""
    made = make(web, label="CI", expires_in="90d", networks=["10.0.0.0/8"])
    text = str(made.pop("key"))
    assert is_well_formed(text.encode())
    assert (made["label"], made["state"], made["created_by"]) == ("CI", "active", "local")
    assert made["expires_at"] == "2026-12-21T12:00:00Z"
    assert web.get(f"/keys/{made['id']}") == {**made, "warnings": []}
    assert text not in repr((web.get("/keys"), web.get("/revisions/2"), web.world.records))
    [stored] = read_stored(web.world.engine).keys
    assert stored.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert stored.sha256 not in repr((web.get("/keys"), web.get("/revisions/2"), web.world.records))


def test_list(web: Api) -> None:
    """Keys are listed by consumer and in pages."""
    web.fine("PUT", "/consumers/other", {"grants": ["*"]})
    ids = sorted(str(make(web)["id"]) for _ in range(3))
    MARKERS.add_key(web.fine("POST", "/keys", {"consumer": "other"})["key"])
    first = web.get("/keys", consumer="web", limit=2)
    assert [key["id"] for key in first["items"]] == ids[:2]
    assert [key["id"] for key in web.get("/keys", consumer="web", after=first["next"])["items"]] == ids[2:]


def test_change(web: Api) -> None:
    """Label, networks and end of a key can be changed, with its version."""
    made = make(web, expires_in="1h")
    path = f"/keys/{made['id']}"
    assert web.refused("PATCH", path, {"label": "x"}) == (428, "version-missing")
    changed = web.fine("PATCH", path, {"label": "x", "expires_at": None}, tag=web.tag(path))
    assert (changed["label"], changed["expires_at"], changed["networks"]) == ("x", None, [])
    faulty = web.problems("PATCH", path, {"networks": ["10.0.0.0/99"]}, tag="*")
    assert set(faulty) == {"/networks/0"}
    assert set(web.problems("PATCH", path, {"expires_in": "never"}, tag="*")) == {"/expires_in"}


@pytest.mark.parametrize(("grace", "seconds"), [("1h", 3600), ("24h", 86400), ("7d", 7 * 86400)])
def test_rotation_with_grace(web: Api, grace: str, seconds: int) -> None:
    """A rotated key works on for its grace, and its successor says whom it replaces."""
    old = make(web, label="CI", networks=["10.0.0.0/8"])
    made = web.fine("POST", f"/keys/{old['id']}/rotate", {"grace": grace})
    MARKERS.add_key(made["key"])
    assert (made["replaces"], made["label"], made["networks"]) == (old["id"], "CI", ["10.0.0.0/8"])
    keys = {key.id: key for key in read_stored(web.world.engine).keys}
    assert keys[str(old["id"])].expires_at == NOW + seconds
    assert keys[made["id"]].expires_at is None


def test_grace_prolongs_nothing(web: Api) -> None:
    """A key that would have ended earlier ends then; its successor gets as long a life as it had."""
    old = make(web, expires_in="2h")
    web.world.now += 3600
    made = web.fine("POST", f"/keys/{old['id']}/rotate", {"grace": "7d"})
    MARKERS.add_key(made["key"])
    assert web.get(f"/keys/{old['id']}")["expires_at"] == old["expires_at"]
    assert made["expires_at"] == "2026-09-22T15:00:00Z"


def test_rotation_at_once(web: Api) -> None:
    """Without a grace the old key is revoked in the same revision, and can't be rotated again."""
    old = make(web)
    made = web.fine("POST", f"/keys/{old['id']}/rotate", {"grace": "immediate"})
    MARKERS.add_key(made["key"])
    assert web.refused("POST", f"/keys/{made['id']}/rotate", {}, tag='"9"') == (412, "stale")
    assert web.get(f"/keys/{old['id']}")["state"] == "revoked"
    assert web.world.revisions == [1, 2, 3]
    assert web.refused("POST", f"/keys/{old['id']}/rotate", {"grace": "1h"}) == (409, "conflict")


def test_revocation(web: Api) -> None:
    """A key is taken back without a version, even where the document is faulty, and stays so."""
    made = make(web)
    web.world.document = "upstreams: {bad: {}}\n"
    assert web.refused("POST", f"/keys/{made['id']}/revoke", tag='"9"') == (412, "stale")
    assert web.fine("POST", f"/keys/{made['id']}/revoke")["state"] == "revoked"
    web.fine("POST", f"/keys/{made['id']}/revoke")
    assert web.world.revisions == [1, 2, 3]
    assert web.refused("POST", "/keys/nobody/revoke") == (404, "not-found")


def test_rotation_where_a_file_is_broken(web: Api) -> None:
    """A key that has leaked can be replaced while the document has a fault of somebody else's."""
    old = make(web)
    web.world.document = "upstreams: {bad: {}}\n"
    made = web.fine("POST", f"/keys/{old['id']}/rotate", {"grace": "immediate"})
    MARKERS.add_key(made["key"])
    assert [warning["path"] for warning in made["warnings"]] == ["upstreams.bad"]
    assert web.refused("POST", "/keys", {"consumer": "web"}) == (422, "invalid")


def test_wrong_wishes(web: Api) -> None:
    """All that is wrong with a key's wishes is said at once, and no key is made."""
    wanted = {"consumer": "nobody", "expires_in": "soon"}
    assert set(web.problems("POST", "/keys", wanted)) == {"/consumer", "/expires_in"}
    assert set(web.problems("POST", "/keys", {"consumer": "web", "networks": ["::1", "x"]})) == {"/networks/1"}
    assert set(web.problems("POST", "/keys", {"label": 1, "other": 1})) == {"/consumer", "/label", "/other"}
    assert web.get("/keys")["items"] == []


def test_dry_run_makes_no_key(web: Api) -> None:
    """A dry run shows no key and makes none."""
    answer = web.ask("POST", "/keys", {"consumer": "web"}, params={"dry_run": "true"})
    assert answer.status_code == 200
    assert [change["action"] for change in answer.json()["changes"]] == ["create"]
    assert "exeat_" not in answer.text
    assert web.get("/keys")["items"] == []


def test_key_of_a_consumer_from_outside(web: Api) -> None:
    """A key may belong to a consumer that a file describes."""
    web.world.document = "consumers: {filed: {grants: ['*']}}\n"
    MARKERS.add_key(web.fine("POST", "/keys", {"consumer": "filed"})["key"])


LIMITS = [{"rate": "10/minute", "burst": 2}, {"quota": "500/month", "zone": "Europe/Berlin"}]


def test_limits_of_a_key(web: Api) -> None:
    """A key is made with limits, has others after a change, and hands them to the key that replaces it."""
    made = make(web, limits=LIMITS)
    path = f"/keys/{made['id']}"
    assert made["limits"] == web.get(path)["limits"] == LIMITS
    assert web.fine("PATCH", path, {"label": "x"}, tag="*")["limits"] == LIMITS
    assert web.fine("PATCH", path, {"limits": LIMITS[1:]}, tag="*")["limits"] == LIMITS[1:]
    new = web.fine("POST", f"{path}/rotate", {})
    MARKERS.add_key(new["key"])
    assert new["limits"] == LIMITS[1:]
    assert web.fine("PATCH", path, {"limits": []}, tag="*")["limits"] == []
    assert {key.id: list(key.limits) for key in read_stored(web.world.engine).keys} == {
        made["id"]: [],
        new["id"]: LIMITS[1:],
    }
    shown = [change for number in (2, 3, 4) for change in web.get(f"/revisions/{number}")["changes"]]
    assert [change["after"]["limits"] for change in shown] == [LIMITS, LIMITS, LIMITS[1:]]


def test_problems_of_a_keys_limits(web: Api) -> None:
    """Each has its JSON pointer, all at once with what else is wrong; nothing is made or changed."""
    wanted = {"consumer": "web", "networks": ["x"], "limits": [{"rate": "5/our"}, 5, {}, {"quota": "1/day", "nam": 1}]}
    assert set(web.problems("POST", "/keys", wanted)) == {
        "/networks/0",
        "/limits/0/rate",
        "/limits/1",
        "/limits/2",
        "/limits/3/nam",
    }
    between = [{"rate": "10/minute"}, {"rate": "5/hour"}, {"budget": "5 USD/day"}, {"rate": "9/day", "per": "key"}]
    found = {"/limits/1/rate", "/limits/2/budget", "/limits/3/per"}
    assert set(web.problems("POST", "/keys", {"consumer": "web", "limits": between})) == found
    made = make(web)
    assert set(web.problems("PATCH", f"/keys/{made['id']}", {"limits": between}, tag="*")) == found
    assert set(web.problems("PATCH", f"/keys/{made['id']}", {"limits": {"rate": "5/day"}}, tag="*")) == {"/limits"}
    assert len(web.get("/keys")["items"]) == 1


def test_pair_for_clients_of_aws(web: Api) -> None:
    """Where it is asked for, the answer that shows a key shows the pair of it too, and no other answer does."""
    made = make(web, aws=True)
    rotated = web.fine("POST", f"/keys/{made['id']}/rotate", {"aws": True})
    MARKERS.add_key(rotated["key"])
    for one in (made, rotated):
        pair = web.world.sealer.pair_of(str(one["id"]))
        assert one["aws"] == {"access_key_id": f"EXEAT{one['id']}", "secret_access_key": pair.secret.reveal()}
        assert pair.secret.reveal() not in repr((web.get("/keys"), web.get("/revisions/2"), web.world.records))
    assert "aws" not in make(web)
