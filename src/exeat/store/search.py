"""Searches the audit trail: newest first, in pages that stay what they are while more arrives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Boolean, ColumnElement, Engine, Select, and_, literal_column, or_, select
from sqlalchemy.engine import RowMapping

from exeat.store.cursor import parse_cursor, render_cursor
from exeat.store.database import is_sqlite, reading
from exeat.store.failure import StoreError
from exeat.store.rows import Row
from exeat.store.tables import FAILED, NOT_SUCCESSFUL, STATUS_CLASS, records
from exeat.store.trail import as_stored

PAGE = 100
FIELDS = (
    "id", "kind", "outcome", "consumer", "key", "address", "upstream", "origin", "mode", "method", "path", "error",
    "decision", "answered", "trace", "actor", "action", "object",
)  # fmt: skip
SUCCESSFUL = 2
ANY_FAILURE = "failed"
_STATUS = re.compile(r"([1-9])(xx|\d\d)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Query:
    """What to find. `fields` (of FIELDS) are matched exactly, `text` anywhere in the path in any case.

    A field that is empty finds records without it. `status` is a number, a class (`404`, `5xx`), or `failed`: with an
    error's code, or 400 and above. `since` (included) and `until` (excluded) are microseconds.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None


class Found(NamedTuple):
    """A record: its own bytes, and its place."""

    time: int
    id: str
    chain: str
    number: int
    body: bytes


class Page(NamedTuple):
    """Some records, and the cursor with which the next ones are asked for; None where there are no more."""

    records: tuple[Found, ...]
    cursor: str | None


def search(engine: Engine, query: Query, *, cursor: str | None = None, limit: int = PAGE) -> Page:
    """A page of records, newest first. StoreError for a field, status or cursor that can't be."""
    statement = select_found(query).order_by(records.c.time.desc(), records.c.id.desc()).limit(limit + 1)
    index = _choose_index(query)
    if cursor is not None:
        time, id_ = parse_cursor(cursor)
        statement = statement.where(records.c.time <= time, or_(records.c.time < time, records.c.id < id_))
    if is_sqlite(engine):
        statement = statement.with_hint(records, f"INDEXED BY {index}", "sqlite")
    with reading(engine) as connection:
        found = [read_found(row) for row in connection.execute(statement).mappings()]
    if len(found) <= limit:
        return Page(tuple(found), None)
    last = found[limit - 1]
    return Page(tuple(found[:limit]), render_cursor(last.time, last.id))


def select_found(query: Query) -> Select[Any]:
    """The records that a query finds, in no order yet."""
    return select(*[as_stored(records.c[name]) for name in Found._fields]).where(*conditions(query))


def read_found(row: RowMapping) -> Found:
    """A record from its row."""
    return Found(*[row[name] for name in Found._fields])


def conditions(query: Query) -> list[ColumnElement[bool]]:
    """What a record has to meet. StoreError for a field or status that can't be."""
    found: list[ColumnElement[bool]] = []
    for name, value in query.fields.items():
        if name not in FIELDS:
            raise StoreError(f"Records can't be searched by '{name}'; fields are: {', '.join(FIELDS)}.")
        if not value:
            found.append(records.c[name].is_(None))
            continue
        found.append(records.c[name] == value)
        # The index of what is rare holds only that, and the database has to see that the search stays within it.
        if (name, value) in _RARE_UNLESS or name not in _USUAL:
            continue
        found.append(records.c[name] != _USUAL[name])
    if query.status is not None:
        found.append(_status(query.status))
    if query.since is not None:
        found.append(records.c.time >= query.since)
    if query.until is not None:
        found.append(records.c.time < query.until)
    if query.text:
        found.append(records.c.path.icontains(query.text, autoescape=True))
    return found


_USUAL = {"outcome": "completed", "kind": "exchange"}
_RARE_UNLESS = set(_USUAL.items())
_ALWAYS_INDEXED = {"consumer", "key", "upstream"}  # also where a record has none


def _status(text: str) -> ColumnElement[bool]:
    if text.lower() == ANY_FAILURE:
        return literal_column(f"({FAILED})", Boolean)
    match = _STATUS.fullmatch(text)
    if match is None:
        raise StoreError(f"'{text}' is no status; write one like 404, a class like 5xx, or {ANY_FAILURE}.")
    if match[2].isdigit():
        return records.c.status == int(text)
    first = int(match[1])
    if first == SUCCESSFUL:
        return and_(records.c.status >= first * 100, records.c.status < (first + 1) * 100)
    # In the words of its index, and no others: a range beside them has PostgreSQL expect next to nothing, and sort all.
    return and_(literal_column(STATUS_CLASS) == first, literal_column(f"({NOT_SUCCESSFUL})", Boolean))


def matches(query: Query, row: Row) -> bool:
    """Whether a record is one that a search would find."""
    if any((getattr(row, name) or "") != value for name, value in query.fields.items()):
        return False
    if query.status is not None and not _has_status(query.status.lower(), row):
        return False
    if query.since is not None and row.time < query.since:
        return False
    if query.until is not None and row.time >= query.until:
        return False
    return not query.text or query.text.lower() in (row.path or "").lower()


def _has_status(wanted: str, row: Row) -> bool:
    status = row.status
    if wanted == ANY_FAILURE:
        return row.has_failed
    return status is not None and wanted in {str(status), f"{status // 100}xx"}


def _choose_index(query: Query) -> str:
    """The index that leaves the least to look at.

    SQLite would have to count first (ANALYZE), and even then takes a status that nearly all have for a rare one.
    """
    for name in ("id", "key", "error", "outcome", "kind"):
        if _leads(query, name):
            return "records_by_id" if name == "id" else f"records_of_{name}"
    if query.status is not None and query.status.lower() == ANY_FAILURE:
        return "records_of_failures"  # those of a consumer or an upstream don't say whether there was an error's code
    for name in ("consumer", "upstream"):
        if _leads(query, name):
            return f"records_of_{name}"
    if query.status is None or (query.status[0] == "2" and not query.status.isdigit()):
        return "records_by_time"  # nearly all of them
    return "records_of_status" if query.status.isdigit() else "records_of_class"


def _leads(query: Query, name: str) -> bool:
    """Whether the index of a field leads to what is looked for: one of what is rare doesn't have what is usual."""
    value = query.fields.get(name)
    return value is not None and bool(value or name in _ALWAYS_INDEXED) and (name, value) not in _RARE_UNLESS
