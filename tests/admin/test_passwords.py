"""Passwords are kept as argon2id hashes, and whether there is an administrator can't be told by the time it takes."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from exeat.admin.passwords import Passwords
from exeat.model.secret import Secret

PASSWORD = Secret("correct horse battery staple")


def test_a_password_is_known_by_its_hash() -> None:
    """The right one is right, another one isn't, and the hash doesn't hold it."""
    passwords = Passwords()
    kept = passwords.hash(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert PASSWORD.reveal() not in kept
    assert passwords.verify(kept, PASSWORD)
    assert not passwords.verify(kept, Secret("correct horse battery stable"))


def test_nobody_is_compared_with_a_hash_that_takes_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no hash to compare with, one of the same parameters is; no password fits it."""
    compared: list[str] = []
    verify = PasswordHasher.verify

    def note(self: PasswordHasher, kept: str, password: str) -> bool:
        compared.append(kept)
        with pytest.raises(VerifyMismatchError):
            verify(self, kept, password)
        raise VerifyMismatchError

    monkeypatch.setattr(PasswordHasher, "verify", note)
    passwords = Passwords()
    assert not passwords.verify(None, PASSWORD)
    assert not passwords.verify(None, Secret(""))
    assert [extract_parameters(kept) for kept in compared] == [extract_parameters(passwords.hash(PASSWORD))] * 2
    assert Passwords()._nobodys not in compared  # noqa: SLF001 - it is of chance, and another one each time
