"""The database's part of the configuration as a source of the document, beside file and environment.

Rule 1: a key of the database belongs to its consumer, wherever that is written.
Rule 2: a key whose consumer is gone opens nothing, and is no reason to refuse the document.
"""

from datetime import UTC, datetime

from exeat.config.problem import Place, Places
from exeat.config.sources import Source
from exeat.model.stored import Stored, StoredKey

DATABASE = Place("database", kind="database")


def read_stored(stored: Stored) -> Source:
    """What stands in the database, but for the keys."""
    return Source(dict(stored.document), Places(DATABASE), [])


def add_keys(source: Source, keys: tuple[StoredKey, ...]) -> list[str]:
    """Put keys where their consumers are; the consumers that are missing, for keys that would still be good."""
    consumers = source.data.get("consumers")
    known = dict(consumers) if isinstance(consumers, dict) else {}
    changed: dict[str, list[object]] = {}
    missing: dict[str, None] = {}
    for key in keys:
        name, consumer = key.consumer, known.get(key.consumer)
        present = consumer.get("keys") if isinstance(consumer, dict) else None
        if not isinstance(consumer, dict) or not isinstance(present, list | None):
            if not key.revoked:
                missing[name] = None
            continue
        listed = changed.setdefault(name, list(present or ()))
        source.places.by_path["consumers", name, "keys", len(listed)] = DATABASE
        listed.append(render_key(key))
    for name, listed in changed.items():
        known[name] = {**known[name], "keys": listed}
    if changed:
        source.data["consumers"] = known
    return list(missing)


def render_key(key: StoredKey) -> dict[str, object]:
    """A key as the document writes it."""
    written: dict[str, object] = {"id": key.id, "sha256": key.sha256}
    if key.expires_at is not None:
        written["expires"] = datetime.fromtimestamp(key.expires_at, UTC).isoformat()
    if key.revoked:
        written["revoked"] = True
    if key.networks:
        written["networks"] = list(key.networks)
    if key.limits:
        written["limits"] = list(key.limits)
    return written
