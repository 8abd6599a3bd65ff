"""The pairs by which clients of AWS sign: each secret is derived from a master key and the id of an Exeat key.

Rule 1: no pair is kept anywhere; whoever holds the keyring can work it out again, and nobody else.
Rule 2: every master key of the keyring verifies; the first one makes the pair that is shown.
"""

import hmac
from base64 import urlsafe_b64encode

from exeat.model.aws_pair import AwsPair, access_key_of
from exeat.model.secret import Secret
from exeat.vault.keyring import Keyring, MasterKey

_PURPOSE = b"exeat aws-sigv4\0"
_SECRET_BYTES = 30  # 40 characters, as AWS's own have


def make_pair(keyring: Keyring, key_id: str) -> AwsPair:
    """The pair of a key."""
    return AwsPair(access_key_of(key_id), _secret(keyring.sealing, key_id))


def secrets_of(keyring: Keyring, key_id: str) -> tuple[Secret, ...]:
    """The secrets by which a key's signatures may be made."""
    return tuple(_secret(key, key_id) for key in keyring.keys)


def _secret(key: MasterKey, key_id: str) -> Secret:
    digest = hmac.digest(key.octets, _PURPOSE + key_id.encode(), "sha256")
    return Secret(urlsafe_b64encode(digest[:_SECRET_BYTES]).decode())
