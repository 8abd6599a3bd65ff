"""Tokens for the client itself (RFC 6749 §4.4), or by another grant that is no more than parameters."""

from urllib.parse import urlencode

from exeat.model.secret import Secret
from exeat.model.token_source import ClientCredentials, TokenSource
from exeat.vault.tokens.client import revealed, show
from exeat.vault.tokens.messages import TokenRequest


def request_of(source: TokenSource, grant: ClientCredentials, *, now: float, nonce: str) -> TokenRequest:
    """The request for a token."""
    shown = show(grant.client, audience=source.url, now=now, nonce=nonce)
    form = [("grant_type", grant.grant_type), *shown.form]
    form += [(name, value) for name, value in (("scope", grant.scope), ("audience", grant.audience)) if value]
    form += [("resource", resource) for resource in grant.resources]
    form += revealed(grant.parameters)
    return TokenRequest(
        source=source,
        target=source.target,
        body=Secret(urlencode(form)),
        secrets=(*shown.secrets, *(value for _, value in grant.parameters)),
        authorization=shown.authorization,
    )
