"""Tokens in the name of somebody who agreed once (RFC 6749 §6)."""

from urllib.parse import urlencode

from exeat.model.secret import Secret
from exeat.model.token_source import RefreshToken, TokenSource
from exeat.vault.tokens.client import revealed, show
from exeat.vault.tokens.messages import TokenRequest


def request_of(
    source: TokenSource, grant: RefreshToken, *, now: float, nonce: str, stored: Secret | None
) -> TokenRequest:
    """The request for a token; `stored` is the refresh token that has taken the first one's place."""
    token = stored or grant.token
    shown = show(grant.client, audience=source.url, now=now, nonce=nonce)
    form = [("grant_type", "refresh_token"), ("refresh_token", token.reveal()), *shown.form]
    if grant.scope:
        form.append(("scope", grant.scope))
    form += revealed(grant.parameters)
    return TokenRequest(
        source=source,
        target=source.target,
        body=Secret(urlencode(form)),
        secrets=(token, *shown.secrets, *(value for _, value in grant.parameters)),
        authorization=shown.authorization,
    )
