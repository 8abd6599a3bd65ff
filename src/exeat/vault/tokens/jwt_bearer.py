"""Tokens for whom a signed assertion names (RFC 7523 §2.1)."""

from urllib.parse import urlencode

from exeat.model.secret import Secret
from exeat.model.token_source import JwtBearer, TokenSource
from exeat.vault.tokens.assertion import claims_of, sign_assertion
from exeat.vault.tokens.client import revealed
from exeat.vault.tokens.messages import TokenRequest

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def request_of(source: TokenSource, grant: JwtBearer, *, now: float, nonce: str) -> TokenRequest:
    """The request for a token; claims of one's own win over those that are made here."""
    claims = {"iss": grant.issuer, "sub": grant.subject, "aud": grant.audience, **claims_of(grant.claims)}
    signed = sign_assertion(grant.key, claims, now=now, nonce=nonce, lifetime_s=grant.lifetime_s)
    form = [("grant_type", GRANT_TYPE), ("assertion", signed.reveal())]
    if grant.scope:
        form.append(("scope", grant.scope))
    form += revealed(grant.parameters)
    return TokenRequest(
        source=source,
        target=source.target,
        body=Secret(urlencode(form)),
        secrets=(signed, *(value for _, value in grant.parameters)),
    )
