"""A batch is written once, whole and in its place, however often and by whomever it is handed over."""

import threading

import pytest
from sqlalchemy import Engine, text

from exeat.model.audit import Batch
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database
from exeat.store.failure import ChainError, StoreError
from exeat.store.rollup_check import check_rollups
from exeat.store.verify import verify
from tests.store.made import CHAIN, DAY, NOON, Chain, make_change, make_record, rows_of, run


def count_records(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM records")).scalar_one())


def assert_whole(engine: Engine) -> None:
    """Records, seals and roll-ups say the same."""
    assert verify(engine).faults == ()
    assert check_rollups(engine, 0, NOON + 1000 * DAY) is None


def test_records_are_kept_byte_for_byte(engine: Engine) -> None:
    """What is stored of a record is its own bytes, however they are spelt."""
    odd = make_record(2).replace(b'"/users/1"', b'"/\\u00e4\\u0000/\\ud83d\\ude00"').replace(b":", b" :  ", 1)
    batch = Chain().seal(make_record(1), odd, make_change(3))
    assert AuditWriter(engine).write([batch]) == 3
    assert tuple(row["body"] for row in rows_of(engine, "records", "number")) == batch.records
    assert_whole(engine)


def test_it_says_where_the_journal_goes_on(engine: Engine) -> None:
    """The position and the state of a chain are those after its last batch."""
    writer, chain = AuditWriter(engine), Chain()
    assert writer.where(CHAIN) == (None, None)
    batches = chain.batches([2, 3])
    writer.write(batches)
    assert writer.where(CHAIN) == (batches[1].position, chain.state)


def test_a_batch_that_comes_again_is_skipped(engine: Engine) -> None:
    """After a crash between commit and acknowledgement, the same batches are written no second time."""
    chain = Chain()
    batches = chain.batches([2, 3, 1])
    writer = AuditWriter(engine)
    assert writer.write(batches[:2]) == 5
    assert AuditWriter(engine).write(batches) == 1  # another process, after a crash before its acknowledgement
    assert writer.write(batches) == 0
    assert writer.where(CHAIN) == (batches[2].position, chain.state)
    assert count_records(engine) == 6
    assert_whole(engine)


def test_a_chain_may_begin_anywhere_where_it_is_new(engine: Engine) -> None:
    """A chain that the database has never seen begins wherever its journal does."""
    chain = Chain()
    chain.batches([2, 3])
    later = chain.batches([2, 2])
    writer = AuditWriter(engine)
    writer.write(later)
    assert count_records(engine) == 4
    assert_whole(engine)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"number": 3}, "Batch 3 of chain .* comes too early: batch 2 is missing"),
        ({"number": 5}, "batch 2 to 4 is missing"),
        ({"first": 9}, "begins with record 9; record 3 comes next"),
        ({"previous": bytes(32)}, "continues another batch 1"),
        ({"hash": bytes(32)}, "isn't what its hash says"),
        ({"records": (make_record(8), make_record(9))}, "isn't what its hash says"),
        ({"records": ()}, "holds no record"),
    ],
)
def test_a_batch_out_of_place_is_refused_and_nothing_is_written(
    engine: Engine, change: dict[str, object], sentence: str
) -> None:
    """A gap, another past or a wrong hash is named, and keeps all batches of the call out."""
    chain, other, writer = Chain(), Chain("0199f4e8c1d2/worker-2"), AuditWriter(engine)
    writer.write(chain.batches([2]))
    wrong = chain.batches([2])[0]._asdict() | change
    with pytest.raises(ChainError, match=sentence) as failure:
        writer.write([*other.batches([1]), Batch(**wrong)])
    assert failure.value.chain == CHAIN
    assert count_records(engine) == 2
    assert writer.where(other.name) == (None, None)
    assert_whole(engine)


def test_what_is_no_record_is_refused_by_its_number(engine: Engine) -> None:
    """Bytes that are no record are refused, with their place."""
    with pytest.raises(ChainError, match=r"Record 2 of chain .* can't be read"):
        AuditWriter(engine).write([Chain().seal(make_record(1), b'{"id": 1}')])
    assert count_records(engine) == 0


def test_a_crash_before_the_commit_leaves_nothing_and_the_same_batches_are_written_later(engine: Engine) -> None:
    """A transaction that fails at any point leaves no row, no roll-up and no remembered id behind."""
    chain, writer = Chain(), AuditWriter(engine)
    writer.write(chain.batches([3]))
    batches = chain.batches([4, 2], upstream="stripe")
    run(engine, "ALTER TABLE chains RENAME TO chains_away")
    with pytest.raises(StoreError):
        writer.write(batches)
    run(engine, "ALTER TABLE chains_away RENAME TO chains")
    run(engine, "ALTER TABLE rollups RENAME TO rollups_away")  # in the middle: records are inserted before
    with pytest.raises(StoreError):
        writer.write(batches)
    run(engine, "ALTER TABLE rollups_away RENAME TO rollups")
    assert count_records(engine) == 3
    assert writer.write(batches) == 6
    assert_whole(engine)


def test_writers_of_many_chains_and_one_instance_add_up(url: str) -> None:
    """Writers that add to the same roll-ups at the same time lose nothing."""
    engine = open_database(url)
    failures: list[BaseException] = []

    def work(name: str) -> None:
        own = open_database(url)
        try:
            chain, writer = Chain(name), AuditWriter(own)
            for _ in range(8):
                writer.write(chain.batches([3, 2]))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            failures.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=work, args=[f"instance/worker-{number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count_records(engine) == 4 * 8 * 5
    assert_whole(engine)
    engine.dispose()


def test_two_that_write_the_same_chain_write_it_once(url: str) -> None:
    """Two processes with the same batches write each of them once."""
    batches = Chain().batches([1] * 30)

    def work(failures: list[BaseException]) -> None:
        own = open_database(url)
        try:
            for batch in batches:
                AuditWriter(own).write([batch])
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test tells
            failures.append(error)
        finally:
            own.dispose()

    failures: list[BaseException] = []
    threads = [threading.Thread(target=work, args=[failures]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine = open_database(url)
    assert failures == []
    assert count_records(engine) == 30
    assert_whole(engine)
    engine.dispose()


def test_records_of_any_time_find_their_place(engine: Engine) -> None:
    """A clock that was wrong by years keeps no record out."""
    chain = Chain()
    times = [NOON - 400 * DAY, NOON, NOON + 3 * DAY, NOON - 2 * DAY, 0]
    AuditWriter(engine).write([chain.seal(*[make_record(number, time) for number, time in enumerate(times)])])
    AuditWriter(engine).write(chain.batches([2], NOON + 40 * DAY))
    assert count_records(engine) == 7
    assert_whole(engine)


@pytest.fixture
def days(engine: Engine) -> Engine:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one table for all days")
    return engine


def test_the_next_day_is_made_ahead(days: Engine) -> None:
    """The table of the day after the last record is there before midnight."""
    AuditWriter(days).write(Chain().batches([1]))
    with days.connect() as connection:
        names = connection.execute(text("SELECT relname FROM pg_class WHERE relname ~ '^records_[0-9]+$' ORDER BY 1"))
        assert names.scalars().all() == ["records_20260922", "records_20260923"]


def test_a_new_day_does_not_wait_for_those_who_read(days: Engine) -> None:
    """Making a day's table waits for no reader."""
    AuditWriter(days).write(Chain().batches([1]))
    with days.connect() as reader:
        reader.execute(text("SELECT count(*) FROM records")).scalar_one()
        AuditWriter(days).write(Chain("other/worker-1").batches([1], NOON + 5 * DAY))
    assert count_records(days) == 2
