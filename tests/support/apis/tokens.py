"""Stand-ins for servers that give tokens, and for APIs that take them: every assertion and secret is checked."""

import base64
import json
import threading
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.apis.answers import Reply, Request

CLIENT = "orders"
SECRET = "login-example"
REFRESH_TOKEN = "refresh-example"
EMAIL = "orders@example.iam.gserviceaccount.com"


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class Tokens:
    """Gives tokens by every grant, and lets in who has one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given = 0
        self._good: set[str] = set()
        self._refresh_token = REFRESH_TOKEN

    def provide(self, folder: Path, google_url: str) -> None:
        """The key files that go with it."""
        pem = _key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        (folder / "app.pem").write_text(pem, "utf-8")
        key = {"type": "service_account", "client_email": EMAIL, "private_key": pem, "private_key_id": "1"}
        (folder / "google.json").write_text(json.dumps(key | {"token_uri": f"{google_url}/token"}), "utf-8")

    def login(self, request: Request) -> Reply:
        """A token endpoint (RFC 6749, RFC 7523)."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        match form.get("grant_type"):
            case "client_credentials" if self._knows_client(request, form):
                return Reply(200, self._give("access_token", expires_in=3600))
            case "refresh_token" if self._knows_client(request, form):
                with self._lock:
                    if form.get("refresh_token") != self._refresh_token:
                        return Reply(400, {"error": "invalid_grant"})
                    self._refresh_token += "-next"
                return Reply(200, self._give("access_token", expires_in=3600, refresh_token=self._refresh_token))
            case "urn:ietf:params:oauth:grant-type:jwt-bearer" if self._is_signed(
                form["assertion"], request, CLIENT, EMAIL
            ):
                return Reply(200, self._give("access_token", expires_in=3600))
            case _:
                return Reply(401, {"error": "invalid_client"})

    def github(self, request: Request) -> Reply:
        """A GitHub Enterprise Server: a token for an installation, and what it is good for."""
        if request.method == "POST" and request.path == "/api/v3/app/installations/77/access_tokens":
            assertion = request.fields.get("authorization", "").removeprefix("Bearer ")
            if not self._is_signed(assertion, None, "12345"):
                return Reply(401, {"message": "A JSON web token could not be decoded"})
            return Reply(201, self._give("token", expires_at="2099-01-01T00:00:00Z"))
        return self.api(request)

    def api(self, request: Request) -> Reply:
        """An API that takes these tokens."""
        token = request.fields.get("authorization", "").removeprefix("Bearer ")
        if token not in self._good:
            return Reply(401, {"error": "invalid_token"})
        return Reply(200, {"path": request.path})

    def _knows_client(self, request: Request, form: dict[str, str]) -> bool:
        given = request.fields.get("authorization")
        if given is not None:
            pair = base64.b64decode(given.removeprefix("Basic ")).decode().split(":")
            return [unquote_plus(part) for part in pair] == [CLIENT, SECRET]
        if "client_assertion" in form:
            return self._is_signed(form["client_assertion"], request, CLIENT)
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)

    def _is_signed(self, assertion: str, request: Request | None, *issuers: str) -> bool:
        audience = None if request is None else f"{request.root}{request.path}"
        try:
            claims = jwt.decode(
                assertion,
                _key().public_key(),
                algorithms=["RS256"],
                audience=audience,
                options={"require": ["iss", "iat", "exp"], "verify_aud": audience is not None},
            )
        except jwt.PyJWTError:
            return False
        return claims["iss"] in issuers

    def _give(self, name: str, **more: object) -> dict[str, object]:
        with self._lock:
            self._given += 1
            token = f"token-{self._given}"
            self._good.add(token)
        return {name: token, "token_type": "bearer", **more}
