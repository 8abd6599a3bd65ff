"""Whatever stands in the fields of a token's entry, it is taken or refused, and never more than that."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from exeat.config import credential_entries as entries
from exeat.config.token_sources import TokenCompiler
from exeat.model.token_source import TokenSource
from exeat.model.upstream import Reach, TlsIdentity
from exeat.vault.tokens import request_of
from exeat.wire.http1 import parse_request
from tests.vault.tokens import made

KEY_FILE = {"type": "service_account", "client_email": "a@b", "private_key": made.private_key(), "token_uri": made.URL}
VALID: Mapping[type[BaseModel], Mapping[str, Any]] = {
    entries.ClientCredentials: {
        "kind": "oauth2-client-credentials",
        "token_url": made.URL,
        "client_id": "me",
        "client_secret": "x",
    },
    entries.RefreshToken: {
        "kind": "oauth2-refresh-token",
        "token_url": made.URL,
        "client_id": "me",
        "refresh_token": "x",
    },
    entries.JwtBearer: {
        "kind": "jwt-bearer",
        "token_url": made.URL,
        "issuer": "me",
        "private_key": made.private_key("p256"),
    },
    entries.GithubApp: {
        "kind": "github-app",
        "app_id": 1,
        "installation_id": 2,
        "private_key": made.private_key(),
    },
    entries.GoogleServiceAccount: {
        "kind": "google-service-account",
        "key": json.dumps(KEY_FILE),
        "scope": "a",
    },
}
WORDS = ["basic", "body", "none", "private-key-jwt", "RS256", "ES256", "{}", '{"type": "service_account"}', "a b", "5m"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from([*WORDS, made.URL])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", VALID, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_entry_is_taken_or_refused(kind: type[BaseModel], data: st.DataObject) -> None:
    """A field of any value is a fault in words, or ends in a request that is well formed."""
    written = dict(VALID[kind])
    for name in data.draw(st.lists(st.sampled_from(sorted(kind.model_fields)), max_size=3)):
        written[name] = data.draw(VALUES)
    try:
        entry: Any = kind.model_validate(written)
    except ValidationError as error:
        assert all(fault["msg"] for fault in error.errors(include_input=False))  # noqa: PT017 - most are faulty
        return
    found: dict[str, TokenSource] = {}
    compiler = TokenCompiler("a", (), Reach(), TlsIdentity(), frozenset(), lambda *_: None, found)
    shown = compiler.compile(entry)
    request = request_of(found[shown.source], now=made.NOW, nonce=made.NONCE)
    head = parse_request(request.render_head().removesuffix(b"\r\n\r\n"))
    assert head.length == len(request.body.octets)
