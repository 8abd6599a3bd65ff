"""What would happen to a request: asked over the admin API, answered by what is kept and by the file."""

import pytest

from tests.admin.service import Api

GRANTED = {"grants": [{"upstream": "api", "methods": ["GET"]}]}


@pytest.fixture
def asked(api: Api) -> Api:
    """An API whose database has an upstream and a consumer of it."""
    api.world.document = "upstreams: {own: {url: 'https://own.example'}}\nconsumers: {desk: {grants: [own]}}\n"
    entry = {"url": "https://api.example.com", "credential": {"kind": "bearer", "secret": "literal-s3cr3t"}}
    api.fine("PUT", "/upstreams/api", entry)
    api.fine("PUT", "/consumers/web", GRANTED)
    return api


def test_let_through(asked: Api) -> None:
    """The answer says which phases a request passes and what would leave; no secret is in it."""
    told = asked.fine("POST", "/explain", {"consumer": "web", "target": "/api/users?page=2", "headers": {"X-A": "1"}})
    assert (told["allowed"], told["consumer"], told["code"]) == (True, "web", None)
    assert told["leaves"][0] == "GET /users?page=2 HTTP/1.1"
    assert "X-A: 1" in told["leaves"]
    assert "literal-s3cr3t" not in str(told)
    assert [phase["name"] for phase in told["phases"]][:4] == ["receive", "resolve", "identify", "authorize"]


def test_refused(asked: Api) -> None:
    """A request that is refused has the code that its caller would get, and the hint."""
    told = asked.fine("POST", "/explain", {"consumer": "web", "method": "DELETE", "target": "/api/users"})
    assert (told["allowed"], told["status"], told["code"]) == (False, 403, "method-not-granted")
    assert told["hint"]
    told = asked.fine("POST", "/explain", {"consumer": "web", "target": "/own/x"})
    assert told["code"] == "grant-missing"


def test_of_the_file(asked: Api) -> None:
    """Consumers and upstreams of the file are explained like any other."""
    assert asked.fine("POST", "/explain", {"consumer": "desk", "target": "/own/x"})["allowed"]


@pytest.mark.parametrize(
    ("question", "pointers"),
    [
        ({"consumer": "nobody", "target": "/api/x"}, {"/consumer"}),
        ({"consumer": "web", "target": "/api/x", "address": "nowhere"}, {"/address"}),
        ({"consumer": "web", "target": "/api/x", "headers": {"X-A": "1\r\nX-B: 2"}}, {"/headers"}),
        ({"consumer": "exeat_☃", "target": "/api/☃", "headers": {"X-A": "☃"}}, {"/consumer", "/target", "/headers"}),
    ],
)
def test_no_sensible_question(asked: Api, question: dict[str, object], pointers: set[str]) -> None:
    """A question that makes no sense is refused, and all that is wrong with it is said."""
    assert set(asked.problems("POST", "/explain", question)) == pointers


def test_a_key_is_not_repeated(asked: Api) -> None:
    """Who gives a key in place of a consumer's name doesn't get it back."""
    response = asked.ask("POST", "/explain", {"consumer": "exeat_4CkK7dN8rIXH_mistyped", "target": "/api/x"})
    assert "mistyped" not in response.text
