"""Secrets that are written into an upstream: every kind of credential has them taken out, wherever they stand in it."""

import json

import pytest

from exeat.config.display import MASK, show
from exeat.store.configuration.failure import InvalidError
from exeat.store.configuration.literals import take_literals

SECRET = "s3cret-of-the-test"
CREDENTIALS = {
    "path": ({"kind": "path", "prefix": "/bot", "secret": SECRET}, {"api.credential.secret"}),
    "cookie": ({"kind": "cookie", "name": "session", "secret": SECRET}, {"api.credential.secret"}),
    "body": ({"kind": "body", "name": "token", "secret": SECRET, "format": "form"}, {"api.credential.secret"}),
    "hmac": (
        {"kind": "hmac", "secret": SECRET, "template": "{body}", "headers": {"X-S": "v1={signature}"}},
        {"api.credential.secret"},
    ),
    "several": (
        [
            {"kind": "header", "name": "X-A", "secret": SECRET},
            {"kind": "basic", "username": SECRET, "password": SECRET},
        ],
        {"api.credential.0.secret", "api.credential.1.username", "api.credential.1.password"},
    ),
    "pool": (
        {"kind": "pool", "members": [{"kind": "bearer", "secret": SECRET}, [{"kind": "path", "secret": SECRET}]]},
        {"api.credential.members.0.secret", "api.credential.members.1.0.secret"},
    ),
    "pool, short": (
        {"pool": [{"kind": "bearer", "secret": SECRET, "weight": 2}]},
        {"api.credential.pool.0.secret"},
    ),
}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_literals_are_taken_out(kind: str) -> None:
    """Each secret becomes a reference to the vault, named after its place; all else stays as it was written."""
    credential, names = CREDENTIALS[kind]
    taken = take_literals("api", {"url": "https://api.test", "credential": credential})
    assert {name: secret.reveal() for name, secret in taken.secrets.items()} == dict.fromkeys(names, SECRET)
    written = json.dumps(taken.data)
    assert SECRET not in written
    for name in names:
        written = written.replace(f"${{vault:{name}}}", SECRET)
    assert json.loads(written) == {"url": "https://api.test", "credential": credential}


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_literals_are_masked(kind: str) -> None:
    """Where the document is shown, each secret is masked; a reference is not."""
    credential, names = CREDENTIALS[kind]
    shown = json.dumps(show({"upstreams": {"api": {"credential": credential}}}))
    assert SECRET not in shown
    assert shown.count(MASK) == len(names)
    referring = json.loads(json.dumps(credential).replace(SECRET, "${TOKEN}"))
    assert show({"upstreams": {"api": {"credential": referring}}}) == {"upstreams": {"api": {"credential": referring}}}


def test_a_reference_within_text() -> None:
    """A reference beside other text can't be kept apart from it: it is refused, at its place."""
    entry = {"credential": [{"kind": "header", "name": "X-A", "secret": "a${B}"}]}
    with pytest.raises(InvalidError, match=r"upstreams\.api\.credential\.0\.secret mixes a reference"):
        take_literals("api", entry)


def test_a_literal_where_something_else_stood() -> None:
    """A secret that is written before another one of a list gets a name that nothing else refers to."""
    first = {"kind": "bearer", "secret": "${vault:api.credential.pool.0.secret}"}
    taken = take_literals("api", {"credential": {"pool": [{"kind": "bearer", "secret": SECRET}, first]}})
    assert list(taken.secrets) == ["api.credential.pool.0.secret-2"]
    new, old = taken.data["credential"]["pool"]
    assert (new["secret"], old) == ("${vault:api.credential.pool.0.secret-2}", first)
