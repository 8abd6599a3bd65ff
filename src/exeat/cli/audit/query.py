"""What the options of a search say: fields and values, times, a path's text."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from exeat.cli.audit.database import UsageError
from exeat.config.problem import suggest
from exeat.store.cursor import parse_cursor
from exeat.store.failure import StoreError
from exeat.store.search import FIELDS, Query, conditions

_AGO = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Options(NamedTuple):
    """What was written on the command line; None and empty are what wasn't."""

    fields: Mapping[str, str | None]
    where: Sequence[str] = ()
    status: str | None = None
    since: str | None = None
    until: str | None = None
    text: str | None = None


def parse_query(options: Options, now: datetime) -> Query:
    """The query of some options; UsageError if one can't be."""
    fields = {name: value for name, value in options.fields.items() if value is not None}
    for written in options.where:
        name, is_there, value = written.partition("=")
        if not is_there or name not in FIELDS:
            raise UsageError(
                f"--where {written}: write FIELD=VALUE{suggest(name, FIELDS)}; fields: {', '.join(FIELDS)}"
            )
        if name in fields:
            raise UsageError(f"--where {written}: {name} is asked for twice, and a record has one; ask once")
        fields[name] = value
    query = Query(
        fields=fields,
        status=options.status,
        since=None if options.since is None else parse_when(options.since, now),
        until=None if options.until is None else parse_when(options.until, now),
        text=options.text,
    )
    try:
        conditions(query)
    except StoreError as error:
        raise UsageError(f"--status: {error}") from None
    return query


def check_cursor(cursor: str | None) -> str | None:
    """The cursor, if it is one; UsageError otherwise."""
    try:
        if cursor is not None:
            parse_cursor(cursor)
    except StoreError as error:
        raise UsageError(f"--cursor: {error}") from None
    return cursor


def parse_when(text: str, now: datetime) -> int:
    """Microseconds since 1970 of `30d` (ago) or of an ISO 8601 time, in UTC without an offset; UsageError otherwise."""
    ago = _AGO.fullmatch(text)
    try:
        when = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"'{text}' is no time; write 15m, 6h or 30d (ago), or 2026-05-01T12:00:00Z") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return int(when.timestamp() * 1_000_000)
