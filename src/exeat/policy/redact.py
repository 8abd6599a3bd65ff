"""What may be kept of a body: its secrets taken out, or nothing of it, with the reason.

Rule 1: what can't be looked into isn't kept: an unknown coding, or, where paths are to be taken out, something that
isn't whole JSON.
Rule 2: keys of Exeat and the upstream's own secret are taken out in any case.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from exeat.model.json_path import JsonPath, Step
from exeat.model.key import mask
from exeat.model.secret import Secret

REDACTED = "[redacted]"
DEPTH_LIMIT = 64
_MASK = b"[redacted]"
_CODINGS = {b"gzip": 47, b"x-gzip": 47, b"deflate": 47}  # zlib's wbits: its header says which of both it is


class Body(NamedTuple):
    """A body as far as it was seen: the first bytes, how many there were in all, and what its fields say of it."""

    content: bytes
    size: int
    kind: bytes | None
    coding: bytes | None


class Kept(NamedTuple):
    """What is kept of a body: its content, or the reason why not."""

    content: bytes | None
    cut: bool
    reason: str | None = None


def redact_body(body: Body, paths: Sequence[JsonPath], needles: Sequence[Secret], limit: int) -> Kept:
    """Take out what may not be kept; `limit` is how many decoded bytes may be."""
    cut = body.size > len(body.content)
    content: bytes | None = body.content
    if body.coding is not None and body.coding.lower() not in {b"", b"identity"}:
        content, cut = _decode(body.content, body.coding.lower(), limit, cut=cut)
        if content is None:
            return Kept(None, cut, "its coding can't be undone")
    assert content is not None  # noqa: S101 - see above
    if paths:
        redacted = None if cut else _redact_json(content, paths)
        if redacted is None:
            return Kept(None, cut, "it is too large to be looked into" if cut else "it isn't JSON")
        content = redacted
    return Kept(_redact_values(content, needles, cut=cut), cut)


def _decode(content: bytes, coding: bytes, limit: int, *, cut: bool) -> tuple[bytes | None, bool]:
    bits = _CODINGS.get(coding)
    if bits is None:
        return None, cut
    decoder = zlib.decompressobj(bits)
    try:
        decoded = decoder.decompress(content, limit)
    except zlib.error:
        return None, cut
    return decoded, cut or not decoder.eof


def _redact_json(content: bytes, paths: Sequence[JsonPath]) -> bytes | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    for path in paths:
        value = _without(value, path.steps, DEPTH_LIMIT)
    return orjson.dumps(value)


def _without(value: object, steps: Sequence[Step], depth: int) -> object:
    """A value with what a path leads to replaced; what lies deeper than anyone writes is replaced whole."""
    if not steps or depth <= 0:
        return REDACTED
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        return {name: _member(name, item, step, rest, steps, depth) for name, item in value.items()}
    if isinstance(value, list):
        if step.deep:
            return [_without(item, steps, depth - 1) if isinstance(item, dict | list) else item for item in value]
        return [_without(item, rest, depth - 1) for item in value] if step.name is None else value
    return value


def _member(name: str, item: object, step: Step, rest: Sequence[Step], steps: Sequence[Step], depth: int) -> object:
    if step.name is None or step.name == name:
        item = _without(item, rest, depth - 1) if not rest or isinstance(item, dict | list) else item
    if step.deep and isinstance(item, dict | list):
        return _without(item, steps, depth - 1)
    return item


def _redact_values(content: bytes, needles: Sequence[Secret], *, cut: bool) -> bytes:
    """Keys and secrets replaced; a body that was cut loses what could be the beginning of one."""
    for needle in needles:
        content = content.replace(needle.octets, _MASK)
    if cut:
        longest = max((len(needle.octets) for needle in needles), default=0)
        content = content[: max(0, len(content) - max(longest, KEY_LENGTH))]
    return mask(content.decode("latin-1")).encode("latin-1", "replace")


KEY_LENGTH = 57 * 4 // 3 + 4  # of a key in base64
