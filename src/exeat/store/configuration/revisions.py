"""Revisions: every edit with its number, who made it and why, what it changed, and the way back to an earlier one."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Engine, Row, func, insert, select

from exeat.store.configuration.failure import NotFoundError
from exeat.store.configuration.tables import revisions
from exeat.store.configuration.work import Change as Change  # noqa: PLC0414 - it belongs to what a revision is
from exeat.store.configuration.work import Work
from exeat.store.configuration.written import render_json
from exeat.store.database import reading

RESTORED = frozenset({"upstream", "consumer", "destination", "section"})


class Revision(NamedTuple):
    """One edit; `time` is in µs since 1970."""

    number: int
    time: int
    who: str
    why: str
    changes: tuple[Change, ...]


class Restoring(Protocol):
    """What a roll-back does its work with: an Edit."""

    @property
    def connection(self) -> Connection: ...

    def restore(self, kind: str, name: str, data: Any) -> None: ...


def last_number(connection: Connection) -> int:
    """The number of the last revision; 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(revisions.c.number), 0))).scalar_one())


def list_revisions(engine: Engine, *, before: int | None = None, limit: int = 100) -> list[Revision]:
    """Revisions, the newest first; those before a number."""
    query = select(revisions).order_by(revisions.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(revisions.c.number < before)
    with reading(engine) as connection:
        return [_revision(row) for row in connection.execute(query)]


def get_revision(engine: Engine, number: int) -> Revision | None:
    """One revision."""
    with reading(engine) as connection:
        row = connection.execute(select(revisions).where(revisions.c.number == number)).one_or_none()
    return None if row is None else _revision(row)


def roll_back(edit: Restoring, number: int) -> None:
    """Make objects what they were after a revision, 0 for none; NotFoundError if there is no such one.

    Keys, credentials and administrators stay: what was revoked stays revoked.
    """
    if not 0 <= number <= last_number(edit.connection):
        raise NotFoundError(f"There is no revision {number}.")
    for (kind, name), data in _wanted(edit.connection, number).items():
        edit.restore(kind, name, data)


def _wanted(connection: Connection, number: int) -> Mapping[tuple[str, str], Any]:
    """What the objects that were changed since were then; None for those that weren't there."""
    query = select(revisions.c.changes).where(revisions.c.number > number).order_by(revisions.c.number.desc())
    found = {}
    for text in connection.execute(query).scalars():
        for change in map(_change, json.loads(text)):
            if change.kind in RESTORED:
                found[change.kind, change.name] = change.before
    return found


def write_revision(work: Work) -> None:
    """Write the revision of an edit."""
    values = {
        "number": work.last + 1,
        "time": work.now_us,
        "who": work.author.name,
        "why": work.author.why,
        "changes": render_json([change._asdict() for change in work.changes.values()]),
    }
    work.connection.execute(insert(revisions), values)


def _revision(row: Row[Any]) -> Revision:
    return Revision(row.number, row.time, row.who, row.why, tuple(map(_change, json.loads(row.changes))))


def _change(written: dict[str, Any]) -> Change:
    return Change(**written)
