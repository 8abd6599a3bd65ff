"""Patterns over paths: what they look like and what they match.

`*` stands for one or more characters within a segment; a last `/**` stands for the path before it and all below it;
`**` alone, or `/**`, for every path. Matching is case-sensitive and on whole segments: `/v1/*` doesn't match `/v1beta`.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

AMBIGUOUS = re.compile(rb"%(?:2F|5C|00)|//|\\")  # in a canonical path: what servers don't agree about
_PARAMETERS = re.compile(rb";[^/]*")
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
PATTERN = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()+,;=:@%*]+/?)*")


class PathPattern(NamedTuple):
    """One pattern: as written, and compiled."""

    text: str
    regex: re.Pattern[bytes]


class PathRules(NamedTuple):
    """Which paths may be called: at least one `allow` (or none listed), and no `deny`."""

    allow: tuple[PathPattern, ...]
    deny: tuple[PathPattern, ...]


def compile_path(text: str) -> PathPattern:
    """Compile one pattern; ValueError says what is wrong with it and what it could be."""
    if text in {"**", "/**"}:
        return PathPattern(text, re.compile(rb"/.*", re.DOTALL))
    if not PATTERN.fullmatch(text):
        msg = f"{text!r} is not a path pattern; begin with '/', as in '/v1/charges/**'"
        raise ValueError(msg)
    spelled = canonical(text.encode()).decode()
    whole, below = (spelled[:-3], rb"(?:/.*)?") if spelled.endswith("/**") else (spelled, b"")
    if "**" in whole:
        msg = f"{text!r}: '**' may only be the last segment, as in '/v1/**'"
        raise ValueError(msg)
    body = rb"[^/]+".join(re.escape(part.encode()) for part in whole.split("*"))
    return PathPattern(text, re.compile(body + below, re.DOTALL))


def canonical(path: bytes) -> bytes:
    """A path with every escape in its one form (RFC 3986 §6.2.2): none for unreserved characters, else in capitals."""
    return _ESCAPE.sub(_one_form, path) if b"%" in path else path


def _one_form(match: re.Match[bytes]) -> bytes:
    octet = int(match[0][1:], 16)
    return bytes([octet]) if octet in _UNRESERVED else match[0].upper()


def readings(path: bytes) -> Iterable[bytes]:
    """What servers make of a path: as it stands, decoded, and without parameters (some read /a;x as /a)."""
    decoded = unquote_to_bytes(path)
    return {path, decoded, _PARAMETERS.sub(b"", path), _PARAMETERS.sub(b"", decoded)}
