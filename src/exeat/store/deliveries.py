"""Events that wait for a webhook to take them, shared by all instances that use this database.

Rule 1: who takes a delivery moves its time ahead, so that nobody else takes it meanwhile, and that it comes again if
this process ends before it is done.
Rule 2: that an event which several instances tell was put down is kept after it was delivered, under no webhook's name.
Times are whole microseconds since 1970.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, text, update

from exeat.store.database import reading, writing
from exeat.store.tables import deliveries

_MARK = text(
    "INSERT INTO deliveries (id, webhook, body, created_at, attempts, due_at)"
    " VALUES (:id, '', :body, :now, 0, :now) ON CONFLICT DO NOTHING"
)


class Delivery(NamedTuple):
    """One event for one webhook; `attempts` is how many have failed."""

    id: str
    webhook: str
    body: bytes
    created_at: int
    attempts: int


class Taken(NamedTuple):
    """A delivery that is due, or when the next one will be; None where none waits."""

    delivery: Delivery | None
    due_at: int | None


def put_deliveries(
    engine: Engine,
    identifier: str,
    webhooks: Iterable[str],
    body: bytes,
    *,
    now: int,
    most: int,
    once: bool = False,
) -> list[str]:
    """Have an event wait for webhooks, once for each; those for which `most` wait already, so that it doesn't.

    With `once` it waits for none if any instance has put it down before.
    """
    full = []
    with writing(engine) as connection:
        if once and not connection.execute(_MARK, {"id": identifier, "body": b"", "now": now}).rowcount:
            return []
        for webhook in webhooks:
            if _has(connection, identifier, webhook):
                continue
            if _count(connection, webhook) >= most:
                full.append(webhook)
                continue
            values = {"id": identifier, "webhook": webhook, "body": body, "created_at": now}
            connection.execute(insert(deliveries), {**values, "attempts": 0, "due_at": now})
    return full


def _has(connection: Connection, identifier: str, webhook: str) -> bool:
    query = select(deliveries.c.id).where(deliveries.c.id == identifier, deliveries.c.webhook == webhook)
    return connection.execute(query).first() is not None


def _count(connection: Connection, webhook: str) -> int:
    query = select(func.count()).select_from(deliveries).where(deliveries.c.webhook == webhook)
    return int(connection.execute(query).scalar_one())


def take_delivery(engine: Engine, webhook: str, *, now: int, until: int) -> Taken:
    """The delivery of a webhook that is due first, which is this caller's alone `until` then."""
    query = select(deliveries).where(deliveries.c.webhook == webhook).order_by(deliveries.c.due_at).limit(1)
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return Taken(None, None)
    if row.due_at > now:
        return Taken(None, row.due_at)
    this = (deliveries.c.id == row.id, deliveries.c.webhook == webhook, deliveries.c.due_at == row.due_at)
    with writing(engine) as connection:
        mine = connection.execute(update(deliveries).where(*this).values(due_at=until)).rowcount
    if not mine:
        return Taken(None, now)  # somebody else was faster
    return Taken(Delivery(row.id, webhook, bytes(row.body), row.created_at, row.attempts), None)


def end_delivery(engine: Engine, delivery: Delivery) -> None:
    """It has arrived, or never will."""
    with writing(engine) as connection:
        connection.execute(delete(deliveries).where(*_one(delivery)))


def postpone_delivery(engine: Engine, delivery: Delivery, due_at: int) -> None:
    """It has failed, and is tried again later."""
    values = {"attempts": delivery.attempts + 1, "due_at": due_at}
    with writing(engine) as connection:
        connection.execute(update(deliveries).where(*_one(delivery)).values(values))


def drop_deliveries(engine: Engine, webhook: str) -> int:
    """Drop everything that waits for a webhook; how much that was."""
    with writing(engine) as connection:
        return connection.execute(delete(deliveries).where(deliveries.c.webhook == webhook)).rowcount


def expire_deliveries(engine: Engine, before: int) -> int:
    """Drop what was put down before a time, also for webhooks that are gone; how much that was."""
    with writing(engine) as connection:
        return connection.execute(delete(deliveries).where(deliveries.c.created_at < before)).rowcount


def _one(delivery: Delivery) -> tuple[ColumnElement[bool], ...]:
    return deliveries.c.id == delivery.id, deliveries.c.webhook == delivery.webhook
