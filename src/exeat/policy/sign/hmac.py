"""Signatures by HMAC (RFC 2104) over a text that a template makes of the request.

Rule 1: what is signed is what leaves: the path and query as they are sent, the body octet by octet.
Rule 2: one time stands in the text and in the fields, and each attempt has its own.
"""

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from exeat.model.signing import HmacSignature, TimestampFormat
from exeat.policy.sign.template import FIELD, fill_template
from exeat.wire.fields import name_of, split_field
from exeat.wire.outgoing import Outgoing


def sign_hmac(outgoing: Outgoing, signing: HmacSignature, now: float) -> Outgoing:
    """The request with its signature; fields of the same names go. `now` is in seconds since 1970."""
    content = _Content(outgoing, render_timestamp(now, signing.timestamp))
    digest = hmac.new(signing.key.reveal().encode("latin-1"), digestmod=signing.algorithm)
    for piece in fill_template(signing.template, content.value_of):
        digest.update(piece)
    content.signature = _encode(digest.digest(), signing.encoding)
    own = {name.lower().encode() for name, _ in signing.fields}
    lines = [line for line in outgoing.lines if name_of(line) not in own]
    for name, template in signing.fields:
        value = b"".join(fill_template(template, content.value_of))
        lines.append(b"%b: %b\r\n" % (name.encode(), value))
    return outgoing._replace(lines=lines)


def render_timestamp(now: float, form: TimestampFormat) -> bytes:
    """A time as an API wants it: `1767225600`, `1767225600123`, `2026-01-01T00:00:00.123Z`, or as in `Date`."""
    match form:
        case "seconds":
            return b"%d" % int(now)
        case "milliseconds":
            return b"%d" % round(now * 1000)
        case "iso8601":
            whole = datetime.fromtimestamp(now, UTC)
            return f"{whole:%Y-%m-%dT%H:%M:%S}.{whole.microsecond // 1000:03d}Z".encode()
        case "http":
            return format_datetime(datetime.fromtimestamp(int(now), UTC), usegmt=True).encode()


class _Content:
    """What the placeholders stand for in one request."""

    def __init__(self, outgoing: Outgoing, timestamp: bytes) -> None:
        self._outgoing: Final = outgoing
        self._timestamp: Final = timestamp
        self._body: Final = outgoing.body or b""
        self.signature = b""

    def value_of(self, name: str) -> bytes:
        """What stands in a placeholder's place; a field that isn't there is empty, and one sent twice is a list."""
        outgoing = self._outgoing
        match name:
            case "method":
                return outgoing.method
            case "host":
                return outgoing.host
            case "path":
                return outgoing.path
            case "query":
                return outgoing.query or b""
            case "target":
                return outgoing.target
            case "timestamp":
                return self._timestamp
            case "signature":
                return self.signature
            case _:
                return self._of_field(name) if name.startswith(FIELD) else self._of_body(name)

    def _of_body(self, name: str) -> bytes:
        match name:
            case "body_sha256":
                return hashlib.sha256(self._body).hexdigest().encode()
            case "body_sha256_base64":
                return b64encode(hashlib.sha256(self._body).digest())
            case _:
                return self._body

    def _of_field(self, name: str) -> bytes:
        wanted = name.removeprefix(FIELD).lower().encode()
        return b", ".join(split_field(line)[1] for line in self._outgoing.lines if name_of(line) == wanted)


def _encode(digest: bytes, encoding: str) -> bytes:
    return b64encode(digest) if encoding == "base64" else digest.hex().encode()
