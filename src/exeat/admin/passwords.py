"""Passwords of administrators: argon2id, a few at a time because each one takes 64 MiB while it is checked."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_bytes

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from exeat.admin.codes import Code
from exeat.admin.refusal import Fault, Refusal
from exeat.model.secret import Secret

LEAST_LENGTH = 12
MOST_LENGTH = 1024
AT_ONCE = 2
WAIT_S = 5.0


class Passwords:
    """Makes and checks hashes. `hasher` has the parameters of RFC 9106 for little memory, unless told otherwise."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobodys = _hash_of_nothing(self._hasher)
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def hash(self, password: Secret) -> str:
        """What is kept of a password."""
        with self._turn():
            return self._hasher.hash(password.reveal())

    def verify(self, kept: str | None, password: Secret) -> bool:
        """Whether a password is the one; takes as long where there is none to compare with."""
        with self._turn():
            try:
                self._hasher.verify(kept or self._nobodys, password.reveal())
            except (VerificationError, InvalidHashError):
                return False
            return kept is not None

    def renew(self, kept: str, password: Secret) -> str | None:
        """What is to be kept of a password that is right from now on; None if what is kept has today's parameters."""
        return self.hash(password) if self._hasher.check_needs_rehash(kept) else None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(timeout=WAIT_S):
            raise Refusal(Code.OVERLOADED, "Too many passwords are being checked at once.", retry_after_s=WAIT_S)
        try:
            yield
        finally:
            self._free.release()


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """What a hash looks like, of chance alone: no password has it, and comparing with it takes as long as with any."""
    salt, tag = (b64encode(token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${tag}"


def faults_of(password: str, name: str, pointer: str = "/password") -> list[Fault]:
    """What is wrong with a new password."""
    if len(password) < LEAST_LENGTH:
        return [Fault(pointer, f"has fewer than {LEAST_LENGTH} characters")]
    if len(password) > MOST_LENGTH:
        return [Fault(pointer, f"has more than {MOST_LENGTH} characters")]
    if name and password.lower().replace(name.lower(), "") in {"", "1", "123"}:
        return [Fault(pointer, "is the administrator's name")]
    return []
