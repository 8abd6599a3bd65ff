"""Proves that the audit trail is what was recorded, or names the first thing in each chain that isn't.

What it finds: records and seals that were edited, removed, inserted or reordered, columns that say something else than
the record, chains that end before where they stood. What no database can tell by itself: that a whole chain is gone, or
that somebody has made up a new one from some point on, hashes and all. The heads of an earlier verification, kept
elsewhere, show that too.

Records that are missing because the database went back to an earlier copy, and whose gap was left openly (resume.py),
are no fault: they are told, with the numbers. A gap that no record of the trail speaks of is one.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from exeat.model.audit import ChainState
from exeat.store.database import reading
from exeat.store.gap import RESUME, Recorded, is_recorded, recorded_gaps
from exeat.store.pruned import PRUNE, parse_pruned
from exeat.store.rows import Row, parse_row
from exeat.store.seal import Fault, Seal, check_batch
from exeat.store.tables import chains, records, seals
from exeat.store.trail import Chain, Part, find_parts, read_batches, read_chains, state_before

Progress = Callable[[int], None]  # called with the number of records that are done


class Missing(NamedTuple):
    """Records that a gap says are missing; whether a record of the trail says so, None if only a part was read."""

    first: int
    last: int
    is_recorded: bool | None


class ChainVerdict(NamedTuple):
    """What was found in one chain.

    `head` is where it stood after the last batch that was verified: kept elsewhere, it shows later what is gone.
    `pruned` is up to where it was pruned; `is_pruning_recorded` whether a record of the trail says so, None if that
    can't be told because only a part was read, or nothing was pruned.
    """

    chain: str
    batches: int
    records: int
    head: ChainState
    pruned: ChainState
    is_pruning_recorded: bool | None
    fault: Fault | None
    missing: tuple[Missing, ...] = ()


class Verdict(NamedTuple):
    """What was found in all chains."""

    chains: tuple[ChainVerdict, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The first fault of each chain that has one."""
        return tuple(chain.fault for chain in self.chains if chain.fault is not None)

    @property
    def records(self) -> int:
        """How many records were verified."""
        return sum(chain.records for chain in self.chains)

    @property
    def missing(self) -> int:
        """How many records gaps say are missing."""
        return sum(gap.last - gap.first + 1 for chain in self.chains for gap in chain.missing)


def verify(
    engine: Engine,
    *,
    since: int | None = None,
    until: int | None = None,
    heads: Mapping[str, ChainState] | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Verify everything, or the batches that reach into a range of time (µs).

    `heads` are those of an earlier verdict: each has to be found again where it was, or lie in what was pruned.
    """
    expected = heads or {}
    with reading(engine) as connection:
        parts = None if since is None and until is None else find_parts(connection, since, until)
        known = {chain.name: chain for chain in read_chains(connection)}
        names = known.keys() | expected.keys() | _strangers(connection) if parts is None else parts.keys()
        walks = [Walk(name, known.get(name), expected.get(name)) for name in sorted(names)]
        done = 0
        for walk in walks:
            for _ in walk.run(connection, None if parts is None else parts[walk.chain]):
                if progress is not None:
                    progress(done + walk.records)
            done += walk.records
    if parts is not None:
        return Verdict(tuple(walk.verdict(None, None) for walk in walks))
    pruned = _merge(walk.prunings for walk in walks)
    gaps = frozenset(gap for walk in walks for gap in walk.resumptions)
    return Verdict(tuple(walk.verdict(pruned, gaps) for walk in walks))


def _merge(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The last batch that a record says was pruned, by chain."""
    last: dict[str, int] = {}
    for prunings in found:
        for chain, batch in prunings.items():
            last[chain] = max(batch, last.get(chain, 0))
    return last


def _strangers(connection: Connection) -> set[str]:
    """Every chain that any row names; each is one step through an index."""
    found: set[str] = set()
    for table in (records, seals, chains):
        following = select(table.c.chain).order_by(table.c.chain).limit(1)
        name = connection.execute(following).scalar_one_or_none()
        while name is not None:
            found.add(str(name))  # it may be bytes, in SQLite: then no chain is called that
            name = connection.execute(following.where(table.c.chain > name)).scalar_one_or_none()
    return found


class Walk:
    """The way through one chain."""

    def __init__(self, name: str, known: Chain | None, head: ChainState | None) -> None:
        self.chain = name
        self.batches = 0
        self.records = 0
        self.prunings: dict[str, int] = {}
        self.resumptions: Recorded = frozenset()
        self._gaps: list[Seal] = []
        self._known = known
        self._head = head
        self._state = ChainState()
        self._is_head_found = False
        self._fault: Fault | None = None

    def run(self, connection: Connection, part: Part | None) -> Iterator[None]:
        """Verify batch after batch, up to the first fault; pauses after each."""
        self._fault = self._begin(connection, part)
        if self._fault is not None:
            return
        try:
            with closing(read_batches(connection, self.chain, part)) as batches:
                for seal, rows in batches:
                    self._fault = self._check(seal, rows)
                    if self._fault is not None:
                        return
                    yield
        except (ArithmeticError, LookupError, TypeError, ValueError, struct.error):
            # SQLite keeps whatever is put into a column, and no writer puts there what can't be read.
            self._fault = self._unreadable()
            return
        self._fault = None if part is not None else self._end()

    def _unreadable(self) -> Fault:
        batch = self._state.batch + 1
        sentence = f"Batch {batch} of chain {self.chain} can't be read: it was edited."
        return Fault(self.chain, batch, None, sentence)

    def _begin(self, connection: Connection, part: Part | None) -> Fault | None:
        chain, known = self.chain, self._known
        if known is None:
            sentence = f"Chain {chain} isn't known: it was made up, or what was known of it was removed."
            return Fault(chain, 1, None, sentence)
        begin = known.pruned
        if part is not None and part.first > begin.batch + 1:
            before = state_before(connection, known, part.first)
            if before is None:
                missing = part.first - 1
                return Fault(chain, missing, None, f"Batch {missing} of chain {chain} is missing: it was removed.")
            begin = before
        self._state = begin
        self._look_for_head(begin, is_pruned=True)
        return None

    def _check(self, seal: Seal | None, rows: list[Row]) -> Fault | None:
        if seal is None:
            number = rows[0].number
            what = "it was inserted, or its seal removed"
            sentence = f"Record {number} of chain {self.chain} belongs to no batch: {what}."
            return Fault(self.chain, self._state.batch + 1, number, sentence)
        fault = check_batch(self._state, seal, [(row.number, row.body) for row in rows])
        if fault is None and seal.is_gap:
            self._gaps.append(seal)
            self._state = seal.state
            return None
        fault = fault or _check_columns(seal, rows)
        if fault is None:
            self._state = seal.state
            self.batches += 1
            self.records += len(rows)
            self._look_for_head(self._state, is_pruned=False)
            self._note_changes(rows)
        return fault

    def _look_for_head(self, state: ChainState, *, is_pruned: bool) -> None:
        head = self._head
        if head is not None and (state == head or (is_pruned and head.batch < state.batch)):
            self._is_head_found = True

    def _note_changes(self, rows: list[Row]) -> None:
        for row in rows:
            if (row.action, row.object) == PRUNE:
                self.prunings |= parse_pruned(row.body)
            elif (row.action, row.object) == RESUME:
                self.resumptions |= recorded_gaps(row.body)

    def _end(self) -> Fault | None:
        chain, state, known, head = self.chain, self._state, self._known, self._head
        if known is not None and state != known.state:
            what = f"it stood at batch {known.state.batch}, and its end was removed"
            sentence = f"Chain {chain} ends with batch {state.batch}: {what}."
            return Fault(chain, state.batch + 1, state.record + 1, sentence)
        if head is not None and not self._is_head_found:
            what = "the chain was cut, or made up anew"
            for gap in self._gaps:
                if gap.first <= head.record <= gap.last:
                    what = f"records {gap.first} to {gap.last} are missing since the database went back"
            sentence = f"Batch {head.batch} of chain {chain} isn't the one that an earlier verification saw: {what}."
            return Fault(chain, head.batch, None, sentence)
        return None

    def verdict(self, pruned: Mapping[str, int] | None, gaps: Recorded | None) -> ChainVerdict:
        """What was found; `pruned` and `gaps` are what records say is gone, None where not all of them were read."""
        known = self._known
        until = ChainState() if known is None else known.pruned
        is_told = None
        if pruned is not None and known is not None and known.pruned_before:
            is_told = pruned.get(self.chain, 0) >= until.batch
        missing, fault = find_missing(self._gaps, gaps)
        fault = self._fault or fault
        return ChainVerdict(self.chain, self.batches, self.records, self._state, until, is_told, fault, missing)


def find_missing(gaps: Iterable[Seal], recorded: Recorded | None) -> tuple[tuple[Missing, ...], Fault | None]:
    """What gaps say is missing, and the first of them of which no record of the trail speaks."""
    missing: list[Missing] = []
    fault: Fault | None = None
    for gap in gaps:
        is_told = None if recorded is None else is_recorded(gap, recorded)
        missing.append(Missing(gap.first, gap.last, is_told))
        if is_told is False and fault is None:
            what = "are missing, and no record says who has left them out: they were removed, or it isn't there yet"
            sentence = f"Records {gap.first} to {gap.last} of chain {gap.chain} {what}."
            fault = Fault(gap.chain, gap.number, gap.first, sentence)
    return tuple(missing), fault


def _check_columns(seal: Seal, rows: list[Row]) -> Fault | None:
    """Whether searches find what was recorded: only the bytes of a record are sealed, columns are read from them."""
    for row in rows:
        if parse_row(row.chain, row.number, row.body) != row:
            what = "they say something else than the record"
            sentence = f"The columns of record {row.number} of chain {seal.chain} were edited: {what}."
            return Fault(seal.chain, seal.number, row.number, sentence)
    times = [row.time for row in rows]
    if (seal.oldest, seal.newest) != (min(times), max(times)):
        sentence = f"The seal of batch {seal.number} of chain {seal.chain} was edited: its records are of another time."
        return Fault(seal.chain, seal.number, None, sentence)
    return None
