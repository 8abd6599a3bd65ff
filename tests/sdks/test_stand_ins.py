"""The stand-ins refuse what the APIs that they stand for refuse: what they let pass has been looked at."""

import pytest

from tests.support.apis.answers import Recording, Reply, Request
from tests.support.apis.anthropic import Anthropic
from tests.support.apis.github import GitHub
from tests.support.apis.openai import OpenAi
from tests.support.apis.slack import Slack
from tests.support.apis.stripe import Stripe
from tests.support.gateway import make_key

FORM = {"authorization": "Bearer sk", "content-type": "application/x-www-form-urlencoded"}


def asked(method: str, path: str, fields: dict[str, str], body: bytes = b"") -> Request:
    """A request without a query."""
    return Request(method, path, {}, fields, body, "https://api.example")


def made(body: bytes, **fields: str) -> Reply:
    """What Stripe says to a new customer."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return Stripe("sk").api(asked("POST", "/v1/customers", {**FORM, **named}, body))


@pytest.mark.parametrize(
    "body",
    [
        b"colour=red",
        b"address[colour]=red",
        b"balance=a+lot",
        b"address=Geneva",
        b"expand=name",
        b"metadata=text",
        b"name[0]=list",
        b"name[=x",
        b'{"name": "Ada"}',
    ],
)
def test_stripe_refuses_parameters(body: bytes) -> None:
    """A parameter that isn't known, of another type or not in a form is refused."""
    kind = "application/json" if body.startswith(b"{") else FORM["content-type"]
    assert made(body, content_type=kind).status == 400


def test_stripe_takes_forms() -> None:
    """A form as the OpenAPI has it makes an object of its members."""
    reply = made(b"name=Ada&address[city]=London&metadata[a]=1&balance=-5&expand[0]=tax")
    assert isinstance(reply.data, dict)
    assert (reply.status, reply.data["address"], reply.data["balance"]) == (200, {"city": "London"}, -5)


def test_stripe_refuses_versions() -> None:
    """A version is a date, since 2024 with the name of a release."""
    assert made(b"", stripe_version="2025-03-31.basil").status == 200
    assert made(b"", stripe_version="latest").status == 400


def test_stripe_needs_what_is_required() -> None:
    """An amount without a currency is refused."""
    assert Stripe("sk").api(asked("POST", "/v1/charges", FORM, b"amount=1")).status == 400


def test_secrets_are_asked_for() -> None:
    """Without its own secret, no API answers."""
    fields = {"authorization": "Bearer other", "x-api-key": "other", "anthropic-version": "2023-06-01"}
    assert Stripe("sk").api(asked("GET", "/v1/balance", fields)).status == 401
    assert OpenAi("sk")(asked("GET", "/v1/models", fields)).status == 401
    assert Anthropic("sk")(asked("GET", "/v1/models", fields)).status == 401
    assert GitHub("sk").api(asked("GET", "/user", fields)).status == 401
    assert Slack("sk").api(asked("POST", "/api/auth.test", fields)).data == {"ok": False, "error": "invalid_auth"}


@pytest.mark.parametrize("place", ["fields", "body", "path", "query"])
def test_keys_are_seen(place: str) -> None:
    """A key of Exeat is noticed wherever it comes, and fails the call."""
    key = make_key().key
    request = Request(
        "POST",
        f"/{key}" if place == "path" else "/",
        {"key": [key]} if place == "query" else {},
        {"x-key": key} if place == "fields" else {},
        key.encode() if place == "body" else b"",
        "https://api.example",
    )
    assert Recording(lambda _: Reply(200))(request).status == 500


def test_failures_are_asked_for() -> None:
    """A reply that nobody asked for fails the test that set it."""
    recording = Recording(lambda _: Reply(200))
    with pytest.raises(AssertionError, match="weren't asked for"), recording.failing(Reply(503)):
        pass
