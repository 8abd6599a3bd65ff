"""What is sent for each grant: the fields of the form, as the RFCs have them."""

from typing import Any

import pytest
from authlib.oauth2.rfc6749 import InvalidGrantError
from authlib.oauth2.rfc7523 import JWTBearerGrant
from joserfc import jwk

from exeat.model.secret import Secret
from exeat.model.token_source import Client, ClientCredentials, JwtBearer, RefreshToken
from tests.vault.tokens import made

BODY = Client("me", "body", Secret("s3cret"))


def test_client_credentials() -> None:
    """Scope, audience, resources and parameters stand beside the grant."""
    grant = ClientCredentials(
        client=BODY,
        scope="read write",
        audience="https://api.example.com",
        resources=("urn:a", "urn:b"),
        parameters=(("tenant", Secret("t & u")),),
    )
    assert made.form_of(made.asked(grant)) == [
        ("grant_type", "client_credentials"),
        ("client_id", "me"),
        ("client_secret", "s3cret"),
        ("scope", "read write"),
        ("audience", "https://api.example.com"),
        ("resource", "urn:a"),
        ("resource", "urn:b"),
        ("tenant", "t & u"),
    ]


def test_another_grant_by_parameters() -> None:
    """A grant that takes nothing but parameters needs no kind of its own."""
    grant = ClientCredentials(BODY, grant_type="account_credentials", parameters=(("account_id", Secret("7")),))
    form = dict(made.form_of(made.asked(grant)))
    assert (form["grant_type"], form["account_id"]) == ("account_credentials", "7")


def test_refresh_token() -> None:
    """The first refresh token is used until another has taken its place."""
    grant = RefreshToken(BODY, Secret("first"), scope="read")
    first = dict(made.form_of(made.asked(grant)))
    later = dict(made.form_of(made.asked(grant, stored=Secret("second"))))
    assert first == {
        "grant_type": "refresh_token",
        "refresh_token": "first",
        "client_id": "me",
        "client_secret": "s3cret",
        "scope": "read",
    }
    assert later == first | {"refresh_token": "second"}


class Grant(JWTBearerGrant):  # type: ignore[misc]
    """Authlib's own side of RFC 7523, with one issuer."""

    def __init__(self) -> None:
        pass

    def get_audiences(self) -> list[str]:
        return [made.URL]

    def resolve_issuer_client(self, issuer: str) -> Any:
        return issuer == "me"

    def resolve_client_public_key(self, _client: Any) -> jwk.Key:
        return jwk.import_key(made.public_key(), "RSA")


def jwt_bearer(**more: Any) -> JwtBearer:
    usual: dict[str, Any] = {"issuer": "me", "audience": made.URL, "key": made.signing_key()}
    return JwtBearer(**usual | more)


def test_jwt_bearer() -> None:
    """A server that follows RFC 7523 takes the assertion, with the subject and the claims in it."""
    request = made.asked(jwt_bearer(subject="you@example.com", claims='{"scope": "a b", "n": 1}', scope="c"))
    form = dict(made.form_of(request))
    assert form["grant_type"] == JWTBearerGrant.GRANT_TYPE
    assert form["scope"] == "c"
    claims = Grant().process_assertion_claims(form["assertion"])
    assert (claims["sub"], claims["scope"], claims["n"], claims["jti"]) == ("you@example.com", "a b", 1, made.NONCE)


@pytest.mark.parametrize(
    "more", [{"issuer": "another"}, {"audience": "https://elsewhere"}, {"key": made.signing_key("rsa3072")}]
)
def test_jwt_bearer_of_another(more: dict[str, Any]) -> None:
    """The server of these tests does look: what is signed by, or made for, another isn't taken."""
    form = dict(made.form_of(made.asked(jwt_bearer(**more))))
    with pytest.raises(InvalidGrantError):
        Grant().process_assertion_claims(form["assertion"])


def test_jwt_bearer_of_the_past() -> None:
    """An assertion that has ended isn't taken: the time of the request is in it."""
    form = dict(made.form_of(made.asked(jwt_bearer(), now=made.NOW - 600)))
    with pytest.raises(InvalidGrantError):
        Grant().process_assertion_claims(form["assertion"])


def test_parameters_of_jwt_bearer() -> None:
    """Servers that want the client beside the assertion get it."""
    request = made.asked(jwt_bearer(parameters=(("client_id", Secret("me")), ("client_secret", Secret("x")))))
    assert made.form_of(request)[2:] == [("client_id", "me"), ("client_secret", "x")]
