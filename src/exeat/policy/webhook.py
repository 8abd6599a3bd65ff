"""How a message to a webhook is signed: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error
from typing import Final

from exeat.model.secret import Secret

PREFIX: Final = "whsec_"
KEY_BYTES: Final = (24, 64)


def parse_secret(text: str) -> Secret:
    """The secret without its prefix; ValueError unless it is base64 of as many bytes as a key has."""
    bare = text.removeprefix(PREFIX)
    least, most = KEY_BYTES
    try:
        size = len(b64decode(bare, validate=True))
    except (Error, ValueError):
        size = 0
    if not least <= size <= most:
        raise ValueError(
            f"must be base64 of {least} to {most} random bytes, as 'openssl rand -base64 32' prints it;"
            f" '{PREFIX}' may stand before it"
        )
    return Secret(bare)


def sign(secret: Secret, identifier: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` for a message that is sent at a time (s since 1970)."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    digest = hmac.new(b64decode(secret.reveal()), signed, hashlib.sha256).digest()
    return f"v1,{b64encode(digest).decode()}"
