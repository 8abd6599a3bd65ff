"""Secrets of tokens that are written out are taken into the vault, and nothing else is."""

import pytest

from exeat.config.display import MASK, show
from exeat.model.secret import Secret
from exeat.store.configuration.failure import InvalidError
from exeat.store.configuration.literals import own_prefixes, take_literals

OPEN = {"kind": "oauth2-refresh-token", "token_url": "https://a.b/t", "client_id": "me", "scope": "read"}
HELD = {
    "client_secret": "one",
    "refresh_token": "two",
    "private_key": "-----BEGIN PRIVATE KEY-----\nthree\n-----END PRIVATE KEY-----\n",
    "key": '{"type": "service_account"}',
    "secret_key": "four",
    "session_token": "five",
    "parameters": {"password": "six", "account_id": "seven"},
}


def test_secrets_are_taken() -> None:
    """Each has a name of its own, and what isn't secret stays as it was written."""
    data, secrets = take_literals("orders", {"url": "https://a.b", "credential": OPEN | HELD})
    assert {name: data["credential"][name] for name in OPEN} == OPEN
    assert secrets == {
        "orders.credential.client_secret": Secret("one"),
        "orders.credential.refresh_token": Secret("two"),
        "orders.credential.private_key": Secret(str(HELD["private_key"])),
        "orders.credential.key": Secret(str(HELD["key"])),
        "orders.credential.secret_key": Secret("four"),
        "orders.credential.session_token": Secret("five"),
        "orders.credential.parameters.password": Secret("six"),
        "orders.credential.parameters.account_id": Secret("seven"),
    }
    assert data["credential"]["parameters"]["account_id"] == "${vault:orders.credential.parameters.account_id}"
    assert all(name.startswith(own_prefixes("orders")) for name in secrets), "they end with the upstream"


def test_members_of_a_pool_are_taken() -> None:
    """Within a list of credentials, too, each by its place."""
    members = [{"kind": "bearer", "secret": "one"}, {"kind": "bearer", "secret": "two"}]
    _, secrets = take_literals("orders", {"credential": {"kind": "pool", "members": members}})
    assert [*secrets] == ["orders.credential.members.0.secret", "orders.credential.members.1.secret"]


def test_references_stay() -> None:
    """A reference is no literal; beside other text it can't be kept."""
    written = {"credential": OPEN | {"client_secret": "${vault:mine}", "parameters": {"a": "${B}"}}}
    assert take_literals("orders", written) == (written, {})
    with pytest.raises(InvalidError, match="mixes a reference with other text"):
        take_literals("orders", {"credential": {"parameters": {"a": "x${B}"}}})


def test_shown_as_taken() -> None:
    """What is taken into the vault is what is masked where a document is shown."""
    credential = OPEN | HELD
    shown = show({"upstreams": {"orders": {"credential": credential}}})["upstreams"]
    assert shown == {
        "orders": {
            "credential": OPEN | dict.fromkeys(HELD, MASK) | {"parameters": {"password": MASK, "account_id": MASK}}
        }
    }
