"""Webhooks in the document: what they become, and everything that can be wrong with one."""

import pytest

from exeat.config.handover import parse_webhooks, render_webhooks
from exeat.model.origin import Origin
from exeat.model.webhook import EVENT_TYPES
from tests.config.conftest import Desk

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REST = f"secret: whsec_{SECRET}"


def test_what_it_becomes(desk: Desk) -> None:
    """A webhook has its origin, path and query, and its secret, which comes by reference and is shown as that."""
    loaded = desk.load(
        "webhooks: [{name: ops, url: 'https://Hooks.Example.com/a?b=c', secret: '${HOOK}'}]\n", HOOK=f"whsec_{SECRET}"
    )
    [webhook] = loaded.webhooks
    assert (webhook.name, webhook.origin) == ("ops", Origin("https", "hooks.example.com", 443))
    assert (webhook.target, webhook.secret.reveal()) == (b"/a?b=c", SECRET)
    assert webhook.events == set(EVENT_TYPES), "all that there are"
    assert loaded.document["webhooks"] == [
        {"name": "ops", "url": "https://Hooks.Example.com/a?b=c", "secret": "${HOOK}"}
    ]


def test_no_worker_has_it(desk: Desk) -> None:
    """A webhook travels to the control process alone, and is the same there; a literal secret is never shown."""
    loaded = desk.load(f"webhooks: [{{name: ops, url: 'https://a.b', {REST}, events: [limit.reached]}}]\n")
    assert not hasattr(loaded.snapshot, "webhooks")
    assert parse_webhooks(render_webhooks(loaded.webhooks)) == loaded.webhooks
    assert SECRET not in repr(loaded)


def test_from_the_environment(desk: Desk) -> None:
    """The environment alone can say it."""
    text = f'[{{"name": "ops", "url": "https://a.b", "secret": "{SECRET}"}}]'
    assert desk.load("{}", EXEAT_WEBHOOKS=text).webhooks[0].name == "ops"


def test_another_secret_is_another_revision(desk: Desk) -> None:
    """A changed secret reaches the process that signs."""
    text = "webhooks: [{name: ops, url: 'https://a.b', secret: '${HOOK}'}]\n"
    first, second = (desk.load(text, HOOK=SECRET), desk.load(text, HOOK=SECRET[::-1]))
    assert first.snapshot.revision != second.snapshot.revision


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        ("x", "", "must be a mapping"),
        ("{url: 'https://a.b', %s}", ".name", "is required"),
        ("{name: ops, %s}", ".url", "is required"),
        ("{name: ops, url: 'https://a.b'}", ".secret", "is required"),
        ("{name: Ops, url: 'https://a.b', %s}", ".name", "write 'ops'"),
        ("{name: ops, url: 'https://a.b', secret: short}", ".secret", "openssl rand -base64 32"),
        ("{name: ops, url: a.b/x, %s}", ".url", "https://host"),
        ("{name: ops, url: 'https://me:pw@a.b/', %s}", ".url", "user information"),
        ("{name: ops, url: 'https://a.b/#x', %s}", ".url", "without a fragment"),
        ("{name: ops, url: 'http://a.b/', %s}", ".url", "plaintext http://"),
        ("{name: ops, url: 'http://a.b/', plaintext: true, %s}", ".url", "network.private"),
        (
            "{name: ops, url: 'http://8.8.8.8/', plaintext: true, network: {private: [10.0.0.0/8]}, %s}",
            ".url",
            "or outside network.private",
        ),
        (
            "{name: ops, url: 'http://8.8.8.8/', plaintext: true, network: {private: [8.0.0.0/8]}, %s}",
            ".url",
            "or outside network.private",
        ),
        ("{name: ops, url: 'https://a.b/', plaintext: true, %s}", ".plaintext", "has no effect"),
        ("{name: ops, url: 'https://10.0.0.1/', %s}", ".url", "as in [10.0.0.1/32]"),
        ("{name: ops, url: 'https://169.254.169.254/', %s}", ".url", "can never be called"),
        ("{name: ops, url: 'https://metadata.google.internal/', %s}", ".url", "metadata service"),
        ("{name: ops, url: 'https://a.b', network: {privat: [10.0.0.0/8]}, %s}", ".network.privat", "'private'?"),
        ("{name: ops, url: 'https://a.b', network: {private: [169.254.0.0/16]}, %s}", ".network.private", "metadata"),
        ("{name: ops, url: 'https://a.b', events: [], %s}", ".events", "empty list"),
        ("{name: ops, url: 'https://a.b', events: [limit.near], %s}", ".events", "did you mean 'limit.nearly'?"),
        ("{name: ops, url: 'https://a.b', event: [limit.nearly], %s}", ".event", "did you mean 'events'?"),
    ],
)
def test_problems(desk: Desk, entry: str, path: str, words: str) -> None:
    """What is wrong is named with its path and line, and what to do; no secret is quoted."""
    written = entry % REST if "%s" in entry else entry
    [problem] = desk.problems(f"webhooks:\n  - {written}\n")
    assert problem.startswith(f"exeat.yaml:2: webhooks[0]{path}: ")
    assert words in problem
    assert SECRET not in problem


def test_names_are_unique(desk: Desk) -> None:
    """Two webhooks have two names."""
    one = f"{{name: ops, url: 'https://a.b', {REST}}}"
    [problem] = desk.problems(f"webhooks:\n  - {one}\n  - {one}\n")
    assert problem == "exeat.yaml:3: webhooks[1].name: 'ops' is also the name of another webhook"
    [problem] = desk.problems("webhooks: {}\n")
    assert problem.endswith("webhooks: must be a list")
