"""A keyring: the master keys under which data keys are wrapped, and how they are written.

Rule 1: the first key seals, every key opens; a key's id says which one opens a value, and tells nothing of the key.
Rule 2: a key stands in no message, and can't be printed or pickled.

In text a key is its 32 bytes in base64url; several stand on lines of their own or with commas between them. From `#` to
the end of its line is a comment.
"""

import hashlib
import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Literal, Never, Self

from exeat.model.sealed import ID_BYTES

KEY_BYTES = 32
# Random bytes have fewer distinct ones once in 2**83 keys; placeholders such as AAAA… always have.
LEAST_DISTINCT = 12
NEW_KEY = "openssl rand -base64 32 | tr +/ -_"  # a command that makes a key
_ID_PURPOSE = b"exeat master key\0"
_WRITTEN = re.compile(r"[A-Za-z0-9_-]{43}=?")


class KeyringError(Exception):
    """A keyring that can't be used; the sentence says what to do, and holds no key."""


class MasterKey:
    """A key of 256 bits that wraps data keys; only `reveal` and `octets` give it out.

    `id` is 16 hexadecimal digits of a SHA-256 of the key: it may be shown.
    """

    __slots__ = ("id", "octets")

    def __init__(self, octets: bytes) -> None:
        if len(octets) != KEY_BYTES:
            raise KeyringError(f"a master key has {KEY_BYTES} bytes, this one {len(octets)}")
        self.octets = octets
        self.id = hashlib.sha256(_ID_PURPOSE + octets).digest()[:ID_BYTES].hex()

    @classmethod
    def make(cls) -> Self:
        """A new key."""
        return cls(os.urandom(KEY_BYTES))

    def reveal(self) -> str:
        """The key as it is written in a keyring: call this only where it is kept, or handed to a child process."""
        return urlsafe_b64encode(self.octets).decode("ascii").rstrip("=")

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MasterKey):
            return NotImplemented
        return hmac.compare_digest(self.octets, other.octets)

    def __hash__(self) -> int:
        return hash((MasterKey, self.id))

    def __reduce__(self) -> Never:
        raise TypeError("a MasterKey can't be pickled or copied; hand over what its keyring reveals")


class Keyring:
    """Master keys, the one that seals first; KeyringError if there is none, or one twice."""

    __slots__ = ("_by_id", "keys")

    def __init__(self, *keys: MasterKey) -> None:
        self.keys = keys
        self._by_id = {key.id: key for key in keys}
        if not keys:
            raise KeyringError("there is no key")
        if len(self._by_id) < len(keys):
            raise KeyringError("the same key is there twice")

    @property
    def sealing(self) -> MasterKey:
        """The key that seals."""
        return self.keys[0]

    def find(self, key_id: str) -> MasterKey | None:
        """The key with this id."""
        return self._by_id.get(key_id)

    def reveal(self) -> str:
        """The keys with commas between them, as `parse_keyring` reads them: treat it as the keys themselves."""
        return ",".join(key.reveal() for key in self.keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(key.id for key in self.keys)})"


def parse_keyring(text: str, counted: Literal["key", "line"] = "key") -> Keyring:
    """The keyring that a text holds; KeyringError names the faulty one by its number, of keys or of lines."""
    found: dict[MasterKey, str] = {}
    for number, (line, written) in enumerate(_written_keys(text), 1):
        place = f"line {line}" if counted == "line" else f"key {number}"
        key = _parse_key(written, place)
        if key in found:
            raise KeyringError(f"{place} holds the same key as {found[key]}; remove one of them")
        found[key] = place
    if not found:
        raise KeyringError("holds no key; put back those that it held, from a copy of it")
    return Keyring(*found)


def _written_keys(text: str) -> Iterator[tuple[int, str]]:
    """What stands where keys should, each with its line (from 1)."""
    for number, line in enumerate(text.splitlines(), 1):
        for part in line.partition("#")[0].split(","):
            if written := part.strip():
                yield number, written


def _parse_key(written: str, place: str) -> MasterKey:
    if not _WRITTEN.fullmatch(written):
        raise KeyringError(
            f"{place} isn't a master key, which is 32 bytes in base64url (43 characters): put it back from a copy of"
            f" the keyring; a new one is made with: {NEW_KEY}"
        )
    key = MasterKey(urlsafe_b64decode(written.rstrip("=") + "="))
    if key.reveal() != written.rstrip("="):  # two spellings of one key would not be seen to be the same
        raise KeyringError(f"{place} is damaged: its last character can't be; put it back from a copy of the keyring")
    if len(set(key.octets)) < LEAST_DISTINCT:
        raise KeyringError(f"{place} isn't random; make a key with: {NEW_KEY}")
    return key
