"""Retention removes whole days from the oldest on, leaves a trace, and what remains is still proven."""

import threading

import orjson
import pytest
from sqlalchemy import Engine, text

from exeat.store.audit_writer import AuditWriter
from exeat.store.database import reading
from exeat.store.failure import StoreAwayError
from exeat.store.follow import end_of, follow
from exeat.store.prune import prune
from exeat.store.search import Query, search
from exeat.store.usage import usage
from exeat.store.verify import verify
from tests.store.made import CHAIN, DAY, HOUR, NOON, Chain, make_change, run

MIDNIGHT = NOON + 12 * HOUR


def fill(engine: Engine) -> Chain:
    """Four days; a batch of the second reaches into the third."""
    chain, writer = Chain(), AuditWriter(engine)
    writer.write(chain.batches([2, 2]))
    writer.write(chain.batches([3], NOON + DAY))
    writer.write(chain.batches([4], MIDNIGHT + DAY - 10 * HOUR, step=HOUR))
    writer.write(chain.batches([2], NOON + 3 * DAY))
    return chain


def left(engine: Engine) -> list[int]:
    return sorted(record.number for record in search(engine, Query(), limit=100).records)


def test_whole_batches_go_and_the_rest_is_proven(engine: Engine) -> None:
    """What is older goes by whole batches, and the rest still verifies."""
    fill(engine)
    pruned = prune(engine, NOON + DAY)
    assert (pruned.before, pruned.batches, pruned.records) == (MIDNIGHT, 2, 4)
    assert left(engine) == list(range(5, 14))
    (chain,) = verify(engine).chains
    assert (chain.fault, chain.records, chain.pruned.batch, chain.pruned.record) == (None, 9, 2, 4)


def test_a_batch_that_reaches_into_a_kept_day_stays_whole(engine: Engine) -> None:
    """A batch goes when its last record is old enough."""
    fill(engine)
    before = [row.time for row in search(engine, Query(), limit=100).records if 8 <= row.number <= 11]
    assert min(before) < MIDNIGHT + DAY <= max(before)
    assert prune(engine, MIDNIGHT + DAY).records == 7
    assert left(engine) == list(range(8, 14))
    assert verify(engine).faults == ()
    assert prune(engine, MIDNIGHT + 2 * DAY).records == 4
    assert left(engine) == [12, 13]
    assert verify(engine).faults == ()


def test_nothing_old_enough_is_nothing_done(engine: Engine) -> None:
    """Pruning twice is pruning once."""
    fill(engine)
    assert prune(engine, NOON).records == 0
    assert prune(engine, MIDNIGHT).records == 4
    assert prune(engine, MIDNIGHT).records == 0
    assert verify(engine).faults == ()


def test_a_chain_goes_on_after_all_of_it_is_gone(engine: Engine) -> None:
    """A chain of which nothing is left goes on where it stood, and a tail with it."""
    chain = fill(engine)
    cursor = end_of(engine)
    prune(engine, NOON + 10 * DAY)
    assert left(engine) == []
    assert verify(engine).faults == ()
    AuditWriter(engine).write(chain.batches([1], NOON + 11 * DAY))
    assert verify(engine).faults == ()
    assert [record.number for record in follow(engine, Query(), cursor).records] == [14]


def test_a_prune_that_was_recorded_is_told_from_one_that_was_not(engine: Engine) -> None:
    """Whoever removes old batches by hand can forge the trace, but not its record."""
    chain = fill(engine)
    pruned = prune(engine, MIDNIGHT)
    assert [found.is_pruning_recorded for found in verify(engine).chains] == [False]
    change = make_change(14, NOON + 3 * DAY, action="prune", object="audit/records", after=pruned.after())
    AuditWriter(engine).write([chain.seal(change)])
    assert [found.is_pruning_recorded for found in verify(engine).chains] == [True]
    assert orjson.loads(change)["after"]["chains"][CHAIN][:2] == [2, 4]
    assert orjson.loads(change)["after"]["before"] == "2026-09-23T00:00:00.000000Z"
    # Somebody removes more, and writes the trace that a prune would have left.
    run(engine, "DELETE FROM records WHERE number <= 7")
    run(
        engine,
        "UPDATE chains SET pruned_batch = 3, pruned_record = 7,"
        " pruned_hash = (SELECT hash FROM seals WHERE number = 3)",
    )
    run(engine, "DELETE FROM seals WHERE number <= 3")
    assert [(found.fault, found.is_pruning_recorded) for found in verify(engine).chains] == [(None, False)]


def test_what_is_left_over_from_before_the_trace_is_found(engine: Engine) -> None:
    """A record that stands before what was pruned is a fault."""
    fill(engine)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM records WHERE number = 5")).mappings().one()
    prune(engine, MIDNIGHT)
    run(engine, "UPDATE records SET number = 4 WHERE number = 5")
    assert verify(engine).faults != ()
    assert row["number"] == 5


def test_roll_ups_of_hours_and_days_stay(engine: Engine) -> None:
    """Usage outlives the records."""
    fill(engine)
    prune(engine, NOON + 10 * DAY)
    assert sum(entry.requests for entry in usage(engine, since=NOON, until=NOON + 10 * DAY)) == 13


def test_chains_are_pruned_each_by_its_own_batches(engine: Engine) -> None:
    """A chain whose first batch is still young keeps all of it."""
    fill(engine)
    AuditWriter(engine).write(Chain("other/worker-1").batches([5], NOON, step=30 * HOUR))
    pruned = prune(engine, MIDNIGHT)
    assert (pruned.records, set(pruned.chains)) == (4, {CHAIN})
    assert verify(engine).faults == ()
    assert verify(engine).records == 9 + 5


def test_records_that_arrive_while_it_works_are_kept(engine: Engine) -> None:
    """Pruning and writing at the same time lose no record and break no chain."""
    fill(engine)
    late = Chain("late/worker-1")
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                AuditWriter(engine).write(late.batches([2], NOON))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(5):
        prune(engine, MIDNIGHT)
    thread.join()
    assert all(isinstance(failure, StoreAwayError) for failure in failures)
    assert verify(engine).faults == ()


def test_on_postgresql_days_go_as_whole_tables_and_readers_are_not_queued_up(engine: Engine) -> None:
    """A prune drops tables, and gives up rather than let everyone wait behind it."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one table for all days")
    fill(engine)
    with reading(engine) as reader:
        reader.execute(text("SELECT count(*) FROM records")).scalar_one()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("exeat.store.prune.LOCK_S", 1)
            with pytest.raises(StoreAwayError, match="lock timeout"):
                prune(engine, MIDNIGHT + DAY)
    prune(engine, MIDNIGHT + DAY)
    with reading(engine) as reader:
        names = reader.execute(text("SELECT relname FROM pg_class WHERE relname ~ '^records_2' AND relkind = 'r'"))
        assert sorted(names.scalars()) == [
            "records_20260923",  # what is left of a batch that ends on the next day
            "records_20260924",
            "records_20260925",
            "records_20260926",
        ]
    assert verify(engine).faults == ()
