"""`preset: NAME`: what the document writes itself wins, and what is wrong is said where it was written."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.compile import Compiler
from exeat.config.preset_use import Notes, use_presets
from exeat.config.problem import Place, Places
from exeat.config.references import Resolver
from exeat.config.vault import Vault
from exeat.model.credential import Injection
from exeat.model.upstream import Upstream
from tests.config.conftest import Desk

SECRET = "a-token-of-some-length"


def made(desk: Desk, entry: dict[str, Any], **variables: str) -> Upstream:
    """The upstream that an entry makes."""
    loaded = desk.load(json.dumps({"upstreams": {"api": entry}}), **variables)
    return loaded.snapshot.upstreams[b"api"]


def field_of(injection: Injection) -> str:
    """The lines that a credential adds."""
    return "" if injection.lines is None else injection.lines.reveal()


def wrong(desk: Desk, text: str, **variables: str) -> list[str]:
    """What is wrong with the upstreams that are written, without the name of the file."""
    lines = desk.problems(f"upstreams:\n{text}", variables)
    return [line.removeprefix("exeat.yaml:").replace("upstreams.api.", "") for line in lines]


def test_a_name_and_a_secret_are_a_whole_upstream(desk: Desk) -> None:
    """Address, credential, siblings and links are the preset's."""
    upstream = made(desk, {"preset": "github", "credential": {"secret": "${TOKEN}"}}, TOKEN=SECRET)
    assert str(upstream.endpoints[0].origin) == "https://api.github.com"
    assert {origin.host for origin in upstream.credential.origins} == {"api.github.com", "uploads.github.com"}
    assert field_of(upstream.credential) == f"Authorization: Bearer {SECRET}\r\n"
    assert (upstream.credential.kind, upstream.source) == ("bearer", "file exeat.yaml:1")


def test_parameters_stand_where_the_preset_has_them(desk: Desk) -> None:
    """In the address and in the credential; numbers are text, and so is what stands in a variable."""
    entry = {"preset": "zendesk", "with": {"subdomain": "${SITE}", "email": 7}, "credential": {"secret": SECRET}}
    upstream = made(desk, entry, SITE="acme")
    assert str(upstream.endpoints[0].origin) == "https://acme.zendesk.com"
    assert upstream.credential.kind == "basic"


def test_the_environment_can_use_a_preset(desk: Desk) -> None:
    """Variables write `preset`, `with` and the secret as they write every other field."""
    loaded = desk.load(
        EXEAT_UPSTREAMS__API__PRESET="jira",
        EXEAT_UPSTREAMS__API__WITH__SITE="acme",
        EXEAT_UPSTREAMS__API__WITH__EMAIL="ops@example.com",
        EXEAT_UPSTREAMS__API__CREDENTIAL__SECRET=SECRET,
    )
    assert str(loaded.snapshot.upstreams[b"api"].endpoints[0].origin) == "https://acme.atlassian.net"


def test_an_address_of_its_own_has_no_siblings(desk: Desk) -> None:
    """The secret of one's own installation isn't taken along to hosts of the API's provider."""
    entry = {"preset": "github", "url": "https://git.example.com/api/v3", "credential": {"secret": SECRET}}
    upstream = made(desk, entry)
    assert {origin.host for origin in upstream.credential.origins} == {"git.example.com"}
    assert upstream.endpoints[0].base_path == b"/api/v3"
    endpoints = {"preset": "github", "endpoints": ["https://a.example", "https://b.example"]}
    upstream = made(desk, {**endpoints, "credential": {"secret": SECRET}})
    assert {origin.host for origin in upstream.credential.origins} == {"a.example", "b.example"}


def test_a_parameter_that_only_the_address_needs_may_be_missing_with_another_address(desk: Desk) -> None:
    """What isn't needed isn't asked for."""
    entry = {"preset": "shopify", "url": "https://shop.example", "credential": {"secret": SECRET}}
    assert field_of(made(desk, entry).credential) == f"X-Shopify-Access-Token: {SECRET}\r\n"


def test_siblings_that_are_written_win(desk: Desk) -> None:
    """A list of one's own takes the place of the preset's."""
    entry = {"preset": "github", "siblings": ["files.example"], "credential": {"secret": SECRET}}
    assert {origin.host for origin in made(desk, entry).credential.origins} == {"api.github.com", "files.example"}


def test_siblings_and_links_can_be_off(desk: Desk) -> None:
    """Without them, the upstream is its address alone, and bodies stream past unread."""
    entry = {"preset": "github", "credential": {"secret": SECRET}}
    assert made(desk, entry).links is not None
    upstream = made(desk, {**entry, "siblings": "off", "links": "off"})
    assert {origin.host for origin in upstream.credential.origins} == {"api.github.com"}
    assert upstream.links is None


@pytest.mark.parametrize("credential", ["none", {"kind": "bearer", "secret": SECRET}, {"kind": "none"}])
def test_a_credential_with_a_kind_is_the_documents_own(desk: Desk, credential: Any) -> None:
    """Nothing of the preset's gets into it, and no secret is asked for."""
    upstream = made(desk, {"preset": "datadog", "credential": credential})
    kind = credential if isinstance(credential, str) else credential["kind"]
    assert upstream.credential.kind == kind


def test_a_member_of_the_credential_that_is_written_wins(desk: Desk) -> None:
    """The others are the preset's."""
    entry = {"preset": "discord", "credential": {"prefix": "Bearer ", "secret": SECRET}}
    assert field_of(made(desk, entry).credential) == f"Authorization: Bearer {SECRET}\r\n"
    entry = {"preset": "twilio", "credential": {"username": "SK1", "secret": SECRET}}
    upstream = made(desk, entry)  # the account isn't asked for: it was in the user's name alone
    assert upstream.credential.kind == "basic"


def test_a_secret_may_hold_what_looks_like_a_placeholder(desk: Desk) -> None:
    """What was put in is looked through no more."""
    entry = {"preset": "datadog", "credential": {"secret": "{application_key}", "application_key": "{site}-$${X}"}}
    assert field_of(made(desk, entry).credential) == (
        "DD-API-KEY: {application_key}\r\nDD-APPLICATION-KEY: {site}-${X}\r\n"
    )


def test_a_pool_of_the_presets_kind(desk: Desk) -> None:
    """Each member without a kind of its own is as the preset has it."""
    pool = [{"secret": SECRET, "weight": 2}, {"secret": f"{SECRET}-2"}]
    for written in ({"pool": pool}, {"kind": "pool", "members": pool}):
        upstream = made(desk, {"preset": "discord", "credential": written})
        lines = [field_of(member.injection) for member in upstream.credential.members]
        assert lines == [f"Authorization: Bot {SECRET}\r\n", f"Authorization: Bot {SECRET}-2\r\n"]
        assert [member.weight for member in upstream.credential.members] == [2, 1]


@pytest.mark.parametrize(
    ("retries", "limit", "key"),
    [
        (None, 2, b"Idempotency-Key"),
        (5, 5, b"Idempotency-Key"),
        ("5", 5, b"Idempotency-Key"),
        ({"limit": 1}, 1, b"Idempotency-Key"),
        ({"idempotency_key": "X-Once"}, 2, b"X-Once"),
        ({"idempotency_key": False}, 2, None),
        ("off", 0, None),
        (0, 0, None),
        ({"limit": 0}, 0, None),
    ],
)
def test_idempotency_keys_beside_what_is_written_of_retries(
    desk: Desk, retries: Any, limit: int, key: bytes | None
) -> None:
    """The preset adds the field in which the API takes them, where anything is tried again."""
    entry = {"preset": "stripe", "credential": {"secret": SECRET}} | ({} if retries is None else {"retries": retries})
    upstream = made(desk, entry)
    assert (upstream.retries.limit, upstream.retries.idempotency_key) == (limit, key)


def test_what_is_shown_is_what_was_written(desk: Desk) -> None:
    """The preset's fields are no part of the document, and the revision changes with what they come to."""
    entry = {"preset": "jira", "with": {"site": "acme", "email": "a@b.example"}, "credential": {"secret": SECRET}}
    loaded = desk.load(json.dumps({"upstreams": {"api": entry}}))
    shown = {**entry, "credential": {"secret": "(secret)"}}
    assert loaded.document == {"upstreams": {"api": shown}}
    other = {**entry, "with": {"site": "other", "email": "a@b.example"}}
    assert desk.load(json.dumps({"upstreams": {"api": other}})).digest != loaded.digest


PROBLEMS = {
    "a misspelt name": (
        "  api: {preset: githup, credential: {secret: x}}",
        ["2: preset: isn't the name of a preset; did you mean 'github'?"],
    ),
    "no name at all": (
        "  api: {preset: 7}",
        ["2: preset: isn't the name of a preset; `exeat upstream presets` lists them"],
    ),
    "parameters alone": (
        "  api:\n    url: https://a.example\n    with: {site: x}",
        ["4: with: has no effect without 'preset'; remove it, or name a preset beside it"],
    ),
    "no credential": (
        "  api: {preset: openai}",
        ["2: credential: is required: write under it secret (an API key (sk-…)), or 'credential: none'"],
    ),
    "no secret": (
        "  api:\n    preset: datadog\n    credential:\n      secret: x",
        ["4: credential.application_key: is required: an application key"],
    ),
    "a parameter that is missing": (
        "  api:\n    preset: shopify\n    credential: {secret: x}",
        ["2: with.shop: is required: the shop's name before .myshopify.com, such as acme"],
    ),
    "a parameter that is none": (
        "  api:\n    preset: shopify\n    with:\n      shop: acme\n      shopp: acme\n    credential: {secret: x}",
        ["6: with.shopp: isn't a parameter of the preset; did you mean 'shop'?"],
    ),
    "a secret among the parameters": (
        "  api:\n    preset: github\n    with: {secret: s3cr3t}\n    credential: {secret: x}",
        ["4: with.secret: is a secret; write it under 'credential'"],
    ),
    "a parameter that would lead elsewhere": (
        "  api:\n    preset: shopify\n    with: {shop: 'evil.example/'}\n    credential: {secret: x}",
        ["4: with.shop: stands within a URL, so that it has only letters, digits, '-', '.' and '_'"],
    ),
    "a parameter that isn't text": (
        "  api:\n    preset: shopify\n    with: {shop: [acme]}\n    credential: {secret: x}",
        ["4: with.shop: must be text, as in name: value"],
    ),
    "parameters that aren't a mapping": (
        "  api:\n    preset: shopify\n    with: acme\n    credential: {secret: x}",
        ["4: with: must be a mapping, as in {name: value}"],
    ),
    "a field that several credentials don't have": (
        "  api:\n    preset: plaid\n    with: {client: c}\n    credential:\n      secret: x\n      secrt: y",
        ["7: credential.secrt: unknown field; did you mean 'secret'?"],
    ),
    "a field that the preset's kind doesn't have": (
        "  api:\n    preset: twilio\n    with: {account: AC1}\n    credential: {secret: x, passwort: y}",
        ["5: credential.passwort: unknown field; did you mean 'password'?"],
    ),
    "a secret of the wrong form": (
        '  api:\n    preset: plaid\n    with: {client: c}\n    credential:\n      secret: "a\\nb"',
        ["6: credential.secret: "],
    ),
    "a variable that isn't there": (
        "  api:\n    preset: shopify\n    with:\n      shop: ${SHOP}\n    credential: {secret: x}",
        ["5: with.shop: environment variable SHOP is not set"],
    ),
    "a variable that leads elsewhere": (
        "  api:\n    preset: shopify\n    with:\n      shop: ${ELSEWHERE}\n    credential: {secret: x}",
        ["5: with.shop: "],
    ),
    "a secret that isn't there": (
        "  api:\n    preset: twilio\n    with: {account: AC1}\n    credential:\n      secret: ${GONE}",
        ["6: credential.secret: environment variable GONE is not set"],
    ),
    "a secret without its name": (
        "  api:\n    preset: github\n    credential: s3cr3t",
        ["4: credential: is text; write {secret: …}, or 'caller' or 'none' alone"],
    ),
    "secrets without their names": (
        "  api:\n    preset: twilio\n    with: {account: AC1}\n    credential: '${ELSEWHERE}'",
        ["5: credential: is text; write {secret: …}, or 'caller' or 'none' alone"],
    ),
    "a secret of a pool without its name": (
        "  api:\n    preset: github\n    credential: {pool: [{secret: s3cr3t}, s3cr3t]}",
        ["4: credential.pool[1]: is text; write {secret: …}, or 'caller' or 'none' alone"],
    ),
    "something else beside the preset": (
        "  api:\n    preset: githup\n    methods: [get]\n    credential: {secret: x}",
        ["3: preset: ", "4: methods: "],
    ),
}


@pytest.mark.parametrize(("text", "expected"), PROBLEMS.values(), ids=list(PROBLEMS))
def test_what_is_wrong_is_said_once_where_it_was_written(desk: Desk, text: str, expected: list[str]) -> None:
    """With the line and the path that a person has to change, and with no value that may be secret."""
    found = wrong(desk, text, ELSEWHERE="evil example")
    assert len(found) == len(expected), found
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found
    assert not any("evil example" in line or "s3cr3t" in line for line in found)


def test_grants_to_an_upstream_whose_preset_is_wrong(desk: Desk) -> None:
    """One mistake is one problem."""
    text = "  api: {preset: githup, credential: {secret: x}}\nconsumers: {web: {grants: [api]}}"
    assert len(wrong(desk, text)) == 1


def test_a_secret_that_has_disappeared_since(desk: Desk) -> None:
    """A running gateway goes on, and the upstream has no credential."""
    text = json.dumps(
        {"upstreams": {"api": {"preset": "twilio", "with": {"account": "AC1"}, "credential": {"secret": "${GONE}"}}}}
    )
    upstream = desk.reload(text).snapshot.upstreams[b"api"]
    assert upstream.credential.unavailable is not None


WORDS = st.sampled_from(["off", "${X}", "{site}"])
NAMES = st.sampled_from(["secret", "pool", "members", "kind", "site", "email", "limit", ""])
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("with", "credential", "retries", "siblings", "links", "url", "endpoints")


@given(
    st.sampled_from(["jira", "datadog", "stripe", "dropbox", "githup"]) | ODD,
    st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=4),
)
def test_whatever_stands_beside_a_preset(preset: Any, beside: dict[str, Any]) -> None:
    """Anything at all is either used or named as a problem."""
    places = Places(Place("here"))
    notes = Notes(places)
    made = use_presets({"upstreams": {"api": {"preset": preset, **beside}}}, notes)
    resolved = Resolver({"X": "x"}, Path(), places, running=False, vault=Vault({}, lambda: None)).resolve(made)  # type: ignore[arg-type, return-value]
    compiled = Compiler(places, Path(), resolved).compile()
    placed = notes.place([*notes.problems, *resolved.problems, *compiled.problems])
    assert placed or compiled.snapshot.upstreams
