"""Bodies beside their records: written with them, found by their id, gone when their time is over."""

from sqlalchemy import Engine

from exeat.model.audit import Batch, KeptBody
from exeat.store.audit_writer import AuditWriter
from exeat.store.bodies import expire_bodies, find_bodies
from exeat.store.prune import prune
from exeat.store.verify import verify
from tests.store.made import DAY, NOON, Chain, make_record, rows_of

FIRST, SECOND = "id-000001", "id-000002"
SEALED = bytes(range(256))


def write(engine: Engine, *bodies: KeptBody) -> Batch:
    """Write two records, and bodies with them."""
    batch = Chain().seal(make_record(1), make_record(2))._replace(bodies=bodies)
    assert AuditWriter(engine).write([batch]) == 2
    return batch


def test_bodies_are_found_by_their_record(engine: Engine) -> None:
    """What was written is found byte for byte, each by its side, with the record's own bytes."""
    batch = write(engine, KeptBody(FIRST, "request", 10, SEALED), KeptBody(FIRST, "response", 20, b"x"))
    found = find_bodies(engine, FIRST)
    assert found is not None
    assert (found.record, found.sealed) == (batch.records[0], {"request": SEALED, "response": b"x"})
    without = find_bodies(engine, SECOND)
    assert without is not None
    assert (without.record, without.sealed) == (batch.records[1], {})
    assert find_bodies(engine, "id-000003") is None


def test_a_batch_that_comes_twice(engine: Engine) -> None:
    """A batch that was written before is skipped with its bodies."""
    batch = write(engine, KeptBody(FIRST, "request", 10, SEALED))
    assert AuditWriter(engine).write([batch]) == 0
    assert len(rows_of(engine, "bodies", "id")) == 1


def test_bodies_go_when_their_time_is_over(engine: Engine) -> None:
    """Each goes at its own second, and the records stay as they were."""
    write(engine, *(KeptBody(FIRST, side, time, SEALED) for side, time in (("request", 100), ("response", 200))))
    assert [expire_bodies(engine, now) for now in (99, 100, 150, 200, 300)] == [0, 1, 0, 1, 0]
    found = find_bodies(engine, FIRST)
    assert found is not None
    assert found.sealed == {}
    assert verify(engine).faults == ()


def test_bodies_outlive_no_record_for_long(engine: Engine) -> None:
    """Where records are pruned first, their bodies can't be found any more, and go at their time."""
    write(engine, KeptBody(FIRST, "request", 100, SEALED))
    prune(engine, NOON + 2 * DAY)
    assert find_bodies(engine, FIRST) is None
    assert expire_bodies(engine, 100) == 1
