"""What operators say of endpoints: kept by the upstream's name and the endpoint's URL, whichever source has them.

Rule 1: each reset has the number of its edit, so that everybody knows which of them they have seen.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from exeat.model.by_hand import HandState
from exeat.store.configuration.tables import endpoint_states
from exeat.store.configuration.work import Change, Work
from exeat.store.configuration.written import render_time
from exeat.store.database import reading

KIND = "endpoint"


class EndpointItem(NamedTuple):
    """What was said last of an endpoint. Times are in µs since 1970; `revision` is that of its last change."""

    upstream: str
    endpoint: str
    state: HandState | None = None
    ends_at: int | None = None
    changed_at: int = 0
    changed_by: str = ""
    why: str = ""
    last_reset: int = 0
    revision: int = 0

    def at(self, now_us: int) -> HandState | None:
        """The state that holds at a time."""
        return None if self.ends_at is not None and self.ends_at <= now_us else self.state


def list_endpoints(engine: Engine, upstream: str | None = None) -> list[EndpointItem]:
    """What was said of the endpoints of one upstream, or of all."""
    query = select(endpoint_states).order_by(endpoint_states.c.upstream, endpoint_states.c.endpoint)
    if upstream is not None:
        query = query.where(endpoint_states.c.upstream == upstream)
    with reading(engine) as connection:
        return [_item(row) for row in connection.execute(query)]


def hold_endpoint(work: Work, upstream: str, endpoint: str, state: HandState, ends_at: int | None) -> None:
    """Trip or drain an endpoint, until a time or for good."""
    before = _find(work.connection, upstream, endpoint)
    action = "trip" if state == "tripped" else "drain"
    _write(work, action, before, before._replace(state=state, ends_at=ends_at, why=work.author.why))


def restore_endpoint(work: Work, upstream: str, endpoint: str) -> None:
    """Take back what was said of an endpoint, if anything was."""
    before = _find(work.connection, upstream, endpoint)
    if before.state is not None:
        _write(work, "restore", before, before._replace(state=None, ends_at=None, why=work.author.why))


def reset_endpoint(work: Work, upstream: str, endpoint: str) -> None:
    """Take back what was said of an endpoint, and have everybody forget what calls of it have brought."""
    before = _find(work.connection, upstream, endpoint)
    after = before._replace(state=None, ends_at=None, why=work.author.why, last_reset=work.last + 1)
    _write(work, "reset", before, after)


def drop_endpoints_of(work: Work, upstream: str) -> None:
    """Forget what was said of the endpoints of an upstream that is removed."""
    query = select(endpoint_states).where(endpoint_states.c.upstream == upstream)
    for row in work.connection.execute(query).all():
        item = _item(row)
        if item.state is not None:
            work.note(Change(KIND, _name(item), "delete", _show(item), None), item.revision)
    work.write(delete(endpoint_states).where(endpoint_states.c.upstream == upstream))


def _write(work: Work, action: str, before: EndpointItem, after: EndpointItem) -> None:
    was_there, old, new = before.revision > 0, _show(before), _show(after)
    if was_there and old == new:
        return  # the same is said again
    revision = work.note(Change(KIND, _name(after), action, old if was_there else None, new), before.revision)
    values = after._asdict() | {"revision": revision, "changed_at": work.now_us, "changed_by": work.author.name}
    if was_there:
        work.write(update(endpoint_states).where(*_one(after.upstream, after.endpoint)), values)
    else:
        work.write(insert(endpoint_states), values)


def _find(connection: Connection, upstream: str, endpoint: str) -> EndpointItem:
    row = connection.execute(select(endpoint_states).where(*_one(upstream, endpoint))).one_or_none()
    return EndpointItem(upstream, endpoint) if row is None else _item(row)


def _one(upstream: str, endpoint: str) -> tuple[Any, ...]:
    return endpoint_states.c.upstream == upstream, endpoint_states.c.endpoint == endpoint


def _name(item: EndpointItem) -> str:
    return f"{item.upstream} {item.endpoint}"


def _show(item: EndpointItem) -> dict[str, Any]:
    return {
        "state": item.state,
        "until": render_time(item.ends_at),
        "why": item.why,
        "last_reset": item.last_reset or None,
    }


def _item(row: Row[Any]) -> EndpointItem:
    return EndpointItem(
        row.upstream,
        row.endpoint,
        row.state,
        row.ends_at,
        row.changed_at,
        row.changed_by,
        row.why,
        row.last_reset,
        row.revision,
    )
