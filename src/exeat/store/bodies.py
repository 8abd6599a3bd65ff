"""Bodies that are kept beside their records: written with them, found by their id, and gone when their time is over."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, insert, select

from exeat.model.audit import KeptBody
from exeat.model.sealed import ID_AT, ID_BYTES
from exeat.store.database import reading, writing
from exeat.store.tables import bodies, records


class Found(NamedTuple):
    """What is kept of one exchange: the bytes of its record, and the sealed bodies by side."""

    record: bytes
    sealed: dict[str, bytes]


def write_bodies(connection: Connection, kept: Iterable[KeptBody]) -> None:
    """Write bodies, in the transaction that writes their records."""
    values = [{"id": body.id, "side": body.side, "expires": body.expires, "sealed": body.octets} for body in kept]
    if values:
        connection.execute(insert(bodies), values)


def find_bodies(engine: Engine, identifier: str) -> Found | None:
    """What is kept of an exchange; None if there is no such record."""
    with reading(engine) as connection:
        record = connection.execute(select(records.c.body).where(records.c.id == identifier)).scalars().first()
        if record is None:
            return None
        found = connection.execute(select(bodies.c.side, bodies.c.sealed).where(bodies.c.id == identifier))
        return Found(bytes(record), {side: bytes(sealed) for side, sealed in found})


class Kept(NamedTuple):
    """How many bodies are sealed under a master key, and when the last of them is to go (s since 1970)."""

    bodies: int
    until: int


def count_bodies(engine: Engine) -> dict[str, Kept]:
    """The bodies there are, by the id of their master key."""
    head = func.substr(bodies.c.sealed, ID_AT + 1, ID_BYTES)
    query = select(head, func.count(), func.max(bodies.c.expires)).group_by(head)
    with reading(engine) as connection:
        return {bytes(key).hex(): Kept(count, until) for key, count, until in connection.execute(query)}


def expire_bodies(engine: Engine, now: int) -> int:
    """Remove the bodies whose time is over (s since 1970); how many."""
    with writing(engine) as connection:
        return connection.execute(delete(bodies).where(bodies.c.expires <= now)).rowcount
