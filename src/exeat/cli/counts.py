"""How much a snapshot holds, in numbers and in words."""

from exeat.model.snapshot import Snapshot


def count(snapshot: Snapshot) -> dict[str, int]:
    """The number of each kind of object."""
    return {
        "upstreams": len(snapshot.upstreams),
        "destinations": sum(map(len, (*snapshot.exact.values(), *snapshot.below.values()))),
        "consumers": len(snapshot.consumers),
        "keys": len(snapshot.keys),
    }


def render_counts(snapshot: Snapshot) -> str:
    """`1 upstream, 0 destinations, 2 consumers, 2 keys`."""
    return ", ".join(f"{number} {noun[:-1] if number == 1 else noun}" for noun, number in count(snapshot).items())
