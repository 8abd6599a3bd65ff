"""The shape of an Exeat key: `exeat_<id 12>_<secret 32><check 6>`, base62.

The check is the CRC-32 of everything before it, so that a mistyped key is told from an unknown one,
and a secret scanner can tell a key from a string that only looks like one.
"""

import hashlib
import re
import zlib
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 12
SECRET_LENGTH = 32
CHECK_LENGTH = 6
PREFIX = b"exeat_"
# A path may spell '_' as %5F. In base64 the prefix has three spellings, by where it begins in its group of three bytes.
_BASE64 = ("ZXhlYXRf", "V4ZWF0X", "leGVhdF")
# A signed link (policy/signed_links.py) is as good as a key for what it leads to.
_LIKE_A_KEY = re.compile(
    r"exeat-link(?:=|%3[Dd])[0-9A-Za-z._-]+|exeat(?:_|%5[Ff])(?:[0-9A-Za-z_]|%5[Ff])+|(?:"
    + "|".join(_BASE64)
    + r")[0-9A-Za-z+/_=%-]*"
)
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
    """A text with everything that begins like an Exeat key, as it is or in base64, replaced: for logs and answers."""
    first, second, third = _BASE64
    if "exeat" in text or first in text or second in text or third in text:
        return _LIKE_A_KEY.sub("exeat_…", text)
    return text


def make_key(symbols: str) -> NewKey:
    """Build a key from 44 random base62 symbols (12 for the id, 32 for the secret: 190 bits)."""
    body = f"exeat_{symbols[:ID_LENGTH]}_{symbols[ID_LENGTH : ID_LENGTH + SECRET_LENGTH]}".encode()
    key = body + check_of(body)
    return NewKey(key.decode(), symbols[:ID_LENGTH], hashlib.sha256(key).hexdigest())
