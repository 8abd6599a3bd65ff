"""The short way from one loaded document to the next, where keys, or what is said of endpoints, alone are different.

Rule 1: whatever isn't plainly right goes the long way: that finds the same, or says what is wrong.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError

from exeat.config import document as doc
from exeat.config.compile import Loaded
from exeat.config.database import render_key
from exeat.config.display import digest_of_key
from exeat.model.key_changes import ChangedKey, KeyChanges, change_keys
from exeat.model.stored import Stored, StoredKey

MOST = 500  # more take a worker's loop as long as a whole snapshot does

Entries = dict[str, tuple[Mapping[str, object], ...]]


class Step(NamedTuple):
    """What was loaded, and what is different from before where that is keys and endpoints alone."""

    loaded: Loaded
    changes: KeyChanges | None


def load_keys(loaded: Loaded, before: Stored, after: Stored) -> Step | None:
    """What loading `after` would give, where `loaded` is what `before` gave; None if that takes the long way."""
    if after.document != before.document or after.vault != before.vault:
        return None
    changed, gone = _compare(before, after)
    if len(changed) + len(gone) > MOST:
        return None
    known = {key.id: key for key in before.keys}
    entries = [_judge(loaded, key, known.get(key.id)) for key in changed]
    found = [entry for entry in entries if entry is not None]
    if len(found) < len(entries) or not _are_apart(loaded, found, gone):
        return None
    replaced = [known[key.id] for key in changed if key.id in known]
    if any(bytes.fromhex(key.sha256) not in loaded.snapshot.keys for key in gone):
        return None  # a key whose consumer is gone
    if any(map(_holds_reference, (*replaced, *gone))):
        return None  # what it stands for isn't known here
    digest = loaded.digest.change(
        out=[digest_of_key(key.consumer, render_key(key)) for key in (*replaced, *gone)],
        into=[digest_of_key(key.consumer, render_key(key)) for key in changed],
    ).hold(after.endpoints)
    changes = KeyChanges(
        loaded.snapshot.revision,
        digest.revision(),
        tuple(found),
        tuple(bytes.fromhex(key.sha256) for key in gone),
        None if after.endpoints == before.endpoints else after.endpoints,
    )
    snapshot = change_keys(loaded.snapshot, changes)
    touched = {key.consumer for key in (*changed, *gone)}
    document = MappingProxyType(_rewrite(loaded.document, touched, before, after))
    return Step(replace(loaded, snapshot=snapshot, document=document, digest=digest), changes)


def _compare(before: Stored, after: Stored) -> tuple[list[StoredKey], list[StoredKey]]:
    """The keys that are new or different, and those that are gone."""
    known = {key.id: key for key in before.keys}
    changed = []
    for key in after.keys:
        old = known.pop(key.id, None)
        if old is not key and old != key:
            changed.append(key)
    return changed, list(known.values())


def _judge(loaded: Loaded, key: StoredKey, old: StoredKey | None) -> ChangedKey | None:
    """One key as it is in a snapshot; None if anything about it needs a closer look."""
    snapshot = loaded.snapshot
    if old is not None and (old.sha256, old.consumer, list(old.limits)) != (key.sha256, key.consumer, list(key.limits)):
        return None
    if key.consumer not in snapshot.consumers or (old is None and key.limits) or _holds_reference(key):
        return None
    try:
        entry = doc.Key.model_validate({**render_key(key), "limits": []})
    except ValidationError:
        return None
    present = snapshot.keys.get(entry.sha256)
    if (old is None) is not (present is None) or (present is not None and present.id != key.id):
        return None
    return ChangedKey(entry.sha256, key.id, key.consumer, entry.expires, entry.revoked, entry.networks)


def _holds_reference(key: StoredKey) -> bool:
    return any("$" in network for network in key.networks)


def _are_apart(loaded: Loaded, changed: list[ChangedKey], gone: list[StoredKey]) -> bool:
    """Whether no two keys have the same id or digest."""
    known = loaded.snapshot.keys
    fresh = [key for key in changed if key.sha256 not in known]
    if not fresh:
        return True
    if len({key.sha256 for key in fresh}) < len(fresh) or len({key.id for key in fresh}) < len(fresh):
        return False
    left = {key.id for key in known.values()} - {key.id for key in gone}
    return left.isdisjoint(key.id for key in fresh)


def _rewrite(document: Mapping[str, object], touched: set[str], before: Stored, after: Stored) -> dict[str, object]:
    """The document with other keys of these consumers, as all sources together write it."""
    written = document.get("consumers")
    consumers = dict(written) if isinstance(written, Mapping) else {}
    own: dict[str, list[StoredKey]] = {name: [] for name in touched}
    for key in after.keys:
        if key.consumer in own:
            own[key.consumer].append(key)
    count = dict.fromkeys(touched, 0)
    for key in before.keys:
        if key.consumer in count:
            count[key.consumer] += 1
    for name, keys in own.items():
        listed = list(consumers[name].get("keys") or ())
        elsewhere = listed[: len(listed) - count[name]]
        consumers[name] = {**consumers[name], "keys": [*elsewhere, *map(render_key, keys)]}
    return {**document, "consumers": consumers}
