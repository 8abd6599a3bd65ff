"""What stands for a credential where its secret can't: a mark, and the name under which workers speak of it."""

import dataclasses
import hashlib
from typing import Final

from exeat.model.credential import Single
from exeat.model.secret import Secret

SIGN: Final = "#"  # stands in the name of no upstream and of no host
_PASSED: Final = ":"  # between the marks of a consumer and of what it passes on
_DIGEST_BYTES: Final = 4  # enough to tell keys apart, and too little to find one by trying


def tell_apart(kind: Single) -> str:
    """The mark of a credential: it changes with it, and tells nothing of it."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in _parts(kind):
        digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()


def name_credential(upstream: str, mark: str) -> str:
    """The name of a credential under which what is known of it lives on, and is told to others."""
    return f"{upstream}{SIGN}{mark}"


def name_passed(upstream: str, consumer: str, passed: bytes) -> str:
    """The name of a credential that a consumer brings itself; `passed` is what it sends, and may be empty.

    The same one of two consumers has two names, and nothing of either can be read in it.
    """
    whose = hashlib.blake2b(consumer.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    mark = hashlib.blake2b(passed, digest_size=_DIGEST_BYTES).hexdigest()
    return f"{upstream}{SIGN}{whose}{_PASSED}{mark}"


def is_passed(name: str) -> bool:
    """Whether this names a credential that a consumer brings itself."""
    return _PASSED in name.partition(SIGN)[2]


def rest_of(passed: str) -> str:
    """The name for all credentials of the same consumer together."""
    return passed[: passed.rindex(_PASSED) + 1]


def is_credential(name: str) -> bool:
    """Whether this names a credential, rather than an upstream or one of its endpoints."""
    return SIGN in name.partition(" ")[0]


def upstream_of(name: str) -> str:
    """The upstream of a credential, or the upstream itself."""
    return name.partition(SIGN)[0]


def _parts(value: object) -> list[bytes]:
    """What a credential is made of, in its order."""
    if isinstance(value, Secret):
        return [value.octets]
    if isinstance(value, tuple):
        return [type(value).__name__.encode(), *(part for one in value for part in _parts(one))]
    if dataclasses.is_dataclass(value):
        return _parts((type(value).__name__, *(getattr(value, one.name) for one in dataclasses.fields(value))))
    return [repr(value).encode()]
