"""Retention: removes whole days of records, batch by batch from the oldest of each chain, and leaves a trace.

Rule 1: a batch goes when all its records are older, and all batches of its chain before it go too.
Rule 2: what a chain's trace says is gone, is gone, and nothing else: both change in one transaction.
Rule 3: roll-ups of hours and days stay.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Engine, and_, delete, func, select, text

from exeat.model.audit import ChainState
from exeat.store.database import is_sqlite, reading, writing
from exeat.store.failure import StoreError
from exeat.store.partitions import days_of, drop_day
from exeat.store.pruned import Pruned
from exeat.store.rollup import DAY_US, HOUR_US, Facet, Granularity
from exeat.store.seal import Seal
from exeat.store.tables import chains, records, rollups, seals
from exeat.store.trail import Chain, as_stored, read_chains

BATCHES_AT_ONCE = 200  # on SQLite: what others wait for, some ten thousand records at most
LOCK_S = 5
Progress = Callable[[int], None]  # called with the number of records that are gone


class _Target(NamedTuple):
    """A chain and the state up to which it goes; `missing` are the records before it that never were here."""

    chain: Chain
    until: ChainState
    missing: int

    @property
    def records(self) -> int:
        """How many records go."""
        return self.until.record - self.chain.pruned.record - self.missing


def prune(engine: Engine, before: int, *, progress: Progress | None = None) -> Pruned:
    """Remove records from before a time (µs), moved back to the midnight (UTC) before it.

    The caller has to record what comes back (see pruned.py). StoreAwayError on PostgreSQL while an export or a
    verification reads.
    """
    before -= before % DAY_US
    with reading(engine) as connection:
        targets = list(_find_targets(connection, before))
    if is_sqlite(engine):
        done = 0
        for target in targets:
            for count in _prune_by_batches(engine, target, before):
                done += count
                if progress is not None:
                    progress(done)
    elif targets:
        _prune_by_days(engine, targets, before)
    batches = sum(target.until.batch - target.chain.pruned.batch for target in targets)
    gone = sum(target.records for target in targets)
    with reading(engine) as connection:
        traces = {chain.name: chain.pruned for chain in read_chains(connection) if chain.pruned_before}
    return Pruned(before, batches, gone, traces)


def prune_minutes(engine: Engine, before: int) -> int:
    """Remove roll-ups of minutes from before a time (µs), moved back to the midnight before it; how many."""
    before -= before % DAY_US
    gone = 0
    while True:
        with writing(engine) as connection:
            of_minutes = and_(rollups.c.granularity == Granularity.MINUTE, rollups.c.facet.in_(list(Facet)))
            oldest = connection.execute(select(func.min(rollups.c.start)).where(of_minutes)).scalar_one()
            if oldest is None or oldest >= before:
                return gone
            # By whole hours: a writer waits for one of them only, and the minutes of an hour go together.
            end = min(before, oldest - oldest % HOUR_US + HOUR_US)
            gone += connection.execute(delete(rollups).where(of_minutes, rollups.c.start < end)).rowcount


def _find_targets(connection: Connection, before: int) -> Iterator[_Target]:
    for chain in read_chains(connection):
        of_chain = seals.c.chain == chain.name
        kept = select(func.min(seals.c.number)).where(of_chain, seals.c.newest >= before)
        first_kept = connection.execute(kept).scalar_one()
        last = chain.state.batch if first_kept is None else _last_batch(connection, chain.name, before=first_kept)
        if last > chain.pruned.batch:
            is_gap = and_(of_chain, seals.c.number <= last, func.length(seals.c.checks) == 0)
            missing = connection.execute(select(func.sum(seals.c.size)).where(is_gap)).scalar_one()
            yield _Target(chain, _state_after(connection, chain.name, last), int(missing or 0))


def _last_batch(connection: Connection, chain: str, *, before: int) -> int:
    """The last batch before another one; 0 if there is none. Behind a gap it isn't the one with the number before."""
    of_chain = (seals.c.chain == chain, seals.c.number < before)
    return int(connection.execute(select(func.max(seals.c.number)).where(*of_chain)).scalar_one() or 0)


def _state_after(connection: Connection, chain: str, batch: int) -> ChainState:
    found = select(*[as_stored(seals.c[name]) for name in Seal._fields]).where(
        seals.c.chain == chain, seals.c.number == batch
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        raise StoreError(
            f"Chain {chain} can't be pruned: the seal of batch {batch} is missing. See `exeat audit verify`."
        )
    return Seal._make(row).state


def _prune_by_batches(engine: Engine, target: _Target, before: int) -> Iterator[int]:
    """In steps, so that writers get their turn between them; the number of records of each."""
    chain, at = target.chain.name, target.chain.pruned
    while at.batch < target.until.batch:
        with writing(engine) as connection:
            upto = _state_after(connection, chain, _step(connection, chain, at.batch, target.until.batch))
            connection.execute(delete(records).where(records.c.chain == chain, records.c.number <= upto.record))
            _leave_trace(connection, chain, upto, before)
        yield upto.record - at.record
        at = upto


def _step(connection: Connection, chain: str, at: int, until: int) -> int:
    """The last batch of those that go together."""
    of_chain = (seals.c.chain == chain, seals.c.number > at, seals.c.number <= until)
    some = select(seals.c.number).where(*of_chain).order_by(seals.c.number).limit(BATCHES_AT_ONCE)
    return max(connection.execute(some).scalars(), default=until)


def _prune_by_days(engine: Engine, targets: list[_Target], before: int) -> None:
    """All in one: a day is one table, and what has to stay of it is little: batches that end on the next day."""
    until = {target.chain.name: target.until for target in targets}
    with writing(engine) as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_S}s'"))
        connection.execute(text("LOCK TABLE records IN SHARE ROW EXCLUSIVE MODE"))  # of writers: none is in the middle
        gone = {chain.name: until.get(chain.name, chain.pruned).record for chain in read_chains(connection)}
        for day in days_of(connection):
            if day.end <= before:
                drop_day(connection, day, gone)
        for chain, state in until.items():
            _leave_trace(connection, chain, state, before)


def _leave_trace(connection: Connection, chain: str, state: ChainState, before: int) -> None:
    connection.execute(delete(seals).where(seals.c.chain == chain, seals.c.number <= state.batch))
    trace = {
        "pruned_batch": state.batch,
        "pruned_record": state.record,
        "pruned_hash": state.hash,
        "pruned_before": before,
    }
    connection.execute(chains.update().where(chains.c.chain == chain).values(trace))
