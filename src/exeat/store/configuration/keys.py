"""Keys of consumers, whichever source those are written in: known by their digest, kept after they are revoked.

Rule 1: what is revoked stays revoked.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, Select, func, insert, or_, select, update

from exeat.store.configuration.failure import ExistsError, NotFoundError, StaleError
from exeat.store.configuration.keep import KEEP, Kept
from exeat.store.configuration.tables import keys
from exeat.store.configuration.work import Change, Work
from exeat.store.configuration.written import render_json, render_time
from exeat.store.database import reading
from exeat.store.tables import records

KIND = "key"


class KeyItem(NamedTuple):
    """What may be known of a key. Times are in µs since 1970; `revision` is that of its last change.

    `last_used_at` is the time of its newest record that is still kept.
    """

    id: str
    consumer: str
    label: str
    created_at: int
    created_by: str
    expires_at: int | None
    revoked_at: int | None
    networks: tuple[str, ...]
    limits: tuple[Mapping[str, Any], ...]
    replaces: str | None
    last_used_at: int | None
    revision: int


class FreshKey(NamedTuple):
    """A key that is to be known; `replaces` is the id of the one in whose place it comes."""

    id: str
    sha256: str
    consumer: str
    label: str
    expires_at: int | None
    networks: Sequence[str]
    limits: Sequence[Mapping[str, Any]]
    replaces: str | None


def list_keys(
    engine: Engine, *, consumer: str | None = None, after: str | None = None, limit: int = 100
) -> list[KeyItem]:
    """Keys by id, those after one."""
    query = _select().order_by(keys.c.id).limit(limit)
    if consumer is not None:
        query = query.where(keys.c.consumer == consumer)
    if after is not None:
        query = query.where(keys.c.id > after)
    with reading(engine) as connection:
        return [_item(row) for row in connection.execute(query)]


def get_key(engine: Engine, key_id: str) -> KeyItem | None:
    """One key."""
    with reading(engine) as connection:
        row = connection.execute(_select().where(keys.c.id == key_id)).one_or_none()
    return None if row is None else _item(row)


def _select() -> Select[Any]:
    # The records know it, by an index: nothing is written when a key is used.
    used = select(func.max(records.c.time)).where(records.c.key == keys.c.id).scalar_subquery()
    return select(keys, used.label("last_used_at"))


def add_key(work: Work, key: FreshKey) -> None:
    """Make a key known."""
    same = select(keys.c.id).where(or_(keys.c.id == key.id, keys.c.sha256 == key.sha256))
    if work.connection.execute(same).first() is not None:
        raise ExistsError(f"There is a key '{key.id}' already.")
    item = KeyItem(
        key.id,
        key.consumer,
        key.label,
        work.now_us,
        work.author.name,
        key.expires_at,
        None,
        tuple(key.networks),
        tuple(key.limits),
        key.replaces,
        None,
        0,
    )
    revision = work.note(Change(KIND, key.id, "create", None, _show(item)))
    values = {
        **item._asdict(),
        "networks": render_json(item.networks),
        "limits": render_json(item.limits),
        "revision": revision,
        "sha256": key.sha256,
    }
    del values["last_used_at"]
    work.write(insert(keys), values)


def change_key(
    work: Work,
    key_id: str,
    *,
    expires_at: int | Kept | None = KEEP,
    networks: Sequence[str] | Kept = KEEP,
    limits: Sequence[Mapping[str, Any]] | Kept = KEEP,
    label: str | Kept = KEEP,
    version: int | None = None,
) -> None:
    """Change what is said of a key."""
    item = _find(work.connection, key_id)
    if version is not None and item.revision != version:
        raise StaleError(f"The key '{key_id}' was changed in revision {item.revision}; look at it again.")
    after = item._replace(
        expires_at=item.expires_at if expires_at is KEEP else expires_at,
        networks=item.networks if networks is KEEP else tuple(networks),
        limits=item.limits if limits is KEEP else tuple(limits),
        label=item.label if label is KEEP else label,
    )
    _write(work, "update", item, after)


def revoke_key(work: Work, key_id: str) -> None:
    """Take a key back, for good."""
    _revoke(work, _find(work.connection, key_id))


def expire_key(work: Work, key_id: str, at: int) -> None:
    """Let a key end at a time (µs since 1970), unless it ends before: the grace of a rotation."""
    item = _find(work.connection, key_id)
    ends = at if item.expires_at is None else min(item.expires_at, at)
    _write(work, "rotate", item, item._replace(expires_at=ends))


def revoke_keys_of(work: Work, consumer: str) -> None:
    """Take back all keys of a consumer."""
    query = _select().where(keys.c.consumer == consumer, keys.c.revoked_at.is_(None)).order_by(keys.c.id)
    for row in work.connection.execute(query).all():
        _revoke(work, _item(row))


def _revoke(work: Work, item: KeyItem) -> None:
    if item.revoked_at is None:
        _write(work, "revoke", item, item._replace(revoked_at=work.now_us))


def _write(work: Work, action: str, before: KeyItem, after: KeyItem) -> None:
    revision = work.note(Change(KIND, before.id, action, _show(before), _show(after)), before.revision)
    values = {
        "expires_at": after.expires_at,
        "revoked_at": after.revoked_at,
        "networks": render_json(after.networks),
        "limits": render_json(after.limits),
        "label": after.label,
        "revision": revision,
    }
    work.write(update(keys).where(keys.c.id == before.id), values)


def _find(connection: Connection, key_id: str) -> KeyItem:
    row = connection.execute(_select().where(keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no key '{key_id}' in the database.")
    return _item(row)


def _show(item: KeyItem) -> dict[str, Any]:
    return {
        "consumer": item.consumer,
        "label": item.label,
        "expires_at": render_time(item.expires_at),
        "revoked_at": render_time(item.revoked_at),
        "networks": list(item.networks),
        "limits": list(item.limits),
        "replaces": item.replaces,
    }


def _item(row: Row[Any]) -> KeyItem:
    return KeyItem(
        row.id,
        row.consumer,
        row.label,
        row.created_at,
        row.created_by,
        row.expires_at,
        row.revoked_at,
        tuple(json.loads(row.networks)),
        tuple(json.loads(row.limits)),
        row.replaces,
        row.last_used_at,
        row.revision,
    )
