"""What may be kept of a body: its secrets taken out, or nothing of it, with the reason.

Rule 1: what can't be looked into isn't kept: an unknown coding, or, where paths are to be taken out, something that
isn't whole JSON.
Rule 2: keys of Exeat and the upstream's own secret are taken out in any case; where one is spelled in a way that can't
be cut out (escaped, in hexadecimal, in UTF-16), nothing of the body is kept.
Rule 3: never more than the limit is kept, also where what was put in is longer than what was taken out.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from exeat.model.json_path import JsonPath, Step
from exeat.model.key import PREFIX, mask
from exeat.model.secret import Secret

REDACTED = "[redacted]"
DEPTH_LIMIT = 64
# Why nothing is kept.
CODED = "its coding can't be undone"
TOO_LARGE = "it is too large to be looked into"
NO_JSON = "it isn't JSON, or nested too deeply"
HIDDEN = "it holds a key or secret in a spelling that can't be taken out"
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
    if body.coding is not None and body.coding.strip().lower() not in {b"", b"identity"}:
        content, cut = _decode(body.content, body.coding.strip().lower(), limit, cut=cut)
        if content is None:
            return Kept(None, cut, CODED)
    assert content is not None  # noqa: S101 - see above
    if paths:
        redacted = None if cut else _redact_json(content, paths)
        if redacted is None:
            return Kept(None, cut, TOO_LARGE if cut else NO_JSON)
        content = redacted
    content = _redact_values(content, needles, cut=cut)
    if content is None:
        return Kept(None, cut, HIDDEN)
    return Kept(content[:limit], cut or len(content) > limit)


def _decode(content: bytes, coding: bytes, limit: int, *, cut: bool) -> tuple[bytes | None, bool]:
    bits = _CODINGS.get(coding)
    if bits is None:
        return None, cut
    decoder = zlib.decompressobj(bits)
    try:
        decoded = decoder.decompress(content, limit + 1)  # one more: only then is the end of the coding seen
    except zlib.error:
        return None, cut
    return decoded[:limit], cut or len(decoded) > limit or not decoder.eof or bool(decoder.unused_data)


def _redact_json(content: bytes, paths: Sequence[JsonPath]) -> bytes | None:
    try:
        value = orjson.loads(content)
        for path in paths:
            value = _without(value, path.steps, DEPTH_LIMIT)
        return orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # it reads deeper values than it writes
        return None


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


def _redact_values(content: bytes, needles: Sequence[Secret], *, cut: bool) -> bytes | None:
    """Keys and secrets replaced; a body that was cut loses what could be the beginning of one.

    None if one is in there that can't be replaced.
    """
    for needle in needles:
        content = content.replace(needle.octets, _MASK)
    content = mask(_KEY.sub(_KEY_MASK, content).decode("latin-1")).encode("latin-1", "replace")
    if _hides(content, needles):
        return None
    if cut:
        longest = max((len(needle.octets) for needle in needles), default=0)
        widest = _WIDEST if _ESCAPING.search(content[-_WIDEST * longest :]) else 2  # of hexadecimal
        content = content[: max(0, len(content) - max(longest * widest, KEY_LENGTH))]
    return content


def _hides(content: bytes, needles: Sequence[Secret]) -> bool:
    """Whether a key or secret is in it that only shows once its spelling is undone."""
    lower = content.lower()
    if _KEY_IN_HEXADECIMAL in lower or any(needle.octets.hex().encode() in lower for needle in needles):
        return True
    # A secret may itself look escaped, so that it is another one after each layer.
    wanted = {view for needle in needles for view in _views(needle.octets)}
    plain = content.replace(b"\0", b"")  # of ASCII, that is what UTF-16 and UTF-32 add
    return any(_shows(view, wanted) for view in _views(plain) if view != content)


def _shows(view: bytes, wanted: set[bytes]) -> bool:
    text = view.decode("latin-1")
    return mask(text) != text or any(secret in view for secret in wanted)


def _views(text: bytes) -> Iterator[bytes]:
    """A text as it is, and after each layer of escapes that is undone."""
    yield text
    for _ in range(LAYERS):
        before, text = text, _ESCAPE.sub(_undo, text)
        if text == before:
            return
        yield text


def _undo(found: re.Match[bytes]) -> bytes:
    percent, unicode, self_, decimal, hexadecimal, name = found.groups()
    if percent is not None:
        return bytes.fromhex(percent.decode())
    if self_ is not None:
        return self_
    if name is not None:
        return _ENTITIES[name]
    number = int(unicode or hexadecimal or decimal, 10 if decimal else 16)
    return chr(number).encode("utf-8", "replace") if number <= _LAST_CHARACTER else found[0]


KEY_LENGTH = 57 * 4 // 3 + 4  # of a key in base64
LAYERS = 3  # of escapes: a URL in a URL in JSON
# Percent-encoding, what JSON and JavaScript escape, and what HTML does.
_ESCAPE = re.compile(
    rb"%([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\([\"'/\\])"
    rb"|&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));"
)
# A key, with all that could be its rest in another spelling.
_KEY = re.compile(
    rb"exeat(?:_|%5[Ff])(?:[0-9A-Za-z_]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|&#(?:[0-9]{1,7}|[xX][0-9A-Fa-f]{1,6});)+"
)
_KEY_MASK = mask("exeat_a").encode("latin-1", "replace")
_ESCAPING = re.compile(rb"[%\\&\0]")
_ENTITIES = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_WIDEST = 6  # bytes of one in the widest spelling
_LAST_CHARACTER = 0x10FFFF
_KEY_IN_HEXADECIMAL = PREFIX.hex().encode()
