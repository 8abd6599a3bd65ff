"""The shape of an Exeat key: `exeat_<id 12>_<secret 32><check 6>`, base62.

The check is the CRC-32 of everything before it, so that a mistyped key is told from an unknown one,
and a secret scanner can tell a key from a string that only looks like one.
"""

import hashlib
import re
import zlib
from bisect import bisect_left
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 12
SECRET_LENGTH = 32
CHECK_LENGTH = 6
PREFIX = b"exeat_"
# In base64 the prefix has three spellings, by where it begins in its group of three bytes.
_BASE64 = ("ZXhlYXRf", "V4ZWF0X", "leGVhdF")
# A signed link (policy/signed_links.py) is as good as a key for what it leads to.
_LIKE_A_KEY = re.compile(
    r"exeat-link(?:=|%3[Dd])[0-9A-Za-z._-]+|exeat_[0-9A-Za-z_]+|(?:" + "|".join(_BASE64) + r")[0-9A-Za-z+/_=%-]*"
)
# What a key or link is made of, percent-encoded (RFC 3986 says that it needn't be, and every server undoes it), and '%'
# itself. What is usual in a path or query, such as %20, %2F or UTF-8, isn't among it, and costs no more than a search.
_ESCAPE = re.compile("%(2[5DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")
_MASK = "exeat_…"
LAYERS = 3  # of percent-encoding that are undone: a URL in a URL in a URL
SHAPE = re.compile(rb"exeat_([0-9A-Za-z]{12})_[0-9A-Za-z]{38}")


class NewKey(NamedTuple):
    """A key as it is made: the only moment at which its text exists on Exeat's side."""

    key: str
    id: str
    sha256: str

    def __repr__(self) -> str:
        """Without the key: it is shown once, and on purpose."""
        return f"NewKey(id={self.id!r})"


class Presented(NamedTuple):
    """The one key that a request shows, and the fields (lower-case) and query parameter that held it."""

    key: bytes
    fields: frozenset[bytes]
    parameter: bytes | None

    def __repr__(self) -> str:
        """Without the key."""
        return f"Presented(fields={sorted(self.fields)}, parameter={self.parameter!r})"


def check_of(text: bytes) -> bytes:
    """CRC-32 of `text` as six base62 digits."""
    number = zlib.crc32(text)
    digits = []
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits)).encode()


def is_well_formed(key: bytes) -> bool:
    """Whether `key` has the shape of an Exeat key and its check is right."""
    return SHAPE.fullmatch(key) is not None and check_of(key[:-CHECK_LENGTH]) == key[-CHECK_LENGTH:]


def mask(text: str) -> str:
    """A text with all that begins like an Exeat key, as it is or in base64, replaced: for logs and answers.

    Percent-encoded characters of a key are found too, whichever they are, encoded up to three times.
    """
    if "%" in text and _ESCAPE.search(text) is not None:
        return _mask_encoded(text)
    return _LIKE_A_KEY.sub(_MASK, text) if _has_beginning(text) else text


def _has_beginning(text: str) -> bool:
    first, second, third = _BASE64
    return "exeat" in text or first in text or second in text or third in text


def _mask_encoded(text: str) -> str:
    """What is found once nothing is encoded any more is found as it is too: its characters stay what they are."""
    layers = []
    plain = text
    for _ in range(LAYERS):
        plain, places = _decode(plain)
        if not places:
            break
        layers.append(places)
    if not _has_beginning(plain):
        return text
    kept = []
    end = 0
    for found in _LIKE_A_KEY.finditer(plain):
        first, last = found.span()
        for places in reversed(layers):  # back to where they are in what was written
            first += 2 * bisect_left(places, first)
            last += 2 * bisect_left(places, last)
        kept += [text[end:first], _MASK]
        end = last
    return "".join([*kept, text[end:]])


def _decode(text: str) -> tuple[str, list[int]]:
    """A text with one layer of percent-encoding undone, and where in it the characters are that were encoded."""
    parts: list[str] = []
    places: list[int] = []
    end = 0
    for found in _ESCAPE.finditer(text):
        first = found.start()
        places.append(first - 2 * len(places))
        parts += (text[end:first], chr(int(found[1], 16)))
        end = first + 3
    parts.append(text[end:])
    return "".join(parts), places


def make_key(symbols: str) -> NewKey:
    """Build a key from 44 random base62 symbols (12 for the id, 32 for the secret: 190 bits)."""
    body = f"exeat_{symbols[:ID_LENGTH]}_{symbols[ID_LENGTH : ID_LENGTH + SECRET_LENGTH]}".encode()
    key = body + check_of(body)
    return NewKey(key.decode(), symbols[:ID_LENGTH], hashlib.sha256(key).hexdigest())
