"""How much a snapshot holds, in numbers and in words."""

from collections.abc import Iterator

from exeat.model.limit import Limit
from exeat.model.snapshot import Snapshot


def count(snapshot: Snapshot) -> dict[str, int]:
    """The number of each kind of object."""
    return {
        "upstreams": len(snapshot.upstreams),
        "destinations": sum(map(len, (*snapshot.exact.values(), *snapshot.below.values()))),
        "consumers": len(snapshot.consumers),
        "keys": len(snapshot.keys),
        "limits": len({limit.id for limit in _limits(snapshot)}),
    }


def _limits(snapshot: Snapshot) -> Iterator[Limit]:
    yield from snapshot.limits
    for upstream in snapshot.upstreams.values():
        yield from upstream.limits
    for consumer in snapshot.consumers.values():
        yield from consumer.limits
    for key in snapshot.keys.values():
        yield from key.limits
    # Many consumers share one index of grants, and many names in it one tuple.
    indexes = {id(index): index for one in snapshot.consumers.values() for index in (one.upstreams, one.destinations)}
    listed = {id(grants): grants for index in indexes.values() for grants in index.values()}
    for grants in listed.values():
        for grant in grants:
            yield from grant.limits


def render_counts(snapshot: Snapshot) -> str:
    """`1 upstream, 0 destinations, 2 consumers, 2 keys`, and limits where there are some."""
    counted = {noun: number for noun, number in count(snapshot).items() if number or noun != "limits"}
    return ", ".join(f"{number} {noun[:-1] if number == 1 else noun}" for noun, number in counted.items())
