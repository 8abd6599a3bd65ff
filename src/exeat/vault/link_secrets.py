"""The secrets that make links: each is derived from a master key, and kept nowhere.

Rule 1: the first master key of the keyring makes links, every one verifies them: links outlive a rotation.
"""

import hmac
from base64 import urlsafe_b64encode

from exeat.model.secret import Secret
from exeat.vault.keyring import Keyring

_PURPOSE = b"exeat signed links\0"


def link_secrets_of(keyring: Keyring) -> tuple[Secret, ...]:
    """The secrets of a keyring, the one that signs first."""
    return tuple(
        Secret(urlsafe_b64encode(hmac.digest(key.octets, _PURPOSE, "sha256")).decode()) for key in keyring.keys
    )
