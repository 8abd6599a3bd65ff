"""Patterns over paths: what they look like and what they match.

`*` stands for one or more characters within a segment; a last `/**` stands for the path before it and all below it;
`**` alone, or `/**`, for every path. Matching is case-sensitive and on whole segments: `/v1/*` doesn't match `/v1beta`.
"""

import re
from typing import NamedTuple

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
    whole, below = (text[:-3], rb"(?:/.*)?") if text.endswith("/**") else (text, b"")
    if "**" in whole:
        msg = f"{text!r}: '**' may only be the last segment, as in '/v1/**'"
        raise ValueError(msg)
    body = rb"[^/]+".join(re.escape(part.encode()) for part in whole.split("*"))
    return PathPattern(text, re.compile(body + below, re.DOTALL))
