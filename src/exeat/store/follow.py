"""Follows the audit trail: what has arrived since, in the order in which it arrived.

A record may arrive long after its time: an exchange is recorded when it ends, and a journal may have waited for the
database. Arrivals are counted by batch, in the order of commits.
"""

from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, or_, select

from exeat.store.cursor import parse_cursor, render_cursor
from exeat.store.database import reading
from exeat.store.failure import StoreError
from exeat.store.search import PAGE, Page, Query, read_found, select_found
from exeat.store.tables import records, seals

_SEALS_AT_ONCE = 500
_END = 2**62


def end_of(engine: Engine) -> str:
    """The cursor from which a tail follows what is still to come."""
    with reading(engine) as connection:
        return render_cursor(_last_arrival(connection), _END)


def follow(engine: Engine, query: Query, cursor: str, *, limit: int = PAGE) -> Page:
    """Records that have arrived after a cursor (of end_of() or of the page before), oldest arrival first.

    Its cursor is never None. An empty page says that nothing more has arrived yet.
    """
    arrival, number = _parse_place(cursor)
    with reading(engine) as connection:
        while True:
            last = _reach(connection, arrival)
            if last is None or (last, _END) == (arrival, number):
                return Page((), render_cursor(arrival, number))
            found = connection.execute(_arrived(query, arrival, number, last).limit(limit)).mappings().all()
            if len(found) == limit:
                arrival, number = found[-1]["arrival"], found[-1]["number"]
            else:
                arrival, number = last, _END
            if found:
                return Page(tuple(map(read_found, found)), render_cursor(arrival, number))


def _parse_place(cursor: str) -> tuple[int, int]:
    arrival, number = parse_cursor(cursor)
    if not number.isdecimal():
        raise StoreError("The cursor isn't one that a tail gave; begin again without it.")
    return arrival, int(number)


def _last_arrival(connection: Connection) -> int:
    newest = select(seals.c.arrival).order_by(seals.c.arrival.desc()).limit(1)
    return int(connection.execute(newest).scalar_one_or_none() or 0)


def _reach(connection: Connection, arrival: int) -> int | None:
    """The last of the seals to look at together, from one on that may have been looked at in part."""
    some = select(seals.c.arrival).where(seals.c.arrival >= arrival).order_by(seals.c.arrival).limit(_SEALS_AT_ONCE)
    return max(connection.execute(some).scalars(), default=None)


def _arrived(query: Query, arrival: int, number: int, last: int) -> Select[Any]:
    is_of = and_(
        records.c.chain == seals.c.chain,
        records.c.number.between(seals.c.first, seals.c.first + seals.c.size - 1),
        records.c.time.between(seals.c.oldest, seals.c.newest),  # PostgreSQL looks at these days alone
    )
    is_after = or_(seals.c.arrival > arrival, records.c.number > number)
    return (
        select_found(query)
        .add_columns(seals.c.arrival)
        .select_from(seals.join(records, is_of))
        .where(seals.c.arrival.between(arrival, last), is_after)
        .order_by(seals.c.arrival, records.c.number)
    )
