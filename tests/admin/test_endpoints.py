"""The endpoints of an upstream: tripped, drained, reset and restored by hand, wherever the upstream is written."""

from typing import Any

import pytest

from exeat.cli.control.effect import Effect
from exeat.store.configuration.stored import read_stored
from tests.admin.service import LOCAL, NOW, UPSTREAM, Api, World, calling

A, B = "https://billing-a.internal:8443", "https://billing-b.internal:8443/v1"
BILLING = {"endpoints": [A, B], "network": {"private": ["10.0.0.0/8"]}}
ENDPOINTS = "/upstreams/billing/endpoints"


@pytest.fixture
def billing(either_api: Api) -> Api:
    """An API with an upstream of two endpoints."""
    either_api.fine("PUT", "/upstreams/billing", BILLING)
    return either_api


def states(api: Api) -> list[tuple[str, str]]:
    return [(one["endpoint"], one["state"]) for one in api.get(ENDPOINTS)["items"]]


def test_by_hand(billing: Api) -> None:
    """What is said last holds, with who said it, why and since when, and each word has a revision and a record."""
    assert states(billing) == [(A, "well"), (B, "well")]
    drained = billing.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": A}, params={"why": "a new disk"})
    assert drained["items"][0]["by_hand"] == {
        "since": "2026-09-22T12:00:00Z",
        "until": None,
        "by": "local",
        "why": "a new disk",
    }
    tripped = billing.fine("POST", f"{ENDPOINTS}/trip", {"endpoint": B, "for": "10m"})
    assert [one["until"] for one in tripped["items"]] == [None, "2026-09-22T12:10:00Z"]
    assert states(billing) == [(A, "drained"), (B, "tripped")]
    assert billing.fine("POST", f"{ENDPOINTS}/restore", {"endpoint": A})["revision"] == 4
    assert billing.fine("POST", f"{ENDPOINTS}/reset", {"endpoint": B})["revision"] == 5
    assert states(billing) == [(A, "well"), (B, "well")]
    records = [(one.action, one.what) for one in billing.world.records[1:]]
    assert records == [(action, f"endpoint/billing {url}") for action, url in
                       (("drain", A), ("trip", B), ("restore", A), ("reset", B))]  # fmt: skip
    assert billing.world.revisions == [1, 2, 3, 4, 5]


def test_a_time_ends_by_itself(billing: Api) -> None:
    """After the time that was said, the endpoint is as if nothing had been."""
    billing.fine("POST", f"{ENDPOINTS}/trip", {"endpoint": A, "for": "10m"})
    billing.world.now = NOW + 601
    assert states(billing) == [(A, "well"), (B, "well")]


@pytest.mark.parametrize("text", ["billing-a.internal:8443", "billing-a.internal", f"{A}/", A.upper()])
def test_a_part_of_the_url(billing: Api, text: str) -> None:
    """An endpoint is named by as much of its URL as no other has."""
    billing.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": text})
    assert states(billing) == [(A, "drained"), (B, "well")]


def test_which_one(billing: Api) -> None:
    """Where it isn't clear which endpoint is meant, nothing is done, and the answer lists them."""
    faults = billing.problems("POST", f"{ENDPOINTS}/trip", {})
    assert A in faults["/endpoint"]
    assert B in faults["/endpoint"]
    assert billing.refused("POST", f"{ENDPOINTS}/trip", {"endpoint": "https://c.internal"}) == (404, "not-found")
    assert billing.refused("POST", "/upstreams/billin/endpoints/trip", {}) == (404, "not-found")
    assert billing.refused("GET", "/upstreams/billin/endpoints") == (404, "not-found")
    billing.fine("PUT", "/upstreams/both", {"endpoints": ["https://a.example.com", "https://a.example.com:444"]})
    faults = billing.problems("POST", "/upstreams/both/endpoints/trip", {"endpoint": "a.example.com"})
    assert "https://a.example.com:444" in faults["/endpoint"]
    assert read_stored(billing.world.engine).endpoints == ()


def test_the_only_one_needs_no_name(either_api: Api) -> None:
    """Of an upstream with one endpoint that one is meant; the answer warns that none is left."""
    either_api.fine("PUT", "/upstreams/github", UPSTREAM)
    answer = either_api.fine("POST", "/upstreams/github/endpoints/drain", {})
    assert [one["state"] for one in answer["items"]] == ["drained"]
    assert "circuit-open" in answer["warnings"][0]["message"]


def test_reset_and_restore_mean_all(billing: Api) -> None:
    """Without a name, all endpoints of the upstream are reset or restored, in one revision."""
    for url in (A, B):
        billing.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": url})
    assert billing.fine("POST", f"{ENDPOINTS}/restore", {})["revision"] == 4
    assert billing.fine("POST", f"{ENDPOINTS}/restore", {})["revision"] == 4
    assert billing.fine("POST", f"{ENDPOINTS}/reset", {})["revision"] == 5
    assert {one.reset for one in read_stored(billing.world.engine).endpoints} == {5}


def test_versions(billing: Api) -> None:
    """A change may say what it is based on, and is refused when that isn't so any more; it needn't."""
    tag = billing.tag(ENDPOINTS)
    billing.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": A}, tag=tag)
    assert billing.refused("POST", f"{ENDPOINTS}/drain", {"endpoint": B}, tag=tag) == (412, "stale")
    billing.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": B}, tag=billing.tag(ENDPOINTS))


def test_a_dry_run_does_nothing(billing: Api) -> None:
    """It says what would change, and that no endpoint would be left."""
    billing.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": A})
    preview = billing.fine("POST", f"{ENDPOINTS}/trip", {"endpoint": B}, params={"dry_run": "true"})
    assert [(one["action"], one["name"]) for one in preview["changes"]] == [("trip", f"billing {B}")]
    assert len(preview["warnings"]) == 1
    assert states(billing) == [(A, "drained"), (B, "well")]


def test_of_a_file(world: World) -> None:
    """An upstream that can only be changed in its file has endpoints that are drained here all the same."""
    world.document = f"upstreams:\n  billing:\n    endpoints: [{A}, {B}]\n    network: {{private: [10.0.0.0/8]}}\n"
    with calling(world, acting_as=LOCAL) as api:
        api.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": B})
        assert states(api) == [(A, "well"), (B, "drained")]
        world.document = f"upstreams:\n  billing:\n    endpoints: [{A}]\n    network: {{private: [10.0.0.0/8]}}\n"
        left = api.get(ENDPOINTS)["items"]
        assert [(one["endpoint"], one["listed"]) for one in left] == [(A, True), (B, False)]
        api.fine("POST", f"{ENDPOINTS}/restore", {})
        assert states(api) == [(A, "well")]


def test_while_the_document_is_broken(world: World) -> None:
    """What has problems now was right before: an endpoint of that can be drained; if it never was, that is said."""
    world.document = f"upstreams: {{billing: {{url: {A}, network: {{private: [10.0.0.0/8]}}}}}}\n"
    effect = Effect(world.settings(), world.engine)
    with calling(world, acting_as=LOCAL, endpoints=effect.endpoints) as api:
        assert states(api) == [(A, "well")]
        (world.folder / "exeat.yaml").write_text("upstreams: 7\n", "utf-8")
        api.fine("POST", f"{ENDPOINTS}/drain", {})
        assert states(api) == [(A, "drained")]
    with calling(world, acting_as=LOCAL, endpoints=Effect(world.settings(), world.engine).endpoints) as api:
        (world.folder / "exeat.yaml").write_text("upstreams: 7\n", "utf-8")
        assert api.refused("GET", ENDPOINTS) == (409, "conflict")


def said(url: str, state: str, **others: Any) -> dict[str, Any]:
    """What a worker reports of an endpoint."""
    nothing = {"pending": 0, "failures": 0, "reason": None, "rests_until": None}
    return {"endpoint": f"billing {url}", "state": state, **nothing, **others}


def worker(number: int, *endpoints: dict[str, Any]) -> dict[str, Any]:
    known = {
        "in_flight": 0,
        "connections": 0,
        "upstream_connections": 0,
        "draining": False,
        "ready": True,
        "records_fail": None,
    }
    return {"number": number, "pid": number, **known, "endpoints": list(endpoints)}


def test_what_workers_know(world: World) -> None:
    """Calls and failures of all workers add up; of how they see an endpoint the worst counts, and its longest rest."""
    why, later = "5 calls failed in a row", int(NOW) + 9
    known = {
        "workers": [
            worker(1, said(A, "open", pending=1, failures=5, reason=why, rests_until=int(NOW) + 5), said(B, "closed")),
            worker(2, said(A, "recovering", pending=2, failures=1), said(B, "closed", pending=3)),
            worker(3, said(A, "open", reason="other", rests_until=later)),
        ]
    }
    with calling(world, acting_as=LOCAL, status=lambda: known) as api:
        api.fine("PUT", "/upstreams/billing", BILLING)
        first, second = api.get(ENDPOINTS)["items"]
        assert (first["state"], first["pending"], first["failures"], first["reason"]) == ("resting", 3, 6, why)
        assert first["until"] == "2026-09-22T12:00:09Z"
        assert (second["state"], second["pending"], second["until"]) == ("well", 3, None)
        (resting,) = api.get("/status")["resting"]
        assert (resting["upstream"], resting["endpoint"], resting["state"]) == ("billing", A, "resting")
        assert all("endpoints" not in one for one in api.get("/status")["workers"])
        api.fine("POST", f"{ENDPOINTS}/drain", {"endpoint": A})
        assert [one["state"] for one in api.get("/status")["resting"]] == ["drained"]


def test_without_a_gateway(billing: Api) -> None:
    """Where no gateway runs, nobody knows how many calls are under way."""
    billing.fine("POST", f"{ENDPOINTS}/trip", {"endpoint": A})
    (first, _), (resting,) = billing.get(ENDPOINTS)["items"], billing.get("/status")["resting"]
    assert (first["pending"], first["failures"]) == (None, None)
    assert (resting["upstream"], resting["state"]) == ("billing", "tripped")


def test_who_may(world: World) -> None:
    """A viewer sees endpoints; an operator trips them."""
    viewer, operator = world.administrator("low", "viewer"), world.administrator("op", "operator")
    with calling(world, token=operator) as api:
        api.fine("PUT", "/upstreams/billing", BILLING)
        api.fine("POST", f"{ENDPOINTS}/trip", {"endpoint": A})
    with calling(world, token=viewer) as api:
        assert api.get(ENDPOINTS)["items"][0]["by_hand"]["by"].startswith("op/")
        for action in ("trip", "drain", "reset", "restore"):
            assert api.refused("POST", f"{ENDPOINTS}/{action}", {}) == (403, "role-too-low")
