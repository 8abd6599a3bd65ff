"""Injected secrets in a body on its way back: every spelling of one is covered with asterisks, as many as it has bytes.

Rule 1: the body may come in any slices; a secret that stands across their borders is found as well.
Rule 2: nothing else changes, the length least of all, so that the framing of the body stays true.
Rule 3: what is held back is only what may be the beginning of a spelling: a stream isn't slowed down.
"""

import html
import json
from functools import lru_cache
from typing import Final, final
from urllib.parse import quote, quote_plus

from exeat.model.secret import Secret

MASK: Final = b"*"
_ESCAPED_IN_JSON: Final = ("&<>", "\"&<>'+`")  # what Go, and .NET in capitals, write by its number


@final
class BodyScrub:
    """Covers the spellings of secrets in one body."""

    def __init__(self, needles: tuple[Secret, ...]) -> None:
        self._spellings = spellings(needles)
        self._longest = max(map(len, self._spellings), default=0)
        self._held = b""
        self._covered = b""  # what is held, with what was found in it covered already

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; what can leave by now."""
        text = self._held + data if self._held else data
        covered: bytearray | None = None
        for spelling in self._spellings:
            at = text.find(spelling)
            while at >= 0:
                if covered is None:
                    covered = bytearray(self._covered + data)
                covered[at : at + len(spelling)] = MASK * len(spelling)
                at = text.find(spelling, at + 1)
        shown = self._covered + data if covered is None else bytes(covered)
        cut = self._cut(text)
        self._held, self._covered = text[cut:], shown[cut:]
        return shown[:cut]

    def _cut(self, text: bytes) -> int:
        """Where the longest end of a text begins that is the beginning of a spelling."""
        cut = size = len(text)
        for spelling in self._spellings:
            at = text.find(spelling[0], max(0, size - len(spelling) + 1), cut)
            while at >= 0:
                if spelling.startswith(text[at:]):
                    cut = at
                    break
                at = text.find(spelling[0], at + 1, cut)
        return cut

    def finish(self) -> bytes:
        """The body is complete; what was held back."""
        covered, self._held, self._covered = self._covered, b"", b""
        return covered


@lru_cache(maxsize=64)
def spellings(needles: tuple[Secret, ...]) -> tuple[bytes, ...]:
    """The needles in all ways in which bodies spell them: as they are, and escaped for URLs, JSON and HTML."""
    found: dict[bytes, None] = {}
    for needle in needles:
        for spelling in _spellings(needle.reveal()):
            found[spelling.encode()] = None
    return tuple(found)


def _spellings(text: str) -> list[str]:
    # As Python's quote, JavaScript's encodeURIComponent, and forms write it.
    encoded = [quote(text, safe=""), quote(text, safe="!'()*"), quote_plus(text)]
    escaped = json.dumps(text)[1:-1]
    return [
        text,
        *encoded,
        *map(_lower_escapes, encoded),
        escaped,
        json.dumps(text, ensure_ascii=False)[1:-1],
        escaped.replace("/", r"\/"),  # PHP
        *(_escape_more(escaped, characters) for characters in _ESCAPED_IN_JSON),
        html.escape(text),
        html.escape(text, quote=False),
    ]


def _lower_escapes(encoded: str) -> str:
    """Percent-encoding with lower-case digits."""
    first, *others = encoded.split("%")
    return "%".join([first, *(other[:2].lower() + other[2:] for other in others)])


def _escape_more(escaped: str, characters: str) -> str:
    """A string of JSON with these characters, too, written by their number."""
    escaped = escaped.replace(r"\"", '"') if '"' in characters else escaped
    for character in characters:
        digits = f"{ord(character):04x}"
        escaped = escaped.replace(character, r"\u" + (digits.upper() if '"' in characters else digits))
    return escaped
