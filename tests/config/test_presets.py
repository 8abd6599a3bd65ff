"""The presets that come with Exeat: each is right in itself, has its sources, and makes an upstream."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exeat.config.grammar import NAME
from exeat.config.preset_use import HOST_PART
from exeat.config.presets import (
    Preset,
    UnknownPresetError,
    fill,
    placeholders,
    preset_names,
    read_preset,
)
from exeat.config.presets_page import PAGE, render_presets
from exeat.model.credential import Injection
from exeat.model.key import Presented
from exeat.model.secret import Secret
from exeat.model.secret_fields import holds_secret
from exeat.policy.authenticate import in_native_place, present
from exeat.policy.forward import render_request
from exeat.policy.inject import show_token
from exeat.wire.http1 import parse_request
from tests.config.conftest import Desk
from tests.support.google_key import google_key
from tests.support.values import KEY, head

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
# What everybody who calls APIs would look for.
EXPECTED = (
    "algolia anthropic aws-bedrock aws-dynamodb aws-s3 aws-sqs azure-openai cloudflare datadog digitalocean discord"
    " dropbox elastic gemini github gitlab google hubspot intercom jira linear mailgun mapbox microsoft-graph mistral"
    " notion openai openweather pagerduty paypal pinecone plaid salesforce sendgrid sentry shopify slack square stripe"
    " telegram twilio zendesk zoom"
)
SIGNS = frozenset({"aws-sigv4", "google-service-account"})  # no key of Exeat's can stand where their secret does
NOBODY = Presented(b"nobody's key", frozenset(), None)
FACTS: dict[str, Any] = {
    "title": "An API",
    "url": "https://{site}.example",
    "parameters": {"site": {"is": "the site", "example": "acme"}},
    "credential": {"kind": "bearer", "secret": "{secret}"},
    "secrets": {"secret": "a token"},
    "verify": {"path": "/me"},
    "sources": dict.fromkeys(("url", "credential", "limits", "verify"), "https://docs.example/"),
}


def kind_of(preset: Preset) -> object:
    """The kind of its credential; a list of them is of fields."""
    return preset.credential["kind"] if isinstance(preset.credential, dict) else "header"


def entry_of(name: str) -> dict[str, Any]:
    """The shortest entry of a preset, each parameter with its example."""
    preset = read_preset(name)
    values = {one: parameter.example for one, parameter in preset.parameters.items()}
    secret = "${GOOGLE}" if name == "google" else "${SECRET}"
    credential = dict.fromkeys(preset.secrets, secret)
    return {"preset": name, **({"with": values} if values else {}), "credential": credential}


def test_the_apis_that_people_call_are_there() -> None:
    """At least forty, among them all of a list."""
    assert len(preset_names()) >= 40
    assert set(EXPECTED.split()) <= set(preset_names())
    assert all(NAME.fullmatch(name) for name in preset_names())


def test_a_name_that_is_none() -> None:
    """What isn't there isn't read, and a name is no path."""
    for name in ("githup", "", "../presets/github", "github.yaml"):
        with pytest.raises(UnknownPresetError):
            read_preset(name)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_right_in_itself(name: str) -> None:
    """Its sources are pages, the fields that it names are such, its examples can stand where they are put."""
    preset = read_preset(name)
    assert all(re.fullmatch(r"https://[a-z0-9.-]+/\S*", page) for page in preset.sources.values())
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", field) for field in preset.limits)
    assert all(HOST_PART.fullmatch(preset.parameters[one].example) for one in placeholders(preset.url))
    for parameter in preset.parameters.values():
        assert parameter.default is None or HOST_PART.fullmatch(parameter.default)


@pytest.mark.parametrize("name", preset_names())
def test_what_is_secret_is_treated_so(name: str) -> None:
    """What is written under `credential` for a preset is masked and sealed like any other secret."""
    assert all(holds_secret(("credential", secret)) for secret in read_preset(name).secrets)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_an_upstream(desk: Desk, name: str) -> None:
    """With its parameters and a secret it compiles, to the address and the siblings that it says."""
    preset, entry = read_preset(name), entry_of(name)
    desk.variables |= {"SECRET": "a-secret-of-some-length", "GOOGLE": google_key()}
    loaded = desk.load(_document({name: entry}))
    upstream = loaded.snapshot.upstreams[name.encode()]
    values = {one: parameter.example for one, parameter in preset.parameters.items()}
    url = fill(preset.url, values)
    assert (str(upstream.endpoints[0].origin) + upstream.endpoints[0].base_path.decode()).lower() in {
        url.lower(), url.lower().removesuffix(":443"),
    }  # fmt: skip
    siblings = {f"https://{host}".lower() for host in fill(preset.siblings, values)}
    assert {str(origin) for origin in upstream.credential.origins} == {str(upstream.endpoints[0].origin), *siblings}
    assert upstream.credential.kind == kind_of(preset)
    assert bool(loaded.token_sources) == (upstream.credential.token is not None)
    key = "Idempotency-Key" if preset.idempotency_key is True else preset.idempotency_key
    assert upstream.retries.idempotency_key == (None if key is None else key.encode())


@pytest.mark.parametrize("name", [name for name in preset_names() if kind_of(read_preset(name)) not in SIGNS])
def test_the_key_in_the_place_of_the_secret(desk: Desk, name: str) -> None:
    """Whoever gives a client the Exeat key instead of the API's own is recognised, wherever that puts it."""
    desk.variables["SECRET"] = KEY.decode()
    credential = desk.load(_document({name: entry_of(name)})).snapshot.upstreams[name.encode()].credential
    if credential.token is not None:
        credential = show_token(credential, Secret(KEY.decode()))
    sent = render_request(head(), host=b"h", path=b"/", query=None, presented=NOBODY, injection=credential, via=None)
    asked = parse_request(sent.removesuffix(b"\r\n\r\n"))
    path, _, query = asked.target.partition(b"?")
    elsewhere, path = in_native_place(asked, path, (b"",), credential)
    shown = present(asked, credential.slot, credential.parameter, query or None, elsewhere, credential.prefix)
    assert shown.key == KEY
    nothing = Injection("none", frozenset(), slots=credential.slots)
    left = render_request(
        asked, host=b"h", path=path, query=query or None, presented=shown, injection=nothing, via=None
    )
    assert KEY not in left


def test_all_of_them_at_once(desk: Desk) -> None:
    """They make one document; what is shown of it has their names and no more than was written."""
    desk.variables |= {"SECRET": "a-secret-of-some-length", "GOOGLE": google_key()}
    entries = {name: entry_of(name) for name in preset_names()}
    loaded = desk.load(_document(entries))
    assert len(loaded.snapshot.upstreams) == len(entries)
    assert loaded.document["upstreams"] == entries


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": {"url": "https://docs.example/"}}, "facts without a source"),
        ({"sources": {**FACTS["sources"], "siblings": "https://docs.example/"}}, "sources without a fact"),
        ({"sources": {**FACTS["sources"], "url": "heard of it"}}, "isn't a page"),
        ({"unconfirmed": ["siblings"]}, "isn't said either"),
        ({"unconfirmed": ["title"]}, "unconfirmed"),
        ({"url": "https://{place}.example"}, "uses"),
        ({"url": "https://acme.example"}, "uses"),
        ({"url": "https://{secret}.example"}, "uses"),
        ({"verify": {"path": "/{secret}"}}, "uses"),
        ({"parameters": {"secret": {"is": "a", "example": "b"}}, "url": "https://a.example"}, "uses"),
        ({"url": "http://{site}.example"}, "url"),
        ({"secrets": {}}, "secrets"),
        ({"colour": "red"}, "colour"),
        ({"verify": {"path": "me"}}, "path"),
    ],
)
def test_a_preset_that_is_not_right_is_refused(change: Mapping[str, Any], said: str) -> None:
    """A fact without a page, a placeholder that nothing fills, a secret within a URL: none can be read."""
    Preset.model_validate(FACTS)
    with pytest.raises(ValueError, match=said):
        Preset.model_validate({**FACTS, **change})


def test_the_page_is_current() -> None:
    """docs/reference/presets.md is what the presets say."""
    assert (REFERENCE / PAGE).read_text("utf-8") == render_presets()


def _document(entries: Mapping[str, Any]) -> str:
    return json.dumps({"upstreams": entries})
