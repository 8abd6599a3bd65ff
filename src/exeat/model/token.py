"""What a worker is told of a token that is fetched for it: the token itself, or why there is none."""

import hashlib
from typing import NamedTuple

from exeat.model.secret import Secret


class TokenNews(NamedTuple):
    """What is known of the token of one source. Seconds count from when it was said.

    `token` is None where there is none that could be shown; `reason` says why it couldn't be fetched, in a sentence
    without secrets, also where the last one is still good; the next try is in `again_in_s`. A token without
    `expires_in_s` lasts until it is refused.
    """

    source: str
    token: Secret | None = None
    expires_in_s: float | None = None
    reason: str | None = None
    again_in_s: float | None = None


def token_print(token: Secret) -> str:
    """What tells a token from the ones before it, without being it."""
    return hashlib.sha256(token.octets).hexdigest()[:16]
