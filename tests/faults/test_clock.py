"""The clock of the machine is put back and forward: records keep their order, their own names, and their sums."""

from functools import partial
from pathlib import Path

import orjson
import pytest

from exeat.journal.follow import Follower
from exeat.store.address import default_url
from exeat.store.audit_writer import AuditWriter
from exeat.store.database import open_database
from exeat.store.migrate import migrate
from exeat.store.rollup_check import check_rollups
from exeat.store.verify import verify
from tests.support.journalled import journalled
from tests.support.playbook import KEYED

DAY_S = 86_400.0
STEPS_S = (0.0, -3600.0, -3600.0, 2 * DAY_S, 0.0, -2 * DAY_S, 30.0)

ASK = ("GET /api/a HTTP/1.1", "Host: gateway.test", KEYED)

pytestmark = [pytest.mark.slow]


def test_steps_of_the_clock(tmp_path: Path) -> None:
    """Whatever the clock says, each exchange has one record, in the order in which they ended; all of it verifies."""
    journal, began = tmp_path / "journal", 0.0
    with journalled(journal) as stage:
        began = stage.worker.wall()
        for number, step_s in enumerate(STEPS_S, 1):
            stage.worker.wall = partial(float, began + step_s)
            caller = stage.caller()
            caller.says(*ASK)
            stage.upstream(1).says("HTTP/1.1 204 No Content")
            caller.takes()
            stage.passes(0.2)
            assert len(stage.records) == number
    engine = open_database(default_url(tmp_path))
    migrate(engine)
    batches = Follower(journal).read()
    assert AuditWriter(engine).write(batches) == len(STEPS_S)
    records = [orjson.loads(record) for batch in batches for record in batch.records]
    assert len({record["id"] for record in records}) == len(STEPS_S)
    assert [record["id"] for record in records] == [record["id"] for record in stage.records]
    assert verify(engine).faults == ()
    assert check_rollups(engine, 0, 2**62) is None
    engine.dispose()
