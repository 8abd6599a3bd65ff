"""What a Signature Version 4 of AWS is made of: the canonical form of a request, the scope, and the key for a day.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Rule 1: S3 signs the path as it is; every other service encodes it once more, after empty segments have gone.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = b"AWS4-HMAC-SHA256"
TERMINATOR: Final = b"aws4_request"
EMPTY: Final = hashlib.sha256(b"").hexdigest().encode()
UNSIGNED: Final = b"UNSIGNED-PAYLOAD"
UNSIGNED_CHUNKS: Final = b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_CHUNKS: Final = frozenset({b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"})
STREAMING: Final = b"STREAMING-"  # what the names of all ways to send a body in chunks of AWS begin with
PLAIN_PATHS: Final = frozenset({b"s3", b"s3-outposts", b"s3-object-lambda", b"s3express"})
_UNRESERVED: Final = "-_.~"


class Scope(NamedTuple):
    """What a signing key is good for: one day (`YYYYMMDD`), one region, one service."""

    day: bytes
    region: bytes
    service: bytes

    def __bytes__(self) -> bytes:
        return b"/".join((*self, TERMINATOR))


def canonical_path(path: bytes, service: bytes) -> bytes:
    """A path as it is signed for a service; escapes are written as AWS writes them."""
    if service in PLAIN_PATHS:
        return b"/".join([_encode(unquote_to_bytes(segment)) for segment in path.split(b"/")])
    return quote(squeezed(path), safe="/~").encode()


def squeezed(path: bytes) -> bytes:
    """A path without its empty segments."""
    if b"//" not in path:
        return path or b"/"
    inner = b"/".join(segment for segment in path.split(b"/") if segment)
    return b"/%b/" % inner if inner and path.endswith(b"/") else b"/" + inner


def canonical_query(query: bytes | None) -> bytes:
    """A query as it is signed: every name and value encoded in one way, sorted; a `+` is a space."""
    if not query:
        return b""
    pairs = []
    for part in query.split(b"&"):
        name, _, value = part.replace(b"+", b"%20").partition(b"=")
        pairs.append((_encode(unquote_to_bytes(name)), _encode(unquote_to_bytes(value))))
    return join_pairs(pairs)


def join_pairs(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """Encoded names and values in the order in which they are signed."""
    return b"&".join(b"%b=%b" % pair for pair in sorted(pairs))


def canonical_value(value: bytes) -> bytes:
    """A field's value as it is signed: runs of white space are one space."""
    return b" ".join(value.split())


def canonical_request(
    method: bytes, path: bytes, query: bytes, fields: Iterable[tuple[bytes, bytes]], payload: bytes
) -> bytes:
    """The canonical request; path, query and values are canonical, `fields` sorted by their lower-case names."""
    lines, names = [], []
    for name, value in fields:
        lines.append(b"%b:%b\n" % (name, value))
        names.append(name)
    return b"%b\n%b\n%b\n%b\n%b\n%b" % (method, path, query, b"".join(lines), b";".join(names), payload)


def text_to_sign(canonical: bytes, time: bytes, scope: Scope) -> bytes:
    """What the signing key signs; `time` is `YYYYMMDDTHHMMSSZ`."""
    digest = hashlib.sha256(canonical).hexdigest().encode()
    return b"%b\n%b\n%b\n%b" % (ALGORITHM, time, bytes(scope), digest)


def signing_key(secret: bytes, scope: Scope) -> bytes:
    """The key for one day, region and service."""
    key = b"AWS4" + secret
    for part in (*scope, TERMINATOR):
        key = hmac.digest(key, part, "sha256")
    return key


def signature_of(key: bytes, text: bytes) -> bytes:
    """The signature of a text by a signing key, in hexadecimal."""
    return hmac.digest(key, text, "sha256").hex().encode()


def _encode(text: bytes) -> bytes:
    return text if text.isalnum() else quote(text, safe=_UNRESERVED).encode()
