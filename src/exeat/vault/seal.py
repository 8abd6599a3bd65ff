"""Sealed values: AES-256-GCM under a data key that is itself wrapped by a master key of the keyring.

Rule 1: a sealed value opens only whole, unchanged, and at the place (`context`) that it was sealed for.
Rule 2: it holds all that is needed to open it but the master key, whose id it names.
Rule 3: a nonce is random, and a data key makes so few of them that none comes twice.

A sealed value, version 1; it is 97 bytes longer than what it seals:

    offset  bytes
         0      1  version: 1
         1      8  id of the master key: SHA-256("exeat master key", 0, key), its first 8 bytes
         9     12  nonce of the data key
        21     48  the data key of 32 bytes, sealed with AES-256-GCM under the master key; AAD: bytes 0 to 8
        69     12  nonce of the value
        81   n+16  the value of n bytes, sealed with AES-256-GCM under the data key; AAD: bytes 0 to 68, the context

(AES-256-GCM of NIST SP 800-38D, with nonces of 96 bits, and the tag of 128 bits behind the ciphertext.)

A data key is wrapped with AES-GCM rather than AES-KW (RFC 3394, NIST SP 800-38F), so that there is one primitive, whose
check has 128 bits instead of 64, and whose AAD binds version and id. What AES-KW would save is the nonce, and nonces
don't run out here: a master key wraps one data key for each life of a Sealer.
"""

import os
from functools import lru_cache, partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exeat.model.aws_pair import AwsPair
from exeat.model.sealed import ID_AT, ID_BYTES, VERSION
from exeat.vault.aws_pair import make_pair
from exeat.vault.keyring import KEY_BYTES, Keyring

NONCE_BYTES = 12
TAG_BYTES = 16
SEALS_PER_KEY = 2**28
CACHED_KEYS = 256  # each a few hundred bytes

_PREFIX_BYTES = ID_AT + ID_BYTES
_WRAPPED_AT = _PREFIX_BYTES + NONCE_BYTES
_HEADER_BYTES = _WRAPPED_AT + KEY_BYTES + TAG_BYTES
_VALUE_AT = _HEADER_BYTES + NONCE_BYTES
OVERHEAD_BYTES = _VALUE_AT + TAG_BYTES


class SealError(Exception):
    """A sealed value that doesn't open; the sentence says why, and holds nothing of the value."""


class _DataKey:
    """The data key that seals, as the head of every value that it seals, and how many more it may seal."""

    __slots__ = ("cipher", "header", "left")

    def __init__(self, header: bytes, cipher: AESGCM, left: int) -> None:
        self.header = header
        self.cipher = cipher
        self.left = left


class Sealer:
    """Seals with a data key of its own, which no other process has; opens what any Sealer of the keyring has sealed.

    SP 800-38D §8.3 allows 2**32 seals with random nonces under one key: then two are the same with a probability of
    2**-33. After `seals_per_key`, 2**28, it is 2**-41, and a new data key is made; threads that count past each other
    don't matter against the factor of 16 in between. Random nonces rather than counted ones, which SP 800-38D allows
    too (§8.2.1): after a fork, two processes would count on from the same number.
    """

    def __init__(self, keyring: Keyring, *, seals_per_key: int = SEALS_PER_KEY) -> None:
        self._keyring = keyring
        self._seals_per_key = seals_per_key
        self._unwrap = lru_cache(CACHED_KEYS)(partial(_unwrap, keyring))  # safe for threads; keeps no failures
        self._current = _make_data_key(keyring, seals_per_key)

    def renew(self) -> None:
        """Seal with a new data key from now on."""
        self._current = _make_data_key(self._keyring, self._seals_per_key)

    def pair_of(self, key_id: str) -> AwsPair:
        """The pair with which clients of AWS sign for the key of Exeat with this id."""
        return make_pair(self._keyring, key_id)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Seal a value for one place; `context` names it, such as b"body:<id>:request", and isn't kept."""
        current = self._current
        if current.left <= 0:
            self.renew()
            current = self._current
        current.left -= 1
        nonce = os.urandom(NONCE_BYTES)
        return b"".join((current.header, nonce, current.cipher.encrypt(nonce, plaintext, current.header + context)))

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The value that was sealed for this place; SealError if it isn't what it was, where it was."""
        if sealed and sealed[0] != VERSION:
            raise SealError(
                f"The sealed value has format {sealed[0]}, this version of Exeat knows {VERSION}: it is damaged, or a"
                " newer version has sealed it, which can open it"
            )
        if len(sealed) < OVERHEAD_BYTES:
            raise SealError(f"The sealed value is damaged: it has {len(sealed)} bytes, not {OVERHEAD_BYTES} or more")
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:_VALUE_AT]
        current = self._current
        cipher = current.cipher if header == current.header else self._unwrap(header)
        try:
            return cipher.decrypt(nonce, sealed[_VALUE_AT:], header + context)
        except InvalidTag as error:
            raise SealError("The sealed value doesn't open: it is damaged, or stands in another place") from error


def _make_data_key(keyring: Keyring, seals: int) -> _DataKey:
    """A new data key, wrapped by the keyring's first key."""
    octets = os.urandom(KEY_BYTES)
    prefix = bytes([VERSION]) + bytes.fromhex(keyring.sealing.id)
    nonce = os.urandom(NONCE_BYTES)
    wrapped = AESGCM(keyring.sealing.octets).encrypt(nonce, octets, prefix)
    return _DataKey(prefix + nonce + wrapped, AESGCM(octets), seals)


def _unwrap(keyring: Keyring, header: bytes) -> AESGCM:
    """The data key in the head of a sealed value."""
    prefix, nonce, wrapped = header[:_PREFIX_BYTES], header[_PREFIX_BYTES:_WRAPPED_AT], header[_WRAPPED_AT:]
    key_id = prefix[1:].hex()
    key = keyring.find(key_id)
    if key is None:
        raise SealError(
            f"The value is sealed under the master key {key_id}, which the keyring lacks: put that key back from a copy"
            " of the keyring, or restart if it was rotated since the start"
        )
    try:
        return AESGCM(AESGCM(key.octets).decrypt(nonce, wrapped, prefix))
    except InvalidTag as error:
        raise SealError("The sealed value doesn't open: its data key is damaged") from error
