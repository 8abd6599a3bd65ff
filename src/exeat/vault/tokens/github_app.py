"""Installation tokens of a GitHub App.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app says how the assertion is made,
https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app what is asked and answered.
"""

import orjson

from exeat.model.secret import Secret
from exeat.model.token_source import GithubApp, TokenSource
from exeat.vault.tokens.answer import check_life, check_token, ends_in, parse_object
from exeat.vault.tokens.assertion import sign_assertion
from exeat.vault.tokens.messages import JSON, Fetched, TokenAnswer, TokenRequest

VERSION = "2022-11-28"
_LIFETIME_S = 540.0  # GitHub takes at most ten minutes, and the assertion begins a minute ago


def request_of(source: TokenSource, grant: GithubApp, *, now: float) -> TokenRequest:
    """The request for a token."""
    signed = sign_assertion(grant.key, {"iss": grant.app_id}, now=now, nonce=None, lifetime_s=_LIFETIME_S)
    wanted = {"repositories": list(grant.repositories), "permissions": dict(grant.permissions)}
    body = orjson.dumps({name: value for name, value in wanted.items() if value})
    return TokenRequest(
        source=source,
        target=source.target,
        body=Secret(body.decode()),
        secrets=(signed,),
        content_type=JSON,
        accept="application/vnd.github+json",
        authorization=Secret(f"Bearer {signed.reveal()}"),
        more=(("X-GitHub-Api-Version", VERSION),),
    )


def parse_answer(request: TokenRequest, answer: TokenAnswer, *, now: float) -> Fetched:
    """The token, which GitHub lets live for an hour."""
    found = parse_object(answer, secrets=request.secrets, now=now, signs=True)
    token = check_token(found.get("token"), "token")
    return Fetched(token, check_life(ends_in(found.get("expires_at"), answer, now)))
