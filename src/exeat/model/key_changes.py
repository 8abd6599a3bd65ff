"""What is different of keys, and said of endpoints, alone: much less than a snapshot, and soon in force.

Rule 1: it fits one snapshot and no other; what is made of it is what compiling everything would make.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType

from exeat.model.by_hand import ByHand
from exeat.model.consumer import Key
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Network


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """A key that is new or different, by its digest; the limits of one that is known stay."""

    sha256: bytes
    id: str
    consumer: str
    expires_at: float | None
    revoked: bool
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """From the snapshot whose revision is `before` to that of revision `after`; `gone` are digests.

    `by_hand` is all that operators said of endpoints, None if that is what it was.
    """

    before: str
    after: str
    changed: tuple[ChangedKey, ...]
    gone: tuple[bytes, ...]
    by_hand: tuple[ByHand, ...] | None = None


def change_keys(snapshot: Snapshot, changes: KeyChanges) -> Snapshot:
    """The snapshot after the changes; ValueError if they are those of another one."""
    if snapshot.revision != changes.before:
        raise ValueError(f"changes of revision {changes.before} don't fit {snapshot.revision}")
    keys = dict(snapshot.keys)
    for digest in changes.gone:
        del keys[digest]
    for key in changes.changed:
        known = keys.get(key.sha256)
        limits = () if known is None else known.limits
        consumer = snapshot.consumers[key.consumer]
        keys[key.sha256] = Key(key.id, consumer, key.expires_at, key.revoked, key.networks, limits)
    by_hand = snapshot.by_hand if changes.by_hand is None else changes.by_hand
    return replace(snapshot, revision=changes.after, keys=MappingProxyType(keys), by_hand=by_hand)
