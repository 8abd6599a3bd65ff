"""Clients as an authorization server sees them: Authlib's own, which knows nothing of Exeat."""

import base64
import re
from typing import Any
from urllib.parse import unquote_plus

import pytest
from authlib.oauth2.rfc6749 import ClientAuthentication, InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwk

from exeat.model.secret import Secret
from exeat.model.token_source import Client, ClientCredentials, RefreshToken
from exeat.vault.tokens import TokenRequest
from tests.vault.tokens import made

ID = "orders:eu/1"
SECRET = "p@ss w:rd/+%é"


class Server:
    """What an authorization server knows of its client."""

    def __init__(self, *methods: str, secret: str = SECRET, key: str = "rsa") -> None:
        self.methods = methods
        self.secret = secret
        self.key = key
        self.nonces: list[str] = []

    def check_client_secret(self, secret: str) -> bool:
        return secret == self.secret

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in self.methods

    def authenticate(self, request: TokenRequest) -> str:
        """The method by which the client has shown who it is; InvalidClientError if it hasn't."""
        asked = ClientAuthentication(lambda name: self if name in {ID, "orders"} else None)
        asked.register("private_key_jwt", Assertion(self))
        seen = Seen(request)
        asked(seen, ["private_key_jwt", "client_secret_basic", "client_secret_post", "none"])
        return seen.auth_method


class Seen:
    """A request as Authlib takes it, read from the bytes that would leave."""

    def __init__(self, request: TokenRequest) -> None:
        head = request.render_head().decode()
        self.headers = dict(re.findall(r"(\S+): (.*)\r\n", head))
        self.form = dict(made.form_of(request))
        self.payload = self
        self.data = self.form
        self.client_id = self.form.get("client_id")
        self.client: Any = None
        self.auth_method = ""


class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
    """Client assertions for the endpoint of the tests."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def get_audiences(self) -> list[str]:
        return [made.URL]

    def validate_jti(self, _claims: dict[str, Any], jti: str) -> bool:
        self._server.nonces.append(jti)
        return True

    def resolve_client_public_key(self, _client: Server) -> jwk.Key:
        return jwk.import_key(made.public_key(self._server.key), "EC" if self._server.key[0] == "p" else "RSA")


def client(auth: Any, kind: str = "rsa") -> Client:
    if auth == "private-key-jwt":
        return Client(ID, auth, None, made.signing_key(kind))
    return Client(ID, auth, None if auth == "none" else Secret(SECRET))


@pytest.mark.parametrize(
    ("auth", "method"),
    [("body", "client_secret_post"), ("none", "none"), ("private-key-jwt", "private_key_jwt")],
)
def test_client_is_known(auth: str, method: str) -> None:
    """Each way to show who one is is understood, and the grant beside it."""
    request = made.asked(ClientCredentials(client(auth)))
    assert Server("client_secret_post", "none", "private_key_jwt").authenticate(request) == method
    assert ("grant_type", "client_credentials") in made.form_of(request)


def test_client_is_known_by_its_field() -> None:
    """So is `Authorization: Basic`."""
    request = made.asked(ClientCredentials(Client("orders", "basic", Secret("a-secret.of~Azure_1"))))
    server = Server("client_secret_basic", secret="a-secret.of~Azure_1")
    assert server.authenticate(request) == "client_secret_basic"


def test_field_is_encoded_before_it_is_joined() -> None:
    """Id and secret are form-encoded in `Authorization: Basic` (RFC 6749 §2.3.1): a colon doesn't end the id."""
    request = made.asked(ClientCredentials(client("basic")))
    assert request.authorization is not None
    word, coded = request.authorization.reveal().split(" ")
    pair = base64.b64decode(coded, validate=True).decode().split(":")
    assert (word, [unquote_plus(part) for part in pair]) == ("Basic", [ID, SECRET])


def test_wrong_secret_is_refused() -> None:
    """The server of these tests does look: another secret doesn't pass."""
    with pytest.raises(InvalidClientError):
        Server("client_secret_post", secret="another").authenticate(made.asked(ClientCredentials(client("body"))))


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_assertion_of_another_key_is_refused(kind: str) -> None:
    """The assertion is signed with the key that the client holds, and says a name of its own."""
    request = made.asked(RefreshToken(client("private-key-jwt", kind), Secret("first")))
    server = Server("private_key_jwt", key=kind)
    assert server.authenticate(request) == "private_key_jwt"
    assert server.nonces == [made.NONCE]
    with pytest.raises(InvalidClientError):
        Server("private_key_jwt", key={"rsa": "rsa3072", "p256": "p256-other"}[kind]).authenticate(request)


@pytest.mark.parametrize("auth", ["basic", "body", "private-key-jwt", "none"])
def test_shown_once(auth: str) -> None:
    """A client shows itself in one way alone (RFC 6749 §2.3), and only the public one says its bare id."""
    request = made.asked(ClientCredentials(client(auth)))
    form = dict(made.form_of(request))
    assert (request.authorization is not None) == (auth == "basic")
    assert ("client_secret" in form) == (auth == "body")
    assert ("client_assertion" in form) == (auth == "private-key-jwt")
    assert ("client_id" in form) == (auth != "basic")
