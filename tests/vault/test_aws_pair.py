"""The pairs of keys: derived, the same each time, and only from the keyring."""

import re

from exeat.vault.aws_pair import make_pair, secrets_of
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer
from tests.vault.keys import key, keyring

# Derived by version 1 under the key of bytes 0 to 31: a pair that was given to somebody goes on working.
DERIVED_ONCE = "FcSnhi344dc97FMOHPCcV9EKDjUwYU0spNrkitEA"


def test_a_pair_is_the_same_each_time() -> None:
    """Nothing is kept of a pair, and yet it is always the same."""
    pair = make_pair(keyring("a", "b"), "abcdefABCDEF")
    assert pair == make_pair(keyring("a"), "abcdefABCDEF") == Sealer(keyring("a")).pair_of("abcdefABCDEF")
    assert pair.access_key_id == "EXEATabcdefABCDEF"
    assert re.fullmatch("[A-Za-z0-9_-]{40}", pair.secret.reveal())


def test_every_key_and_keyring_has_a_pair_of_its_own() -> None:
    """Another id, or another master key, is another secret."""
    made = {make_pair(keyring(name), key_id).secret.reveal() for name in "ab" for key_id in ("one", "two")}
    assert len(made) == 4


def test_pairs_outlive_a_rotation() -> None:
    """After a rotation, secrets of the older master key verify as those of the new one do."""
    before = make_pair(keyring("old"), "one")
    rotated = keyring("new", "old")
    assert secrets_of(rotated, "one") == (make_pair(rotated, "one").secret, before.secret)
    assert secrets_of(keyring("new"), "one") == (make_pair(rotated, "one").secret,)


def test_the_derivation_stays() -> None:
    """A version that derives in another way would shut out whoever has a pair."""
    assert make_pair(Keyring(MasterKey(bytes(range(32)))), "abcdefABCDEF").secret.reveal() == DERIVED_ONCE


def test_a_pair_prints_safely() -> None:
    """The secret of a pair is in no representation of it, nor is the master key."""
    pair = make_pair(keyring("a"), "one")
    assert pair.secret.reveal() not in repr(pair)
    assert key("a").reveal() not in pair.secret.reveal()
