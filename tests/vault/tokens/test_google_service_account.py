"""Tokens of Google service accounts, asked for as Google's own library does."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from google.auth import jwt as google_jwt
from google.oauth2 import service_account

from exeat.model.origin import Origin, Target
from exeat.model.token_source import GoogleServiceAccount
from exeat.vault.tokens import TokenError, parse_answer, request_of
from exeat.vault.tokens.assertion import sign
from tests.vault.tokens import made

URL = "https://oauth2.googleapis.com/token"
TARGET = Target(Origin("https", "oauth2.googleapis.com", 443), b"/token", None)
EMAIL = "orders@project.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FILE = {
    "type": "service_account",
    "client_email": EMAIL,
    "private_key": made.private_key(),
    "private_key_id": "key-1",
    "token_uri": URL,
}


class Sent(Exception):  # noqa: N818 - it ends the exchange that Google's library begins
    """What Google's library would send."""

    def __init__(self, url: str, headers: dict[str, str], body: bytes) -> None:
        super().__init__()
        self.url = url
        self.headers = headers
        self.form = parse_qs(body.decode())


def theirs(kind: Any, **more: Any) -> Sent:
    """What Google's library sends for a token."""

    def transport(url: str, method: str, headers: dict[str, str], body: bytes, **_: object) -> None:
        assert method == "POST"
        raise Sent(url, headers, body)

    with pytest.raises(Sent) as caught:
        kind.from_service_account_info(FILE, **more).refresh(transport)
    return caught.value


def mine(**more: Any) -> dict[str, list[str]]:
    """What Exeat sends."""
    grant = GoogleServiceAccount(EMAIL, made.signing_key(key_id="key-1"), URL, **more)
    return parse_qs(request_of(made.source_of(grant, TARGET), now=made.NOW, nonce="").body.reveal())


def claims(form: dict[str, list[str]]) -> dict[str, Any]:
    """The claims of an assertion that Google's library finds well signed and in its time."""
    [assertion] = form["assertion"]
    library: Any = google_jwt
    assert library.decode_header(assertion) == {"typ": "JWT", "alg": "RS256", "kid": "key-1"}
    found = dict(library.decode(assertion, certs=made.public_key(), audience=URL))
    assert found["exp"] - found["iat"] <= 3600, "Google takes an hour at most"
    return {name: value for name, value in found.items() if name not in {"iat", "exp"}}


@pytest.mark.parametrize("subject", [None, "somebody@example.com"])
def test_access_token(subject: str | None) -> None:
    """The form and the claims are those of Google's library."""
    other = theirs(service_account.Credentials, scopes=[SCOPE], subject=subject)
    form = mine(scope=SCOPE, subject=subject)
    assert other.url == URL
    assert form["grant_type"] == other.form["grant_type"]
    assert claims(form) == claims(other.form)


def test_id_token() -> None:
    """For an audience, too."""
    other = theirs(service_account.IDTokenCredentials, target_audience="https://run.example.com")
    form = mine(audience="https://run.example.com")
    assert claims(form) == claims(other.form)


def read(grant: GoogleServiceAccount, members: dict[str, Any]) -> tuple[str, Any]:
    request = request_of(made.source_of(grant, TARGET), now=made.NOW, nonce="")
    found = parse_answer(request, made.answered(200, json.dumps(members).encode()), now=made.NOW)
    return found.token.reveal(), found.expires_in_s


def test_answers() -> None:
    """An access token has its life beside it, an ID token in it."""
    key = made.signing_key()
    token = sign(key, {"exp": made.NOW + 3600}).reveal()
    access = GoogleServiceAccount(EMAIL, key, URL, scope=SCOPE)
    identity = GoogleServiceAccount(EMAIL, key, URL, audience="https://run.example.com")
    assert read(access, {"access_token": "ya29.a", "expires_in": 3599}) == ("ya29.a", 3599.0)
    assert read(identity, {"id_token": token}) == (token, pytest.approx(3600))
    with pytest.raises(TokenError, match="no 'id_token'"):
        read(identity, {"access_token": "ya29.a"})
