"""Has chains go on behind records that the database lacks and no journal holds any more, and says so in their place.

Rule 1: it is all or nothing: places, seals and the record of it, which is safe before anything is changed.
Rule 2: a chain moves on only from where it was seen to stand; whatever has moved in the meantime is left alone.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, and_, insert

from exeat.store.audit_writer import lock_arrivals, lock_chains
from exeat.store.database import writing
from exeat.store.failure import ChainError
from exeat.store.gap import Gap, render_gaps, seals_of
from exeat.store.seal import Seal
from exeat.store.tables import chains, seals

Record = Callable[[dict[str, object]], None]


def resume(engine: Engine, gaps: Sequence[Gap], time: int, record: Record) -> None:
    """Leave these gaps, at `time` (µs). ChainError if one can't be, or isn't any more.

    `record` is given the member `after` of the record of it, and raises where that can't be made safe.
    """
    made = [seal for gap in gaps for seal in seals_of(gap, time)]
    if not made:
        return
    with writing(engine) as connection:
        lock_chains(connection, sorted({gap.chain for gap in gaps}))
        for gap in gaps:
            _move_on(connection, gap)
        lock_arrivals(connection)
        connection.execute(insert(seals), list(map(_values, made)))
        record(render_gaps(made))


def _values(seal: Seal) -> dict[str, object]:
    return seal._asdict()


def _move_on(connection: Connection, gap: Gap) -> None:
    before, after = gap.before, gap.after
    if not gap.is_ahead:
        raise ChainError(gap.chain, f"Chain {gap.chain} can't go on: its journal isn't ahead of the database.")
    stands = and_(
        chains.c.chain == gap.chain,
        chains.c.batch == before.batch,
        chains.c.record == before.record,
        chains.c.hash == before.hash,
    )
    values = {
        "batch": after.batch,
        "record": after.record,
        "hash": after.hash,
        "segment": gap.position.segment,
        "offset": gap.position.offset,
    }
    if connection.execute(chains.update().where(stands).values(values)).rowcount != 1:
        raise ChainError(gap.chain, f"Chain {gap.chain} has moved on in the meantime: look again what is missing.")
