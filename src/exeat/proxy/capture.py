"""The first bytes of an exchange's bodies, where its upstream says that they are kept.

Rule 1: what is kept is redacted and sealed before it is written anywhere.
Rule 2: what can't be redacted or sealed isn't kept; the record says why.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final, final

import orjson

from exeat.model.audit import KeptBody
from exeat.model.secret import Secret
from exeat.model.upstream import Bodies
from exeat.policy.redact import Body, redact_body
from exeat.wire.fields import split_field
from exeat.wire.http1 import RequestHead, ResponseHead

Seal = Callable[[bytes, bytes], bytes | None]  # of what, and what it belongs to; None where that can't be done
REQUEST, RESPONSE = "request", "response"


@final
class Side:
    """One body on its way."""

    __slots__ = ("_left", "coding", "kind", "parts", "size")

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.parts: list[bytes] = []
        self.size = 0
        self.kind: bytes | None = None
        self.coding: bytes | None = None

    def take(self, content: bytes) -> None:
        """Look at content that passes by."""
        self.size += len(content)
        if self._left > 0:
            part = content[: self._left]
            self._left -= len(part)
            self.parts.append(part)

    def describe(self, head: RequestHead | ResponseHead) -> None:
        """Take from a head what says how the body is to be read."""
        for line in head.fields:
            if line[:8].lower() == b"content-":
                name, value = split_field(line)
                if name.lower() == b"content-type":
                    self.kind = value
                elif name.lower() == b"content-encoding":
                    # Two fields are one list (RFC 9110 §5.3): the last coding alone doesn't say what is inside.
                    self.coding = value if self.coding is None else self.coding + b", " + value


@final
class Capture:
    """Both bodies of one exchange."""

    __slots__ = ("_rules", "request", "response")

    def __init__(self, rules: Bodies) -> None:
        self._rules: Final = rules
        self.request = Side(rules.request_bytes)
        self.response = Side(rules.response_bytes)

    def seal(self, identifier: str, now: float, needles: tuple[Secret, ...], seal: Seal) -> Iterator[KeptBody]:
        """What is kept of each side that is wanted and had a body."""
        rules = self._rules
        expires = int(now + rules.retention_s)
        for name, side, limit in (
            (REQUEST, self.request, rules.request_bytes),
            (RESPONSE, self.response, rules.response_bytes),
        ):
            if not limit or not side.size:
                continue
            body = Body(b"".join(side.parts), side.size, side.kind, side.coding)
            kept = redact_body(body, rules.redact, needles, limit)
            about = {
                "side": name,
                "type": None if side.kind is None else side.kind.decode("latin-1"),
                "size": side.size,
                "cut": kept.cut,
                "omitted": kept.reason,
            }
            plain = orjson.dumps(about) + b"\n" + (kept.content or b"")
            sealed = seal(plain, context_of(identifier, name))
            if sealed is not None:
                yield KeptBody(identifier, name, expires, sealed)


def context_of(identifier: str, side: str) -> bytes:
    """What a sealed body belongs to: it opens nowhere else."""
    return f"body:{identifier}:{side}".encode()


def digests_of(bodies: list[KeptBody]) -> dict[str, str] | None:
    """What a record says of its bodies: SHA-256 of what is kept of each, so that it can't be exchanged."""
    return {body.side: hashlib.sha256(body.octets).hexdigest() for body in bodies} or None
