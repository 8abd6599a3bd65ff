"""Credentials that are tokens, which Exeat fetches and keeps fresh."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, model_validator

from exeat.config import fields as f
from exeat.config.credential_entries import token_fields as t
from exeat.config.entries import Entry
from exeat.model.secret import Secret
from exeat.model.token_source import ClientAuth
from exeat.vault.tokens.assertion import choose_algorithm

_OWN_PARAMETERS = frozenset(
    {"grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"}
)


class TokenEntry(Entry):
    """Where a token is shown to the upstream."""

    name: f.FieldNameField = Field(default="Authorization", description="The field in which the token is shown.")
    prefix: f.PrefixField = Field(default="Bearer ", description="Text before the token.")


class ClientEntry(TokenEntry):
    """A client of a token endpoint."""

    token_url: t.TokenUrlField = Field(description="Where tokens are given (`https://`).")
    client_id: t.WordField = Field(description="The client's id.")
    client_secret: t.ClientSecretField | None = Field(default=None, description="The client's secret.")
    auth: t.ClientAuthField | None = Field(
        default=None,
        description="How the client shows who it is: `basic` (the field `Authorization`), `body` (fields of the form),"
        " `private-key-jwt` (an assertion signed with `private_key`) or `none`. What fits, without it.",
    )
    private_key: t.PrivateKeyField | None = Field(
        default=None, description="The private key (PEM) that signs the client's assertions."
    )
    key_id: t.WordField | None = Field(default=None, description="The `kid` of the assertions.")
    algorithm: t.AlgorithmField | None = Field(
        default=None, description="How they are signed; what goes with the key, without it."
    )
    scope: t.ScopeField | None = Field(default=None, description="Which rights the token shall have.")
    parameters: t.ParametersField = Field(
        default=(), description="More fields of the form. Their values are treated as secrets."
    )

    @property
    def chosen_auth(self) -> ClientAuth:
        """How the client shows who it is."""
        if self.auth is not None:
            return self.auth
        if self.private_key is not None:
            return "private-key-jwt"
        return "none" if self.client_secret is None else "basic"

    def check_client(self) -> None:
        """ValueError where the client's parts don't go together."""
        auth = self.chosen_auth
        if auth == "private-key-jwt":
            if self.private_key is None:
                raise ValueError("has 'auth: private-key-jwt' and no 'private_key'; write one")
            choose_algorithm(self.private_key, self.algorithm)
        elif self.private_key is not None:
            raise ValueError(f"has a 'private_key', which 'auth: {auth}' doesn't use; remove one of them")
        if (auth in {"basic", "body"}) != (self.client_secret is not None):
            needs = "needs a 'client_secret'" if self.client_secret is None else "doesn't use the 'client_secret'"
            raise ValueError(f"has 'auth: {auth}', which {needs}")
        if self.private_key is None and (self.key_id or self.algorithm):
            raise ValueError("has 'key_id' or 'algorithm' and no 'private_key' that they belong to")


class ClientCredentials(ClientEntry):
    """OAuth 2.0 client credentials (RFC 6749 §4.4): a token for the client itself."""

    kind: Literal["oauth2-client-credentials"] = Field(description="The kind of the credential.")
    audience: t.WordField | None = Field(default=None, description="For which API the token shall be.")
    resource: t.WordsField = Field(default=(), description="For which resources the token shall be (RFC 8707).")
    grant_type: t.WordField = Field(
        default="client_credentials", description="Another grant that takes nothing but `parameters`."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.auth is None and self.chosen_auth == "none":
            raise ValueError("needs a 'client_secret' or a 'private_key'")
        self.check_client()
        check_parameters(self.parameters, _OWN_PARAMETERS | {"audience", "resource"})
        return self


class RefreshToken(ClientEntry):
    """OAuth 2.0 with a refresh token (RFC 6749 §6): a token in the name of somebody who agreed once."""

    kind: Literal["oauth2-refresh-token"] = Field(description="The kind of the credential.")
    refresh_token: t.ClientSecretField = Field(
        description="The first refresh token. Where the server gives new ones, they are kept in the database, sealed."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.check_client()
        check_parameters(self.parameters, _OWN_PARAMETERS | {"refresh_token"})
        return self


class JwtBearer(TokenEntry):
    """A token for a signed assertion (RFC 7523 §2.1)."""

    kind: Literal["jwt-bearer"] = Field(description="The kind of the credential.")
    token_url: t.TokenUrlField = Field(description="Where tokens are given (`https://`).")
    issuer: t.WordField = Field(description="Who signs (`iss`); often the client's id.")
    subject: t.WordField | None = Field(default=None, description="For whom the token shall be (`sub`).")
    audience: t.WordField | None = Field(
        default=None, description="For whom the assertion is made (`aud`); `token_url`, without it."
    )
    private_key: t.PrivateKeyField = Field(description="The private key (PEM) that signs.")
    key_id: t.WordField | None = Field(default=None, description="The `kid` of the assertion.")
    algorithm: t.AlgorithmField | None = Field(
        default=None, description="How it is signed; what goes with the key, without it."
    )
    scope: t.ScopeField | None = Field(default=None, description="Which rights the token shall have.")
    claims: t.ClaimsField | None = Field(default=None, description="More claims of the assertion.")
    lifetime: t.LifetimeField = Field(default=300.0, description="How long the assertion holds.")
    parameters: t.ParametersField = Field(
        default=(), description="More fields of the form, such as `client_id`. Their values are treated as secrets."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        choose_algorithm(self.private_key, self.algorithm)
        check_parameters(self.parameters, frozenset({"grant_type", "assertion", "scope"}))
        return self


class GithubApp(TokenEntry):
    """The token of a GitHub App where it is installed."""

    kind: Literal["github-app"] = Field(description="The kind of the credential.")
    app_id: t.IdField = Field(description="The App's id, or its client id.")
    installation_id: t.NumberField = Field(description="The id of the installation.")
    private_key: t.PrivateKeyField = Field(description="The App's private key (PEM).")
    url: f.UrlField | None = Field(
        default=None,
        description="The API that gives the token: `https://api.github.com` without it,"
        " `https://HOST/api/v3` for GitHub Enterprise Server.",
    )
    repositories: t.RepositoriesField = Field(default=(), description="The only repositories it shall be good for.")
    permissions: t.PermissionsField = Field(default=(), description="The only rights it shall have.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        choose_algorithm(self.private_key, "RS256")
        return self


class GoogleServiceAccount(TokenEntry):
    """A token of a Google service account: an access token for a `scope`, or an ID token for an `audience`."""

    kind: Literal["google-service-account"] = Field(description="The kind of the credential.")
    key: t.ServiceAccountField = Field(description="The content of the key's JSON file.")
    scope: t.ScopeField | None = Field(default=None, description="Which rights an access token shall have.")
    audience: t.WordField | None = Field(default=None, description="For whom an ID token shall be (Cloud Run, IAP).")
    subject: t.WordField | None = Field(
        default=None, description="The user who is acted for, where the account may do that (domain-wide delegation)."
    )
    token_url: t.TokenUrlField | None = Field(
        default=None, description="Where tokens are given; what the key says, without it."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.scope is None) == (self.audience is None):
            raise ValueError("needs either a 'scope' (for an access token) or an 'audience' (for an ID token)")
        if self.token_url is None and self.key.token_url is None:
            raise ValueError("needs a 'token_url', because the key says none ('token_uri')")
        choose_algorithm(self.key.private_key, "RS256")
        return self


AnyToken = ClientCredentials | RefreshToken | JwtBearer | GithubApp | GoogleServiceAccount


def check_parameters(parameters: Iterable[tuple[str, Secret]], own: frozenset[str]) -> None:
    """ValueError where a parameter has a field of its own."""
    for name, _ in parameters:
        if name in own:
            raise ValueError(f"has '{name}' among its parameters, which Exeat writes itself; use the field for it")
