"""Which instances have put records into the database."""

from sqlalchemy import Engine

from exeat.store.audit_writer import AuditWriter
from exeat.store.instances import MOST, Instance, list_instances
from exeat.store.prune import prune
from tests.store.made import DAY, NOON, SECOND, Chain


def test_instances(engine: Engine) -> None:
    """Each instance is there once, with the time of its newest record, the newest first; one without records isn't."""
    assert list_instances(engine) == []
    writer = AuditWriter(engine)
    for name, at in (("aaa/worker-1", 0), ("aaa/worker-2", 5), ("bbb/control", 9), ("aaa/control", 1)):
        writer.write(Chain(name).batches([2, 1], NOON + at * SECOND))
    assert list_instances(engine) == [Instance("bbb", NOON + 12 * SECOND), Instance("aaa", NOON + 8 * SECOND)]
    writer.write(Chain("old/worker-1").batches([1], NOON - 9 * DAY))
    assert [one.name for one in list_instances(engine)] == ["bbb", "aaa", "old"]
    prune(engine, NOON - DAY)
    assert [one.name for one in list_instances(engine)] == ["bbb", "aaa"]


def test_very_many_instances(engine: Engine) -> None:
    """However many there were, the newest alone are listed."""
    writer = AuditWriter(engine)
    for number in range(MOST + 20):
        writer.write(Chain(f"i{number:03d}/control").batches([1], NOON + number * SECOND))
    assert [one.name for one in list_instances(engine)] == [f"i{number:03d}" for number in range(MOST + 19, 19, -1)]
