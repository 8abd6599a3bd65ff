"""An Exeat key as the clients of AWS show it: an id, and a secret that signs and never leaves them."""

from typing import NamedTuple

from exeat.model.secret import Secret

ACCESS_KEY_PREFIX = b"EXEAT"


class AwsPair(NamedTuple):
    """The access key's id, and the secret access key that belongs to it."""

    access_key_id: str
    secret: Secret


def access_key_of(key_id: str) -> str:
    """The access key's id of the key with this id."""
    return ACCESS_KEY_PREFIX.decode() + key_id


def key_id_of(access_key: bytes) -> str:
    """The id of the key that an access key's id belongs to."""
    return access_key.removeprefix(ACCESS_KEY_PREFIX).decode("latin-1")
