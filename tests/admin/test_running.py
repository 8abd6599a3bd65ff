"""What only a running gateway knows or does: limits, events, calls, settings, findings, and tests of upstreams."""

import hashlib
from collections.abc import Iterator, Mapping

import pytest

from exeat.admin.running import Came, NotRunningError, Running
from exeat.admin.services import Asked, QuestionError
from exeat.model.limit import Limit
from exeat.model.secret import Secret
from tests.admin.running import BUDGET, EVENT, LIMITS, RAISED, RUNNING
from tests.admin.service import LOCAL, UPSTREAM, Api, World, calling
from tests.support.gateway import make_key

UNTIL = "2026-09-23T00:00:00Z"


@pytest.fixture
def gateway(world: World) -> Iterator[Api]:
    """A caller of the API of a gateway that runs."""
    with calling(world, acting_as=LOCAL, running=RUNNING) as caller:
        yield caller


# Limits


def test_limits(gateway: Api) -> None:
    """Every limit is shown with what is left of it, money in its currency; of what is split, nobody says it."""
    shown = {limit["id"]: limit for limit in gateway.get("/limits")["items"]}
    quota, budget, rate, split = (shown[limit.id] for limit in LIMITS)
    assert quota == {
        "id": "consumer/web/quota/quota-day/day-UTC", "scope": "consumer", "owner": "web", "name": "quota-day",
        "kind": "quota", "amount": 100, "currency": None, "burst": None, "per": None,
        "window": {"unit": "day", "zone": "UTC", "length_s": 86400}, "left": 75, "left_ratio": 0.75,
        "resets_at": UNTIL, "mode": "enforce", "soft": False, "increase": None,
    }  # fmt: skip
    assert (budget["amount"], budget["left"], budget["currency"], budget["soft"]) == (10.0, 7.5, "EUR", True)
    assert budget["increase"] == {"amount": 20.0, "until": UNTIL}
    assert (rate["burst"], rate["left"], rate["left_ratio"], rate["mode"]) == (20, 7, 0.35, "report")
    assert rate["window"] == {"unit": None, "zone": None, "length_s": 1}
    assert (split["per"], split["left"], split["left_ratio"], split["window"]) == ("header:x-a", None, None, None)


def test_limits_of_nothing(api: Api) -> None:
    """Where no gateway runs there is nothing to say of limits."""
    assert api.get("/limits") == {"items": []}


def broken() -> Iterator[Limit]:
    """A configuration that nobody can read."""
    raise QuestionError(("", "the configuration has problems; see the status"))


def test_limits_of_a_configuration_with_problems(world: World) -> None:
    """Where the configuration was never right, that is said."""
    with calling(world, acting_as=LOCAL, running=Running(limits=broken)) as api:
        assert api.refused("GET", "/limits") == (409, "conflict")


@pytest.fixture
def budgeted(gateway: Api) -> Api:
    """A gateway with the budget of an upstream in its database."""
    gateway.fine("PUT", "/upstreams/github", {**UPSTREAM, "limits": [BUDGET]})
    return gateway


def test_a_budget_is_raised_for_a_time(budgeted: Api) -> None:
    """A budget is raised until a time, which is written where the budget is, and taken back."""
    wanted = {"id": RAISED, "budget": "20 EUR", "until": UNTIL.replace("2026", "2027")}
    preview = budgeted.fine("POST", "/limits/increase?dry_run=true", wanted)
    assert preview["changes"][0]["after"]["limits"][0]["increase"]["budget"] == "20 EUR"
    changed = budgeted.fine("POST", "/limits/increase?why=a+launch", wanted)
    assert changed["data"]["limits"] == [{**BUDGET, "increase": {"budget": "20 EUR", "until": wanted["until"]}}]
    assert budgeted.get("/revisions")["items"][0]["why"] == "a launch"
    again = budgeted.fine("POST", "/limits/increase", {**wanted, "budget": None, "until": None})
    assert again["data"]["limits"] == [BUDGET]
    assert [record.action for record in budgeted.world.records] == ["create", "update", "update"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": "nothing"}, "/id"),
        ({"id": "consumer/web/quota/quota-day/day-UTC"}, "/id"),
        ({"until": None}, "/until"),
        ({"until": "tomorrow"}, "/limits/0/increase/until"),
        ({"budget": "5 EUR"}, "/limits/0/increase"),
        ({"budget": "50 USD"}, "/limits/0/increase"),
    ],
)
def test_what_cannot_be_raised(budgeted: Api, changes: dict[str, object], pointer: str) -> None:
    """What is no budget, or no higher one in its currency until a time, is refused in its place."""
    wanted = {"id": RAISED, "budget": "20 EUR", "until": UNTIL.replace("2026", "2027"), **changes}
    assert pointer in budgeted.problems("POST", "/limits/increase", wanted)


def test_raising_what_is_elsewhere(gateway: Api) -> None:
    """What stands in a file is read-only; what isn't written as it is in force yet is looked at again."""
    wanted = {"id": RAISED, "budget": "20 EUR", "until": UNTIL.replace("2026", "2027")}
    assert gateway.refused("POST", "/limits/increase", wanted) == (409, "conflict")
    gateway.world.document = "upstreams: {github: {url: 'https://a.example.com'}}\n"
    assert gateway.refused("POST", "/limits/increase", wanted) == (409, "read-only")


# Events, calls


def test_events(gateway: Api, world: World) -> None:
    """What operators were told of is shown, as much as is asked for."""
    assert gateway.get("/events") == {"items": [EVENT]}
    several = [{**EVENT, "id": f"evt_{number}"} for number in range(5)]
    with calling(world, acting_as=LOCAL, running=Running(events=lambda: several)) as api:
        assert [event["id"] for event in api.get("/events", limit=2)["items"]] == ["evt_0", "evt_1"]
        assert api.refused("GET", "/events", params={"limit": 0}) == (400, "malformed-request")


def test_a_call_is_sent_with_its_key(world: World) -> None:
    """The gateway gets the envelope with the key, and what it answers is answered; the key is in no answer."""
    key = make_key().key
    sent: list[tuple[str, bytes]] = []

    async def call(shown: Secret, envelope: bytes) -> Came:
        sent.append((shown.reveal(), envelope))
        return Came(401, {"exeat-error": "key-unknown"}, b'{"code":"key-unknown"}', 1.5)

    with calling(world, acting_as=LOCAL, running=Running(call=call)) as api:
        response = api.ask("POST", "/call", {"key": key, "call": {"upstream": "github", "path": "/user"}})
    assert response.json() == {
        "status": 401, "headers": {"exeat-error": "key-unknown"}, "answer": {"code": "key-unknown"},
        "explanation": None, "duration_ms": 1.5,
    }  # fmt: skip
    assert sent == [(key, b'{"upstream":"github","path":"/user"}')]
    assert key not in response.text
    assert world.records == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"key": "k"}, {"call": {}}, {"key": "", "call": {}}, {"key": "a key", "call": {}},
        {"key": "k\u00e9", "call": {}}, {"key": "k" * 201, "call": {}}, {"key": "k", "call": []},
        {"key": "k", "call": {}, "more": 1}, {"key": "k", "call": {}, "explain": "yes"},
    ],
)  # fmt: skip
def test_wrong_calls(gateway: Api, body: dict[str, object]) -> None:
    """A body that is no call with a key is refused; what was sent as a key isn't said again."""
    response = gateway.ask("POST", "/call", body)
    assert response.status_code == 422
    assert "a key" not in response.text


def test_a_gateway_that_does_not_answer(world: World) -> None:
    """Where the gateway can't be called, that is said."""

    async def call(_key: Secret, _envelope: bytes) -> Came:
        raise NotRunningError("The gateway's listener doesn't answer: ConnectError.")

    for running in (Running(call=call), Running()):
        with calling(world, acting_as=LOCAL, running=running) as api:
            assert api.refused("POST", "/call", {"key": "k", "call": {}}) == (409, "conflict")


@pytest.mark.parametrize(
    ("envelope", "asked"),
    [
        ({"upstream": "github", "path": "/user"}, ("GET", "/github/user", ())),
        (
            {"upstream": "github", "method": "POST", "path": "a?b=1", "query": {"c": [1, 2]}, "headers": {"X": "y"}},
            ("POST", "/github/a?b=1&c=1&c=2", ("X: y",)),
        ),
        ({"url": "https://a.example.com/x", "query": {"q": "a b"}}, ("GET", "https://a.example.com/x?q=a+b", ())),
    ],
)
def test_a_call_is_explained(world: World, envelope: dict[str, object], asked: tuple[str, str, tuple[str]]) -> None:
    """What would happen to a call is asked for the consumer of the key, and nothing is sent."""
    key = make_key()
    found: list[Asked] = []

    def explain(question: Asked) -> Mapping[str, object]:
        found.append(question)
        return {"allowed": True}

    with calling(world, acting_as=LOCAL, explain=explain, running=Running()) as api:
        answer = api.fine("POST", "/call", {"key": key.key, "call": envelope, "explain": True})
    assert (answer["status"], answer["explanation"]) == (None, {"allowed": True})
    assert found == [Asked(hashlib.sha256(key.key.encode()).hexdigest(), *asked)]


def test_a_call_that_cannot_be_explained(api: Api) -> None:
    """What makes no sense in a call is said in its place."""
    api.fine("PUT", "/upstreams/github", UPSTREAM)
    body = {"key": make_key().key, "call": {"upstream": "github"}, "explain": True}
    assert list(api.problems("POST", "/call", body)) == ["/key"]


# Settings, findings, presets


def test_settings(gateway: Api) -> None:
    """Settings are shown with what they are, secrets only as such; and which versions run."""
    shown = gateway.get("/settings")
    assert [(item["variable"], item["value"], item["is_secret"]) for item in shown["items"]] == [
        ("EXEAT_LISTEN", "127.0.0.1:8080", False),
        ("EXEAT_KEYRING", None, True),
    ]
    assert all(shown["versions"].values())


def test_findings(gateway: Api) -> None:
    """What the doctor finds is shown, of as many days as are asked for; one looks at a time."""
    assert gateway.get("/doctor", days=7)["items"] == [
        {"name": "document", "state": "fine", "sentence": "has no problems; 7 days were verified."}
    ]
    assert gateway.refused("GET", "/doctor", params={"days": 367}) == (400, "malformed-request")
    with gateway.app.state.examining:
        assert gateway.refused("GET", "/doctor") == (503, "overloaded")
    gateway.get("/doctor")


def test_presets(api: Api) -> None:
    """Every preset is listed by name, and shown with the pages that say what it says."""
    items = api.get("/presets")["items"]
    names = [item["name"] for item in items]
    assert names == sorted(names)
    assert {"github", "stripe", "openai"} <= set(names)
    for name in names:
        shown = api.get(f"/presets/{name}")
        assert shown["name"] == name
        assert shown["sources"]
    assert api.refused("GET", "/presets/none") == (404, "not-found")


# Tests of upstreams


def test_an_upstream_is_tested(gateway: Api) -> None:
    """What came of a call is told and recorded; an upstream that isn't there can't be called."""
    assert gateway.fine("POST", "/upstreams/github/test", {"path": "/user"}) == {
        "upstream": "github", "method": "GET", "path": "/user", "status": 200, "accepted": True,
        "meaning": "it answers", "duration_ms": 1.5,
    }  # fmt: skip
    [record] = gateway.world.records
    assert (record.actor, record.action, record.what) == ("local", "test", "upstream/github")
    assert record.after == {"method": "GET", "path": "/user", "status": 200, "accepted": True}
    assert gateway.refused("POST", "/upstreams/none/test", {}) == (404, "not-found")
    for wrong in ("user", "/a b", "/\n"):
        assert list(gateway.problems("POST", "/upstreams/github/test", {"path": wrong})) == ["/path"]
    gateway.world.keeps_records = False
    assert gateway.refused("POST", "/upstreams/github/test", {}) == (503, "audit-unavailable")


def test_an_upstream_without_a_gateway(api: Api) -> None:
    """Where no gateway runs, nothing is called."""
    assert api.refused("POST", "/upstreams/github/test", {}) == (409, "conflict")
