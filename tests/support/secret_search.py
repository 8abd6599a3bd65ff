"""Looking for secrets in what was sent, said or written, in every spelling in which they could hide."""

import base64
import binascii
import json
import re
import sys
from array import array
from collections.abc import Iterator
from html import escape
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

PIECE_BYTES = 8  # a piece of a random text that is no coincidence; what is searched is looked at in steps of as many
_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")


def holds(haystack: bytes, secret: str) -> bool:
    """Whether bytes hold a secret: as it is, percent-encoded, or anywhere within something in base64."""
    needle = secret.encode()
    return any(needle in view for view in views(haystack))


def views(haystack: bytes) -> list[bytes]:
    """Bytes as they are, without their percent-encoding (a '+' left, or a space), and what in them could be base64."""
    plain = [haystack]
    for text in (haystack, haystack.replace(b"+", b" ")):
        once = unquote_to_bytes(text)
        plain += [once, unquote_to_bytes(once)]
    plain = list(dict.fromkeys(plain))
    return plain + [decoded for view in plain for decoded in _decoded(view)]


def _decoded(haystack: bytes) -> list[bytes]:
    """What every stretch that could be base64 decodes to, wherever in it the base64 begins."""
    found = []
    for match in _BASE64.finditer(haystack):
        for start in range(4):
            text = match[0].rstrip(b"=")[start:].translate(_ONE_ALPHABET)
            text = text[: len(text) - (len(text) % 4 == 1)]
            found.append(binascii.a2b_base64(text + b"=="))
    return found


def basic(user: str, password: str) -> str:
    """The value of Authorization for basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def pieces_in(haystack: bytes, text: str) -> list[bytes]:
    """The pieces of a text that bytes hold in some spelling: of eight bytes, which is no coincidence any more."""
    octets = text.encode()
    wanted = {octets[at : at + PIECE_BYTES] for at in range(max(len(octets) - PIECE_BYTES + 1, 1))}
    everything = b"\0".join(views(haystack))
    return sorted(piece for piece in wanted if piece in everything)


def spellings(text: str) -> dict[str, bytes]:
    """How a text looks when it was escaped or encoded by something on its way, by the spelling's name."""
    octets = text.encode()
    escaped = quote(text, safe="")
    found = {
        "as it is": octets,
        "percent-encoded": escaped.encode(),
        "percent-encoded in lower case": re.sub("%..", lambda match: match[0].lower(), escaped).encode(),
        "percent-encoded whole": "".join(f"%{octet:02X}" for octet in octets).encode(),
        "in JSON": json.dumps(text)[1:-1].encode(),
        "in HTML": escape(text).encode(),
        "in Python": ascii(octets)[2:-1].encode(),
        "in hexadecimal": octets.hex().encode(),
        "in upper-case hexadecimal": octets.hex().upper().encode(),
    }
    for before in range(3):
        encoded = within_base64(octets, before)
        found[f"in base64 after {before}"] = encoded
        found[f"in base64 for URLs after {before}"] = encoded.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def within_base64(octets: bytes, before: int) -> bytes:
    """What base64 makes of bytes alone where `before` others (modulo 3) come first."""
    encoded = base64.b64encode(bytes(before) + octets)
    return encoded[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6]


class Found(NamedTuple):
    """A text that was found: its name, how it was spelled, and where."""

    name: str
    spelling: str
    offset: int


class Index:
    """Many texts that are looked for at once, in all their spellings, at a cost that hardly grows with their number."""

    def __init__(self) -> None:
        self._by_gram: dict[int, set[bytes]] = {}
        self._short: set[bytes] = set()
        self._names: dict[bytes, tuple[str, str]] = {}

    def add(self, name: str, text: str) -> None:
        """Look for a text from now on; one of less than eight bytes would be found by chance."""
        if len(text.encode()) < PIECE_BYTES:
            return
        for spelling, needle in spellings(text).items():
            if needle in self._names:
                continue
            self._names[needle] = name, spelling
            if len(needle) < 2 * PIECE_BYTES - 1:
                self._short.add(needle)
                continue
            for at in range(PIECE_BYTES):  # one of them begins where the search looks
                gram = int.from_bytes(needle[at : at + PIECE_BYTES], sys.byteorder)
                self._by_gram.setdefault(gram, set()).add(needle)

    def find(self, data: bytes) -> Iterator[Found]:
        """Every text that stands in bytes, with the first place of each spelling."""
        grams = set(array("Q", data[: len(data) // PIECE_BYTES * PIECE_BYTES]))
        needles = set(self._short)
        for gram in self._by_gram.keys() & grams:
            needles |= self._by_gram[gram]
        for needle in needles:
            offset = data.find(needle)
            if offset >= 0:
                yield Found(*self._names[needle], offset)
