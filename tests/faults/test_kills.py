"""Whatever is killed, and when: what was sent has a record, what was answered has a complete one, each exactly once."""

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from exeat.store.address import default_url
from exeat.store.database import open_database
from tests.faults.callers import Callers
from tests.faults.noting import Noting
from tests.faults.trail import check_trail
from tests.support.gateway import Gateway, make_key

# EXEAT_KILLS=100 is the long form.
KILLS = int(os.environ.get("EXEAT_KILLS", "8"))  # noqa: TID251 - of the test alone
CALLERS = 6

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 5 * KILLS)]


def kill(pids: list[int]) -> None:
    """Kill these processes at once."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_kills() -> None:
    """Workers, the control process, the supervisor, or everything is killed at random moments, under load."""
    key, noting = make_key(), Noting()
    chance = random.Random(KILLS)  # noqa: S311 - the same moments each time
    with noting.origin as origin:
        document = {
            "upstreams": {"noting": origin.entry(paths={"deny": ["/denied/**"]})},
            "consumers": {"everybody": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document, {"EXEAT_DRAIN_S": "1"}, workers=2) as gateway:
            with Callers(CALLERS, lambda: gateway.port, key.key) as callers:
                for _ in range(KILLS):
                    time.sleep(chance.uniform(0.2, 0.8))  # the moment is what is tested
                    what = chance.choice(("worker", "worker", "control", "supervisor", "all"))
                    workers, control = gateway.worker_pids(), gateway.control_pids()
                    if what == "worker" and workers:
                        kill([chance.choice(workers)])
                    elif what == "control":
                        kill(control)
                    else:
                        kill([gateway.pid, *(workers + control if what == "all" else [])])
                        gateway.wait()
                        gateway.start()
                callers.finish()
            gateway.stop()
            seen, answered = list(noting.seen), list(callers.answered)
            assert len(answered) > 20 * KILLS
            gateway.start()  # whatever waits in a journal is moved now
            engine = open_database(default_url(gateway.folder / "exeat-data"))
            check_trail(engine, seen, answered)
            engine.dispose()
