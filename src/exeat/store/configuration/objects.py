"""What the document is made of: upstreams, consumers, destinations and sections, as they are written."""

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from exeat.store.configuration.endpoints import drop_endpoints_of
from exeat.store.configuration.failure import ExistsError, InvalidError, NotFoundError, StaleError
from exeat.store.configuration.keys import revoke_keys_of
from exeat.store.configuration.literals import own_prefixes, references, refuse_literals, take_literals
from exeat.store.configuration.tables import objects
from exeat.store.configuration.vault import drop_unused, put_secret
from exeat.store.configuration.work import Change, Work
from exeat.store.configuration.written import render_json
from exeat.store.database import reading

KINDS = frozenset({"upstream", "consumer", "destination", "section"})
SECTIONS = frozenset({"cors", "domains", "network", "audit", "limits", "webhooks"})


class Item(NamedTuple):
    """An object; `revision` is that of its last change, and so its version."""

    name: str
    data: Any
    revision: int


def list_objects(engine: Engine, kind: str, *, after: str | None = None, limit: int = 100) -> list[Item]:
    """Objects of a kind by name, those after a name."""
    query = select(objects).where(objects.c.kind == kind).order_by(objects.c.name).limit(limit)
    if after is not None:
        query = query.where(objects.c.name > after)
    with reading(engine) as connection:
        return [_item(row) for row in connection.execute(query)]


def get_object(engine: Engine, kind: str, name: str) -> Item | None:
    """One object."""
    with reading(engine) as connection:
        return _find(connection, kind, name)


def put_object(work: Work, kind: str, name: str, data: Any, *, version: int | None, create: bool) -> int:
    """Write an object as people do, and seal what is secret in it; its version."""
    if kind not in KINDS or (kind == "section" and name not in SECTIONS):
        raise InvalidError(f"The configuration has no {kind} '{name}'.")
    present = _find(work.connection, kind, name)
    if create and present is not None:
        raise ExistsError(f"There is a {kind} '{name}' already.")
    _refuse_stale(present, kind, name, version)
    if kind == "destination" and not (isinstance(data, dict) and "host" in data):
        data = {"host": name, **(data if isinstance(data, dict) else {})}
    if (kind, name) == ("section", "webhooks"):
        refuse_literals(data)
    if kind != "upstream":
        return _write(work, kind, name, present, data)
    sealable = take_literals(name, data)
    for secret, value in sealable.secrets.items():
        put_secret(work, secret, value)
    revision = _write(work, kind, name, present, sealable.data)
    _drop_own_secrets(work, name, present, sealable.data)
    return revision


def remove_object(work: Work, kind: str, name: str, *, version: int | None) -> None:
    """Remove an object, with the keys of a consumer (revoked) and the secrets that were written into an upstream."""
    present = _find(work.connection, kind, name)
    if present is None:
        raise NotFoundError(f"There is no {kind} '{name}' in the database.")
    _refuse_stale(present, kind, name, version)
    work.note(Change(kind, name, "delete", present.data, None), present.revision)
    work.write(delete(objects).where(objects.c.kind == kind, objects.c.name == name))
    if kind == "consumer":
        revoke_keys_of(work, name)
    if kind == "upstream":
        _drop_own_secrets(work, name, present, None)
        drop_endpoints_of(work, name)


def restore_object(work: Work, kind: str, name: str, data: Any) -> None:
    """Make an object what it was at another time; None removes it."""
    if data is not None:
        put_object(work, kind, name, data, version=None, create=False)
    elif _find(work.connection, kind, name) is not None:
        remove_object(work, kind, name, version=None)


def _write(work: Work, kind: str, name: str, present: Item | None, data: Any) -> int:
    before, old = (None, 0) if present is None else (present.data, present.revision)
    revision = work.note(Change(kind, name, "create" if present is None else "update", before, data), old)
    values = {"data": render_json(data), "revision": revision}
    if present is None:
        work.write(insert(objects), {"kind": kind, "name": name, **values})
    else:
        work.write(update(objects).where(objects.c.kind == kind, objects.c.name == name), values)
    return revision


def _drop_own_secrets(work: Work, upstream: str, before: Item | None, after: Any) -> None:
    """Remove what was once written into an upstream and nothing refers to any more."""
    if before is not None:
        gone = set(references(before.data)).difference(references(after))
        drop_unused(work, sorted(name for name in gone if name.startswith(own_prefixes(upstream))))


def _refuse_stale(present: Item | None, kind: str, name: str, version: int | None) -> None:
    if version is not None and (present is None or present.revision != version):
        state = "is gone" if present is None else f"was changed in revision {present.revision}"
        raise StaleError(f"The {kind} '{name}' {state}; look at it again.")


def _find(connection: Connection, kind: str, name: str) -> Item | None:
    query = select(objects).where(objects.c.kind == kind, objects.c.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else _item(row)


def _item(row: Row[Any]) -> Item:
    return Item(row.name, json.loads(row.data), row.revision)
