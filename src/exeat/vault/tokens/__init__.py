"""Tokens: what is sent for one, and what the answer says, each kind in a file of its own; nothing here does I/O."""

from exeat.model.secret import Secret
from exeat.model.token_source import (
    ClientCredentials,
    GithubApp,
    GoogleServiceAccount,
    JwtBearer,
    RefreshToken,
    TokenSource,
)
from exeat.vault.tokens import client_credentials, github_app, google_service_account, jwt_bearer, refresh_token
from exeat.vault.tokens.answer import parse_token
from exeat.vault.tokens.messages import Fetched, TokenAnswer, TokenError, TokenRequest

__all__ = ["Fetched", "TokenAnswer", "TokenError", "TokenRequest", "parse_answer", "request_of"]


def request_of(source: TokenSource, *, now: float, nonce: str, stored: Secret | None = None) -> TokenRequest:
    """The request for a token.

    `now` is the time (s since 1970) that assertions are made with, `nonce` names one request alone (their `jti`),
    `stored` is the refresh token that has taken the place of the one in the configuration.
    """
    match source.grant:
        case ClientCredentials() as grant:
            return client_credentials.request_of(source, grant, now=now, nonce=nonce)
        case RefreshToken() as grant:
            return refresh_token.request_of(source, grant, now=now, nonce=nonce, stored=stored)
        case JwtBearer() as grant:
            return jwt_bearer.request_of(source, grant, now=now, nonce=nonce)
        case GithubApp() as grant:
            return github_app.request_of(source, grant, now=now)
        case GoogleServiceAccount() as grant:
            return google_service_account.request_of(source, grant, now=now)


def parse_answer(request: TokenRequest, answer: TokenAnswer, *, now: float) -> Fetched:
    """The token in the answer to a request that was made with the time `now`; TokenError if there is none."""
    match request.source.grant:
        case GithubApp():
            return github_app.parse_answer(request, answer, now=now)
        case GoogleServiceAccount() as grant:
            return google_service_account.parse_answer(request, grant, answer, now=now)
        case JwtBearer():
            return parse_token(answer, secrets=request.secrets, now=now, signs=True)
        case ClientCredentials(client=client) | RefreshToken(client=client):
            return parse_token(answer, secrets=request.secrets, now=now, signs=client.key is not None)
