"""Gaps: records that a chain has had and the database hasn't, as the seal in their place and a record of it say (pure).

A database that goes back to an earlier copy lacks what came after; where the journals hold that no longer, nothing
can bring it again. The chain then goes on behind a seal without records: it says which are missing, and links what
comes before them with what comes behind.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import orjson

from exeat.model.audit import ChainState, Position
from exeat.store.seal import Seal

RESUME = ("resume", "audit/records")  # action and object of the record
SIZE_LIMIT = 2**31 - 1  # of the column


class Gap(NamedTuple):
    """Where a chain stands in the database, where its journal goes on, and the place of that."""

    chain: str
    before: ChainState
    after: ChainState
    position: Position

    @property
    def is_ahead(self) -> bool:
        """Whether its journal is ahead of the database; otherwise one of them tells another story."""
        return self.after.batch > self.before.batch and self.after.record > self.before.record

    @property
    def first(self) -> int:
        """The number of the first record that is missing."""
        return self.before.record + 1

    @property
    def last(self) -> int:
        """The number of the last one."""
        return self.after.record


def seals_of(gap: Gap, time: int, limit: int = SIZE_LIMIT) -> Iterator[Seal]:
    """What stands for the missing records: one seal, or several that each say `limit` of them; `time` is now (µs)."""
    state = gap.before
    while gap.last - state.record > limit:
        yield _seal(gap.chain, state, ChainState(state.batch + 1, state.record + limit, state.hash), time)
        state = ChainState(state.batch + 1, state.record + limit, state.hash)
    yield _seal(gap.chain, state, gap.after, time)


def _seal(chain: str, before: ChainState, after: ChainState, time: int) -> Seal:
    first, size = before.record + 1, after.record - before.record
    return Seal(chain, after.batch, first, size, before.hash, after.hash, b"", time, time)


def render_gaps(seals: Iterable[Seal]) -> dict[str, object]:
    """The member `after` of the record that says who has left gaps: verify() looks for that."""
    return {"gaps": [_members(seal) for seal in seals]}


def _members(seal: Seal) -> dict[str, object]:
    """What identifies a gap."""
    return {
        "chain": seal.chain,
        "first": seal.first,
        "last": seal.last,
        "batch": seal.number,
        "previous": seal.previous.hex(),
        "hash": seal.hash.hex(),
    }


Recorded = frozenset[tuple[object, ...]]


def recorded_gaps(body: bytes) -> Recorded:
    """From the record of a resumption: the gaps that it has left."""
    after = orjson.loads(body).get("after")
    gaps = after.get("gaps") if isinstance(after, dict) else None
    found = gaps if isinstance(gaps, list) else []
    return frozenset(_key_of(gap) for gap in found if isinstance(gap, dict))


def is_recorded(seal: Seal, recorded: Recorded) -> bool:
    """Whether a record says of exactly these records that they are missing."""
    return _key_of(_members(seal)) in recorded


def _key_of(members: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(str(members.get(name)) for name in ("chain", "first", "last", "batch", "previous", "hash"))
