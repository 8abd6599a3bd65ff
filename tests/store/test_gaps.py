"""A database that went back to an earlier copy goes on behind what it lost, and never as if nothing were missing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from exeat.model.audit import Batch, ChainState, Position
from exeat.store.audit_writer import AuditWriter
from exeat.store.export import Format, export
from exeat.store.failure import ChainError, StoreError
from exeat.store.follow import end_of, follow
from exeat.store.gap import Gap, render_gaps, seals_of
from exeat.store.prune import prune
from exeat.store.resume import resume
from exeat.store.rollup_check import check_rollups
from exeat.store.search import Query, search
from exeat.store.verify import Missing, Verdict, verify
from exeat.store.verify_export import verify_export
from tests.store.made import (
    CHAIN,
    DAY,
    HOUR,
    NOON,
    Chain,
    make_change,
    make_record,
    put_row,
    replace_rows,
    rows_of,
    run,
)

MIDNIGHT = NOON + 12 * HOUR
CLI = "0199f4e8c1d2/cli"
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet")
TABLES = {"rollups": "1", "series": "id", "records": "number", "seals": "number", "chains": "chain"}


class Lost:
    """A chain of which the database has records 1 to 5, has lost 6 to 10, and is to go on with 11 and 12."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.writer = AuditWriter(engine)
        self.chain, self.cli = Chain(), Chain(CLI)
        self.writer.write(self.chain.batches([2, 3]))
        before = self.chain.state
        self.lost = self.chain.batches([1, 4], NOON + HOUR)
        self.gap = Gap(CHAIN, before, self.chain.state, Position(7, 0))
        self.after: dict[str, object] = {}

    def resume(self) -> None:
        """Leave the gap, and go on behind it."""
        resume(self.engine, [self.gap], NOON + DAY, self.after.update)
        assert self.writer.write(self.chain.batches([2], NOON + 2 * DAY)) == 2

    def record(self) -> Batch:
        """The batch with the record that says so."""
        return self.cli.seal(make_change(1, NOON + DAY, action="resume", object="audit/records", after=self.after))


@pytest.fixture
def lost(engine: Engine) -> Lost:
    return Lost(engine)


@pytest.fixture
def resumed(lost: Lost) -> Lost:
    """It goes on, and a record says so."""
    lost.resume()
    lost.writer.write([lost.record()])
    return lost


def missing_in(verdict: Verdict) -> list[Missing]:
    return [gap for chain in verdict.chains for gap in chain.missing]


def test_a_chain_goes_on_behind_what_is_missing(lost: Lost) -> None:
    """Before, nothing that follows is taken; behind a gap all of it is, and the missing records are told by number."""
    later = lost.chain.batches([2], NOON + 2 * DAY)
    with pytest.raises(ChainError, match="comes too early"):
        lost.writer.write(later)
    resume(lost.engine, [lost.gap], NOON + DAY, lost.after.update)
    assert lost.writer.where(CHAIN) == (Position(7, 0), lost.gap.after)
    assert lost.writer.write(later) == 2
    lost.writer.write([lost.record()])
    verdict = verify(lost.engine)
    assert (verdict.faults, verdict.records, verdict.missing) == ((), 5 + 2 + 1, 5)
    assert missing_in(verdict) == [Missing(6, 10, is_recorded=True)]
    assert check_rollups(lost.engine, 0, 2**62) is None


def test_what_was_lost_is_not_taken_any_more(resumed: Lost) -> None:
    """Batches that a gap stands for count as written: nothing is put where its seal says that nothing is."""
    assert resumed.writer.write(resumed.lost) == 0
    assert verify(resumed.engine).faults == ()


def test_a_gap_of_which_no_record_speaks_is_a_fault(lost: Lost) -> None:
    """Who removes records and leaves a gap by hand is found: it isn't in the trail."""
    lost.resume()
    (fault,) = verify(lost.engine).faults
    assert (fault.chain, fault.batch, fault.record) == (CHAIN, 4, 6)
    assert str(fault).startswith(f"Records 6 to 10 of chain {CHAIN} are missing, and no record says who")
    lost.writer.write([lost.record()])
    assert verify(lost.engine).faults == ()
    run(lost.engine, "DELETE FROM records WHERE chain = :chain AND number <= 2", chain=CHAIN)
    run(lost.engine, "UPDATE seals SET checks = :none WHERE chain = :chain AND number = 1", chain=CHAIN, none=b"")
    assert "Records 1 to 2 of chain" in str(verify(lost.engine).faults[0])
    assert missing_in(verify(lost.engine)) == [Missing(1, 2, is_recorded=False), Missing(6, 10, is_recorded=True)]


@pytest.mark.parametrize(
    "tamper",
    [
        "DELETE FROM seals WHERE number = 4 AND chain = '{chain}'",
        "UPDATE seals SET first = 7, size = 4 WHERE number = 4 AND chain = '{chain}'",
        "UPDATE seals SET size = 6 WHERE number = 4 AND chain = '{chain}'",
        "UPDATE seals SET number = 3 WHERE number = 4 AND chain = '{chain}'",
        "UPDATE seals SET hash = previous WHERE number = 4 AND chain = '{chain}'",
        "UPDATE seals SET previous = hash WHERE number = 4 AND chain = '{chain}'",
        "UPDATE seals SET checks = hash WHERE number = 4 AND chain = '{chain}'",
        "UPDATE records SET number = 6 WHERE number = 11 AND chain = '{chain}'",
        "DELETE FROM seals WHERE number = 5 AND chain = '{chain}'",
    ],
)
def test_a_gap_that_was_edited_is_found(resumed: Lost, tamper: str) -> None:
    """A gap stands for exactly the records that were missing when it was left."""
    run(resumed.engine, tamper.format(chain=CHAIN))
    assert [fault.chain for fault in verify(resumed.engine).faults] == [CHAIN]


def test_a_record_put_into_a_gap_is_found(resumed: Lost) -> None:
    """Where records are said to be missing, there is none."""
    row = dict(next(row for row in rows_of(resumed.engine, "records", "chain, number") if row["number"] == 5))
    put_row(resumed.engine, "records", row | {"number": 8, "id": "made-up"})
    assert "Record 8 of chain" in str(verify(resumed.engine).faults[0])
    assert "it was inserted" in str(verify(resumed.engine).faults[0])


def test_a_gap_at_the_end(lost: Lost) -> None:
    """A chain that doesn't go on any more ends with its gap."""
    resume(lost.engine, [lost.gap], NOON + DAY, lost.after.update)
    lost.writer.write([lost.record()])
    assert verify(lost.engine).faults == ()
    assert missing_in(verify(lost.engine)) == [Missing(6, 10, is_recorded=True)]


@pytest.mark.parametrize("record", [5, 6, 10, 12])
def test_heads_of_before(resumed: Lost, record: int) -> None:
    """A head that an earlier verification saw is found again, unless it is among what is missing: that is said."""
    states = {batch.first + len(batch.records) - 1: state_of(batch) for batch in resumed.lost}
    states |= {5: resumed.gap.before, 12: resumed.chain.state}
    faults = verify(resumed.engine, heads={CHAIN: states[record]}).faults
    if record in {5, 12}:
        assert faults == ()
    else:
        assert str(faults[0]).endswith("records 6 to 10 are missing since the database went back.")


def state_of(batch: Batch) -> ChainState:
    return ChainState(batch.number, batch.first + len(batch.records) - 1, batch.hash)


def test_a_record_that_cannot_be_made_changes_nothing(lost: Lost) -> None:
    """No gap without the record of it: where that fails, the chain stays where it is."""

    def refuse(_after: dict[str, object]) -> None:
        raise StoreError("no room")

    before = {table: rows_of(lost.engine, table, order) for table, order in TABLES.items()}
    with pytest.raises(StoreError, match="no room"):
        resume(lost.engine, [lost.gap], NOON, refuse)
    assert {table: rows_of(lost.engine, table, order) for table, order in TABLES.items()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda gap: gap._replace(before=ChainState(2, 5, bytes(32))), "has moved on in the meantime"),
        (lambda gap: gap._replace(before=ChainState()), "has moved on in the meantime"),
        (lambda gap: gap._replace(chain="other/worker-1"), "has moved on in the meantime"),
        (lambda gap: gap._replace(after=gap.before), "isn't ahead of the database"),
        (lambda gap: gap._replace(after=ChainState(1, 2, bytes(32))), "isn't ahead of the database"),
    ],
)
def test_only_what_was_seen_is_left_out(lost: Lost, change: Callable[[Gap], Gap], said: str) -> None:
    """A chain that stands elsewhere, or whose journal is behind it, isn't moved, and no other one with it."""
    before = {table: rows_of(lost.engine, table, order) for table, order in TABLES.items()}
    with pytest.raises(ChainError, match=said):
        resume(lost.engine, [lost.gap, change(lost.gap)], NOON, lost.after.update)
    assert lost.after == {}
    assert {table: rows_of(lost.engine, table, order) for table, order in TABLES.items()} == before


def test_more_than_a_seal_can_say() -> None:
    """A gap larger than the column's range is several seals that are one chain."""
    gap = Gap(CHAIN, ChainState(2, 5, b"a"), ChainState(40, 30, b"b"), Position(7, 0))
    seals = list(seals_of(gap, NOON, limit=10))
    assert [(seal.number, seal.first, seal.last) for seal in seals] == [(3, 6, 15), (4, 16, 25), (40, 26, 30)]
    assert [(seal.previous, seal.hash) for seal in seals] == [(b"a", b"a"), (b"a", b"a"), (b"a", b"b")]
    assert len(render_gaps(seals)["gaps"]) == 3  # type: ignore[arg-type]  # a record is JSON


def test_a_range_of_time_around_a_gap(resumed: Lost) -> None:
    """A range is proven across a gap; whether a record speaks of that, a part can't tell."""
    for since, until, records in ((None, MIDNIGHT, 5), (NOON + DAY, None, 3), (NOON + 2 * DAY, None, 2)):
        verdict = verify(resumed.engine, since=since, until=until)
        assert (verdict.faults, verdict.records) == ((), records)
    assert missing_in(verify(resumed.engine, since=NOON + DAY)) == [Missing(6, 10, is_recorded=None)]
    run(resumed.engine, "DELETE FROM seals WHERE chain = :chain AND number = 4", chain=CHAIN)
    assert "Batch 3 of chain" in str(verify(resumed.engine, since=NOON + 2 * DAY).faults[0])


@pytest.mark.parametrize("at_once", [1, 200])
def test_a_prune_goes_through_a_gap(resumed: Lost, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap goes with the day on which it was left, not before its record does; what never was here isn't counted."""
    monkeypatch.setattr("exeat.store.prune.BATCHES_AT_ONCE", at_once)
    assert prune(resumed.engine, MIDNIGHT).records == 5
    assert missing_in(verify(resumed.engine)) == [Missing(6, 10, is_recorded=True)]
    assert verify(resumed.engine).faults == ()
    assert prune(resumed.engine, MIDNIGHT + DAY).records == 1  # that of the resumption
    assert missing_in(verify(resumed.engine)) == []
    assert verify(resumed.engine).faults == ()
    assert [found.number for found in search(resumed.engine, Query(), limit=100).records] == [12, 11]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_has_its_gaps(resumed: Lost, tmp_path: Path, form: Format) -> None:
    """An export tells what is missing as the database does, and a gap of which no record in it speaks is a fault."""
    file, cut = tmp_path / f"trail.{form}", tmp_path / f"cut.{form}"
    with file.open("wb") as out:
        export(resumed.engine, out, form)
    verdict = verify_export(file)
    assert (verdict.faults, verdict.records, verdict.missing) == ((), 8, 5)
    assert missing_in(verdict) == [Missing(6, 10, is_recorded=True)]
    with cut.open("wb") as out:
        export(resumed.engine, out, form, Query(since=NOON + 2 * DAY))
    assert missing_in(verify_export(cut)) == []
    run(resumed.engine, "DELETE FROM records WHERE chain = :chain", chain=CLI)
    run(resumed.engine, "DELETE FROM seals WHERE chain = :chain", chain=CLI)
    with cut.open("wb") as out:
        export(resumed.engine, out, form)
    assert "no record says who has left them out" in str(verify_export(cut).faults[0])


def test_a_tail_goes_on_across_a_gap(lost: Lost) -> None:
    """Who follows the trail gets what comes behind the gap, once."""
    cursor = end_of(lost.engine)
    lost.resume()
    page = follow(lost.engine, Query(), cursor)
    assert [found.number for found in page.records] == [11, 12]
    assert page.cursor is not None
    assert follow(lost.engine, Query(), page.cursor).records == ()


def test_a_database_that_goes_back_under_its_writer(engine: Engine) -> None:
    """What a writer remembers of the newer database doesn't get into the older one: roll-ups stay true."""
    chain, other, writer = Chain(), Chain("other/worker-1"), AuditWriter(engine)
    writer.write(chain.batches([2], consumer="first"))
    copy = {table: rows_of(engine, table, order) for table, order in TABLES.items()}
    before = chain.state
    writer.write(chain.batches([3], consumer="second"))
    gap = Gap(CHAIN, before, chain.state, Position(9, 0))
    for table in TABLES:
        replace_rows(engine, table, [])
    for table in ("series", "rollups", "records", "seals", "chains"):
        replace_rows(engine, table, copy[table])
    later = chain.batches([1], consumer="second")
    with pytest.raises(ChainError):
        writer.write(later)
    AuditWriter(engine).write([other.seal(make_record(1, consumer="third"))])
    resume(engine, [gap], NOON, lambda _: None)
    assert writer.write(later) == 1
    assert check_rollups(engine, 0, 2**62) is None
