"""Whatever was edited, removed, inserted or reordered in the tables: verify says so, and where."""

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import StatementError

from exeat.store.audit_writer import AuditWriter
from exeat.store.verify import Verdict, verify
from tests.store.made import CHAIN, DAY, NOON, Chain, make_record, put_row, replace_rows, rows_of, run

SIZES = [2, 3, 1, 4]
OTHER = "other/worker-1"
Tampering = Callable[[Engine], object]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    writer = AuditWriter(engine)
    writer.write(Chain().batches(SIZES))
    writer.write(Chain(OTHER).batches([2, 2], NOON + DAY))
    return engine


def test_what_was_recorded_is_proven(filled: Engine) -> None:
    """An untouched trail verifies, chain by chain."""
    told: list[int] = []
    verdict = verify(filled, progress=told.append)
    assert verdict.faults == ()
    assert verdict.records == 14
    assert told == [2, 5, 6, 10, 12, 14]
    first, other = verdict.chains
    assert (first.chain, first.batches, first.records, first.head.batch) == (CHAIN, 4, 10, 4)
    assert (other.chain, other.batches, other.records, other.head.record) == (OTHER, 2, 4, 4)


def test_an_empty_database_is_proven(engine: Engine) -> None:
    """Of nothing, nothing is missing."""
    assert verify(engine) == Verdict(())


def edit_body(engine: Engine) -> None:
    body = rows_of(engine, "records", "chain, number")[3]["body"].replace(b'"GET"', b'"PUT"')
    run(engine, "UPDATE records SET body = :body WHERE chain = :chain AND number = 4", body=body, chain=CHAIN)


def swap(engine: Engine) -> None:
    for one, other in ((4, -1), (5, 4), (-1, 5)):
        move = "UPDATE records SET number = :other WHERE chain = :chain AND number = :one"
        run(engine, move, one=one, other=other, chain=CHAIN)


def insert_copy(engine: Engine) -> None:
    row = dict(rows_of(engine, "records", "chain, number")[3])
    put_row(engine, "records", row | {"id": "made-up"})


def insert_after(engine: Engine) -> None:
    row = dict(rows_of(engine, "records", "chain, number")[3])
    put_row(engine, "records", row | {"id": "made-up", "number": 11})


def insert_before(engine: Engine) -> None:
    row = dict(rows_of(engine, "records", "chain, number")[3])
    put_row(engine, "records", row | {"id": "made-up", "number": 0})


def insert_chain(engine: Engine) -> None:
    row = dict(rows_of(engine, "records", "chain, number")[3])
    put_row(engine, "records", row | {"chain": "a/b", "number": 1})


@pytest.mark.parametrize(
    ("tamper", "batch", "record", "sentence"),
    [
        (edit_body, 2, 4, "Record 4 of batch 2 .* isn't the one that was sealed"),
        ("UPDATE records SET consumer = 'x' WHERE number = 6 AND chain = '{chain}'", 3, 6, "columns of record 6"),
        ("UPDATE records SET status = NULL WHERE number = 1 AND chain = '{chain}'", 1, 1, "columns of record 1"),
        ("DELETE FROM records WHERE number = 5 AND chain = '{chain}'", 2, 5, "Record 5 .* is missing"),
        ("DELETE FROM records WHERE number > 8 AND chain = '{chain}'", 4, 9, "Record 9 .* is missing"),
        ("DELETE FROM records WHERE chain = '{chain}'", 1, 1, "Record 1 .* is missing"),
        (swap, 2, 4, "Record 4 .* edited or moved"),
        (insert_copy, 2, 4, "Record 4 .* is there twice"),
        (insert_before, 1, 0, "Record 0 .* is there twice"),
        (insert_after, 5, 11, "Record 11 .* belongs to no batch"),
        ("DELETE FROM seals WHERE number = 3 AND chain = '{chain}'", 3, 6, "Batch 3 .* is missing"),
        ("DELETE FROM seals WHERE number = 4 AND chain = '{chain}'", 5 - 1, 7, "Record 7 .* its seal removed"),
        ("DELETE FROM seals WHERE number = 1 AND chain = '{chain}'", 1, 1, "Batch 1 .* is missing"),
        ("UPDATE seals SET size = 2 WHERE number = 2 AND chain = '{chain}'", 2, 3, "One of the records|edited"),
        ("UPDATE seals SET previous = hash WHERE number = 2 AND chain = '{chain}'", 2, None, "is broken: batch 2"),
        ("UPDATE seals SET hash = previous WHERE number = 4 AND chain = '{chain}'", 4, 7, "or its seal, was edited"),
        ("UPDATE seals SET newest = 5 WHERE number = 4 AND chain = '{chain}'", 4, None, "are of another time"),
        ("UPDATE chains SET batch = 5 WHERE chain = '{chain}'", 5, 11, "ends with batch 4: it stood at batch 5"),
        ("DELETE FROM chains WHERE chain = '{chain}'", 1, None, "isn't known"),
    ],
)
def test_tampering_is_found_and_placed(
    filled: Engine, tamper: Tampering | str, batch: int, record: int | None, sentence: str
) -> None:
    """Each kind of tampering is found, in the right chain, batch and record."""
    if isinstance(tamper, str):
        run(filled, tamper.format(chain=CHAIN))
    else:
        tamper(filled)
    found = verify(filled).faults
    assert [(fault.chain, fault.batch, fault.record) for fault in found] == [(CHAIN, batch, record)]
    assert re.search(sentence, str(found[0]))


def test_a_chain_that_was_made_up_is_found(filled: Engine) -> None:
    """Records of a chain that nobody knows are a fault."""
    insert_chain(filled)
    assert [(found.chain, found.sentence) for found in verify(filled).faults] == [
        ("a/b", "Chain a/b isn't known: it was made up, or what was known of it was removed.")
    ]


def test_the_end_of_a_chain_cannot_be_cut_off(filled: Engine) -> None:
    """Where the chain stood is known beside its batches."""
    run(filled, "DELETE FROM seals WHERE number = 4")
    run(filled, "DELETE FROM records WHERE number > 6")
    assert "ends with batch 3: it stood at batch 4, and its end was removed" in str(verify(filled).faults[0])


def test_an_edit_by_hand_in_sqlite_is_found(filled: Engine) -> None:
    """A value of another type, which SQLite takes, is a fault and no crash."""
    if filled.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps the type of a column")
    run(
        filled, "UPDATE records SET body = replace(body, 'GET', 'PUT') WHERE number = 3 AND chain = :chain", chain=CHAIN
    )
    assert verify(filled).faults[0].record == 3
    run(filled, "UPDATE seals SET first = 'x' WHERE number = 1 AND chain = :chain", chain=CHAIN)
    assert "can't be read: it was edited" in str(verify(filled).faults[0])


def test_what_the_database_cannot_know_the_heads_of_before_show(engine: Engine) -> None:
    """Heads kept elsewhere show that a whole chain is gone or was forged anew."""
    chain = Chain()
    AuditWriter(engine).write(chain.batches([2, 3]))
    heads = {found.chain: found.head for found in verify(engine).chains}
    AuditWriter(engine).write(chain.batches([1]))
    assert verify(engine, heads=heads).faults == ()
    for table in ("records", "seals", "chains"):
        run(engine, f"DELETE FROM {table}")  # noqa: S608 - three words
    assert verify(engine).faults == ()
    assert "isn't known" in str(verify(engine, heads=heads).faults[0])
    forged = Chain()
    AuditWriter(engine).write([forged.seal(make_record(1, consumer="forged")), *forged.batches([1, 1, 1])])
    assert verify(engine).faults == ()
    assert "isn't the one that an earlier verification saw" in str(verify(engine, heads=heads).faults[0])


def test_a_range_is_proven_by_the_batches_that_reach_into_it(engine: Engine) -> None:
    """A range verifies by its own batches, linked to the one before them."""
    chain, writer = Chain(), AuditWriter(engine)
    for day in range(4):
        writer.write(chain.batches([3, 3], NOON + day * DAY))
    verdict = verify(engine, since=NOON + DAY, until=NOON + 3 * DAY)
    assert (verdict.faults, verdict.records) == ((), 12)
    run(engine, "UPDATE records SET path = '/x' WHERE number = 1")
    assert verify(engine, since=NOON + DAY).faults == ()
    assert verify(engine, until=NOON + DAY).faults[0].record == 1
    run(engine, "DELETE FROM seals WHERE number = 2")
    assert "Batch 2 of chain" in str(verify(engine, since=NOON + DAY, until=NOON + 3 * DAY).faults[0])


TABLES = {"records": "chain, number, id", "seals": "chain, number", "chains": "chain"}
SKIPPED = {"arrival", "checks", "segment", "offset", "pruned_before"}  # no evidence: where to look, and where to go on
VALUES = st.integers(-2, 2**40) | st.text(max_size=5) | st.binary(max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(data=st.data())
def test_any_change_of_any_row_is_found(filled: Engine, data: st.DataObject) -> None:
    """Whatever is edited, removed or inserted in any table and column: verify says so."""
    table = data.draw(st.sampled_from(sorted(TABLES)))
    before = rows_of(filled, table, TABLES[table])
    after = list(before)
    change = data.draw(st.sampled_from(["edit", "remove", "insert"]))
    row = after[data.draw(st.integers(0, len(after) - 1))]
    if change != "insert":
        after.remove(row)
    if change != "remove":
        name = data.draw(st.sampled_from(sorted(set(row) - SKIPPED)))
        altered = dict(row) | {name: data.draw(VALUES)}
        altered.pop("arrival", None)
        after.append(altered)
    try:
        replace_rows(filled, table, after)
    except (StatementError, TypeError):
        return  # the database itself refuses it, and nothing has changed
    is_changed = rows_of(filled, table, TABLES[table]) != before
    faults = verify(filled).faults
    replace_rows(filled, table, before)
    assert bool(faults) == is_changed
    assert verify(filled).faults == ()
