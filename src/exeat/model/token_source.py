"""Where tokens come from: the endpoint that gives them, and what is shown there to get one."""

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import Final, Literal, get_args

from exeat.model.origin import Target
from exeat.model.secret import Secret
from exeat.model.upstream import Reach, TlsIdentity

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
ClientAuth = Literal["basic", "body", "private-key-jwt", "none"]
Parameters = tuple[tuple[str, Secret], ...]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key (PEM text) that signs assertions; `key_id` is their `kid`."""

    private_key: Secret
    algorithm: Algorithm
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks at a token endpoint, and how it shows that (RFC 6749 §2.3; RFC 7523 §2.2 with a `key`).

    `secret` is None where there is none: a public client, or one that signs.
    """

    id: str
    auth: ClientAuth = "basic"
    secret: Secret | None = None
    key: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The client's own right (RFC 6749 §4.4). `resources` are those of RFC 8707."""

    client: Client
    grant_type: str = "client_credentials"
    scope: str | None = None
    audience: str | None = None
    resources: tuple[str, ...] = ()
    parameters: Parameters = ()

    kind = "oauth2-client-credentials"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The right of somebody who agreed once (RFC 6749 §6); `token` is the first one, others may take its place."""

    client: Client
    token: Secret
    scope: str | None = None
    parameters: Parameters = ()

    kind = "oauth2-refresh-token"


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """The right of whom a signed assertion names (RFC 7523 §2.1). `claims` is JSON text of an object."""

    issuer: str
    audience: str
    key: SigningKey
    subject: str | None = None
    scope: str | None = None
    claims: str = "{}"
    lifetime_s: float = 300.0
    parameters: Parameters = ()

    kind = "jwt-bearer"


@dataclass(frozen=True, slots=True)
class GithubApp:
    """The right of a GitHub App where it is installed, or a part of that right."""

    app_id: str
    key: SigningKey
    repositories: tuple[str, ...] = ()
    permissions: tuple[tuple[str, str], ...] = ()

    kind = "github-app"


@dataclass(frozen=True, slots=True)
class GoogleServiceAccount:
    """The right of a Google service account: an access token for a `scope`, or an ID token for an `audience`.

    `token_url` is the audience of the assertion; `subject` is who is acted for (delegation to the whole domain).
    """

    email: str
    key: SigningKey
    token_url: str
    scope: str | None = None
    audience: str | None = None
    subject: str | None = None

    kind = "google-service-account"


Grant = ClientCredentials | RefreshToken | JwtBearer | GithubApp | GoogleServiceAccount


@dataclass(frozen=True, slots=True)
class TokenSource:
    """An endpoint that gives tokens, what is shown there, and the rules by which it is reached.

    `label` is what logs call it (the upstream that it was first written for). `id` is a digest of all the rest, its
    secrets included: what is written twice is one source, and what is changed is another.
    """

    label: str
    grant: Grant
    target: Target
    reach: Reach
    tls: TlsIdentity
    id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Give it its id."""
        reach = [sorted(map(str, self.reach.private)), self.reach.report]
        text = json.dumps([self.grant.kind, _plain(self.grant), self.url, reach, self.tls.fingerprint])
        object.__setattr__(self, "id", hashlib.sha256(text.encode()).hexdigest()[:32])

    @property
    def url(self) -> str:
        """Where tokens are asked for, as it was written."""
        path, query = self.target.path.decode("latin-1"), self.target.query
        return f"{self.target.origin}{path}{'' if query is None else '?' + query.decode('latin-1')}"


def _plain(value: object) -> object:
    """What a value comes down to, for the digest alone: it holds secrets."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, SigningKey | Client | Grant):
        return [_plain(getattr(value, one.name)) for one in fields(value)]
    return value
