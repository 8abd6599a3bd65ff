"""Looking for secrets in what was sent or said, in every spelling in which they could hide."""

import base64
import binascii
import re
from urllib.parse import quote, unquote_to_bytes

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")


def holds(haystack: bytes, secret: str) -> bool:
    """Whether bytes hold a secret: as it is, percent-encoded, or anywhere within something in base64."""
    needle = secret.encode()
    if needle in haystack or needle in unquote_to_bytes(haystack) or quote(secret, safe="").encode() in haystack:
        return True
    return any(needle in decoded for decoded in _decoded(haystack))


def _decoded(haystack: bytes) -> list[bytes]:
    """What every stretch that could be base64 decodes to."""
    found = []
    for match in _BASE64.finditer(haystack):
        text = match[0].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            found.append(binascii.a2b_base64(text + b"=" * (-len(text) % 4)))
        except binascii.Error:
            continue
    return found


def basic(user: str, password: str) -> str:
    """The value of Authorization for basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
