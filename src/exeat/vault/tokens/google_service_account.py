"""Access and ID tokens of a Google service account.

https://developers.google.com/identity/protocols/oauth2/service-account says how access tokens are had,
https://docs.cloud.google.com/docs/authentication/get-id-token how ID tokens are (`target_audience`).
"""

from urllib.parse import urlencode

from exeat.model.secret import Secret
from exeat.model.token_source import GoogleServiceAccount, TokenSource
from exeat.vault.tokens.answer import parse_token
from exeat.vault.tokens.assertion import BACKDATED_S, sign_assertion
from exeat.vault.tokens.jwt_bearer import GRANT_TYPE
from exeat.vault.tokens.messages import Fetched, TokenAnswer, TokenRequest

_LIFETIME_S = 3600.0 - BACKDATED_S  # Google takes at most an hour between iat and exp


def request_of(source: TokenSource, grant: GoogleServiceAccount, *, now: float) -> TokenRequest:
    """The request for a token."""
    claims = {
        "iss": grant.email,
        "sub": grant.subject,
        "aud": grant.token_url,
        "scope": grant.scope,
        "target_audience": grant.audience,
    }
    signed = sign_assertion(grant.key, claims, now=now, nonce=None, lifetime_s=_LIFETIME_S)
    form = [("grant_type", GRANT_TYPE), ("assertion", signed.reveal())]
    return TokenRequest(source=source, target=source.target, body=Secret(urlencode(form)), secrets=(signed,))


def parse_answer(request: TokenRequest, grant: GoogleServiceAccount, answer: TokenAnswer, *, now: float) -> Fetched:
    """The access token, or the ID token, which says itself when it ends."""
    name = "id_token" if grant.audience else "access_token"
    return parse_token(answer, secrets=request.secrets, now=now, signs=True, name=name)
