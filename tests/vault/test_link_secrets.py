"""The secrets that sign links: derived, the same each time, and only from the keyring."""

from exeat.vault.aws_pair import secrets_of
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.link_secrets import link_secrets_of
from tests.vault.keys import key, keyring

# Derived by version 1 under the key of bytes 0 to 31: a link that was given to somebody goes on working.
DERIVED_ONCE = "6UJVfEsO-gtx1HtxHF6MkvM943FrYXvwvujbXbNcLOM="


def test_the_first_key_signs_and_every_key_verifies() -> None:
    """After a rotation the new key's secret comes first, and the old one's is still there."""
    before = link_secrets_of(keyring("old"))
    after = link_secrets_of(keyring("new", "old"))
    assert after[1:] == before
    assert after[0] != before[0]
    assert after == link_secrets_of(keyring("new", "old"))


def test_the_derivation_stays() -> None:
    """A version that derives in another way would end all links that are out."""
    assert link_secrets_of(Keyring(MasterKey(bytes(range(32)))))[0].reveal() == DERIVED_ONCE


def test_it_is_no_other_secret() -> None:
    """Neither the master key nor a pair's secret is one, and it prints safely."""
    (secret,) = link_secrets_of(keyring("a"))
    assert key("a").reveal() not in secret.reveal()
    assert secret not in secrets_of(keyring("a"), "")
    assert secret.reveal() not in repr(secret)
