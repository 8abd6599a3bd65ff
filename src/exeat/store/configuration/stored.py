"""The database's part of the configuration as one value, for who compiles it."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select

from exeat.model.by_hand import ByHand
from exeat.model.stored import NOTHING, KeyNews, Stored, StoredKey, take_news
from exeat.store.configuration.revisions import last_number
from exeat.store.configuration.tables import endpoint_states, keys, objects, revisions, secrets
from exeat.store.database import reading

_MICROSECONDS = 1_000_000
_NONE = "[]"
_KEYS = select(
    keys.c.id,
    keys.c.sha256,
    keys.c.consumer,
    keys.c.expires_at,
    keys.c.revoked_at,
    keys.c.networks,
    keys.c.limits,
)
_NEWS = 500  # more keys are read as fast with everything else
_ASIDE = frozenset({"administrator", "token"})  # kinds of changes that nobody compiles
_PLURALS = {"upstream": "upstreams", "consumer": "consumers"}


def read_stored(engine: Engine) -> Stored:
    """All of it, at one revision."""
    with reading(engine) as connection:
        return gather(connection, last_number(connection))


def read_revision(engine: Engine) -> int:
    """The number of the last revision; 0 before the first."""
    with reading(engine) as connection:
        return last_number(connection)


class Mark(NamedTuple):
    """The last revision that was seen, and when it was made: another database may have one of the same number."""

    number: int
    time: int


class News(NamedTuple):
    """What is new of the keys, up to a revision."""

    mark: Mark
    news: KeyNews


def read_mark(engine: Engine) -> Mark:
    """The last revision; 0 before the first."""
    with reading(engine) as connection:
        return _mark(connection)


def read_all(engine: Engine) -> tuple[Mark, Stored]:
    """All of it, and which revision that is."""
    with reading(engine) as connection:
        mark = _mark(connection)
        return mark, gather(connection, mark.number)


def read_news(engine: Engine, since: Mark) -> News | None:
    """What is new of the keys since a revision; None if more than a few keys may be different, or it never was."""
    with reading(engine) as connection:
        mark = _mark(connection)
        made = select(revisions).where(revisions.c.number.between(since.number, mark.number))
        found = connection.execute(made.order_by(revisions.c.number).limit(_NEWS + 1)).all()
        is_known = bool(found) and (found[0].number, found[0].time) == since
        if not is_known or len(found) != mark.number - since.number + 1:
            return None
        changes = [change for revision in found[1:] for change in json.loads(revision.changes)]
        news = _news(connection, since.number, mark.number, [(change["kind"], change["name"]) for change in changes])
        return None if news is None else News(mark, news)


def _news(connection: Connection, before: int, revision: int, changed: Iterable[tuple[str, str]]) -> KeyNews | None:
    """What is new by changes of these kinds and names; None if it may be more than a few keys and endpoints."""
    changed = set(changed)
    names, kinds = [name for kind, name in changed if kind == "key"], {kind for kind, _ in changed}
    if len(names) > _NEWS or not kinds <= {"key", "endpoint", *_ASIDE}:
        return None
    rows = connection.execute(_KEYS.where(keys.c.id.in_(names)))
    endpoints = _read_endpoints(connection) if "endpoint" in kinds else None
    return KeyNews(before, revision, tuple([_key(*row) for row in rows]), endpoints)


class Memory:
    """What the last edits of this process have left in each database, so that the next one needn't read all of it."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Engine, tuple[Mark, Stored]] = WeakKeyDictionary()

    def note(self, engine: Engine, mark: Mark, stored: Stored) -> None:
        """Keep what is there after a revision."""
        self._known[engine] = mark, stored

    def read(self, connection: Connection, revision: int, changed: Iterable[tuple[str, str]]) -> Stored:
        """All that a transaction sees, which has changed these kinds and names, and is to be this revision."""
        last, (mark, stored) = _mark(connection), self._known.get(connection.engine, (None, NOTHING))
        news = _news(connection, last.number, revision, changed) if mark == last else None
        return gather(connection, revision) if news is None else take_news(stored, news)


def _mark(connection: Connection) -> Mark:
    query = select(revisions.c.number, revisions.c.time).order_by(revisions.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return Mark(0, 0) if row is None else Mark(*row)


def gather(connection: Connection, revision: int) -> Stored:
    """All of it as a transaction sees it."""
    vault = select(secrets.c.name, secrets.c.sealed).order_by(secrets.c.name)
    return Stored(
        revision,
        _read_document(connection),
        _read_keys(connection),
        {name: bytes(sealed) for name, sealed in connection.execute(vault)},
        _read_endpoints(connection),
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


def _read_endpoints(connection: Connection) -> tuple[ByHand, ...]:
    query = select(endpoint_states).order_by(endpoint_states.c.upstream, endpoint_states.c.endpoint)
    return tuple(
        [
            ByHand(
                row.upstream,
                row.endpoint,
                row.state,
                None if row.ends_at is None else row.ends_at / _MICROSECONDS,
                row.changed_at / _MICROSECONDS,
                row.changed_by,
                row.why,
                row.last_reset,
            )
            for row in connection.execute(query)
        ]
    )


def _read_keys(connection: Connection) -> tuple[StoredKey, ...]:
    return tuple([_key(*row) for row in connection.execute(_KEYS.order_by(keys.c.id))])


def _key(
    id_: str,
    sha256: str,
    consumer: str,
    expires_at: int | None,
    revoked_at: int | None,
    networks: str,
    limits: str,
) -> StoredKey:
    return StoredKey(
        id_,
        sha256,
        consumer,
        None if expires_at is None else expires_at / _MICROSECONDS,
        revoked_at is not None,
        () if networks == _NONE else tuple(json.loads(networks)),
        () if limits == _NONE else tuple(json.loads(limits)),
    )
