"""The database's part of the configuration as one value, for who compiles it."""

import json
from typing import Any

from sqlalchemy import Connection, Engine, select

from exeat.model.stored import Stored, StoredKey
from exeat.store.configuration.revisions import last_number
from exeat.store.configuration.tables import keys, objects, secrets
from exeat.store.database import reading

_MICROSECONDS = 1_000_000
_PLURALS = {"upstream": "upstreams", "consumer": "consumers"}


def read_stored(engine: Engine) -> Stored:
    """All of it, at one revision."""
    with reading(engine) as connection:
        return gather(connection, last_number(connection))


def read_revision(engine: Engine) -> int:
    """The number of the last revision; 0 before the first."""
    with reading(engine) as connection:
        return last_number(connection)


def gather(connection: Connection, revision: int) -> Stored:
    """All of it as a transaction sees it."""
    vault = select(secrets.c.name, secrets.c.sealed).order_by(secrets.c.name)
    return Stored(
        revision,
        _read_document(connection),
        _read_keys(connection),
        {name: bytes(sealed) for name, sealed in connection.execute(vault)},
    )


def _read_document(connection: Connection) -> dict[str, object]:
    document: dict[str, Any] = {}
    query = select(objects.c.kind, objects.c.name, objects.c.data).order_by(objects.c.kind, objects.c.name)
    for kind, name, text in connection.execute(query):
        data = json.loads(text)
        if kind == "section":
            document[name] = data
        elif kind == "destination":
            document.setdefault("destinations", []).append(data)
        else:
            document.setdefault(_PLURALS[kind], {})[name] = data
    return document


def _read_keys(connection: Connection) -> tuple[StoredKey, ...]:
    columns = (keys.c.id, keys.c.sha256, keys.c.consumer, keys.c.expires_at, keys.c.revoked_at, keys.c.networks)
    return tuple(
        StoredKey(
            id_,
            sha256,
            consumer,
            None if expires_at is None else expires_at / _MICROSECONDS,
            revoked_at is not None,
            tuple(json.loads(networks)),
        )
        for id_, sha256, consumer, expires_at, revoked_at, networks in connection.execute(
            select(*columns).order_by(keys.c.id)
        )
    )
