"""A worker whose loop is stuck is ended and started again; one that was only suspended with everything else isn't."""

import os
import signal
import time
from pathlib import Path

from tests.support.gateway import Gateway, wait_until
from tests.support.raw_caller import RawCaller

STUCK = "worker doesn't answer; it is ended by force"
TWICE = 2 * 2.0
# What a worker imports at its start where PYTHONPATH says so: SIGUSR2 makes its loop hang in a function with a name.
HANGING = """
import signal, sys, time

def hang_for_ever(*_):
    while True:
        time.sleep(0.01)

if "exeat.cli.worker" in sys.orig_argv:
    import uvloop
    run = uvloop.run

    def run_and_hang(main):
        import asyncio

        async def run_main():
            asyncio.get_running_loop().call_soon(
                lambda: asyncio.get_running_loop().add_signal_handler(signal.SIGXCPU, hang_for_ever)
            )
            return await main

        return run(run_main())

    uvloop.run = run_and_hang
"""


def test_a_loop_that_hangs(tmp_path: Path) -> None:
    """It is ended, the log says where it hung, and its successor serves; the other worker goes on."""
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    env = {"EXEAT_STUCK_S": "2", "PYTHONPATH": str(tmp_path)}
    with Gateway({"upstreams": {}}, env, workers=2) as gateway:
        stuck, other = gateway.worker_pids()
        with gateway.expect("worker is ready"):
            os.kill(stuck, signal.SIGXCPU)
        assert [event["pid"] for event in gateway.events(STUCK)] == [stuck]
        (said,) = gateway.events("where the worker was")
        assert any("hang_for_ever" in line for line in said["at"])  # type: ignore[attr-defined]
        assert [event["reason"] for event in gateway.events("worker died; it is started again")] == ["signal SIGKILL"]
        assert other in gateway.worker_pids()
        assert stuck not in gateway.worker_pids()


def test_a_worker_that_was_stopped() -> None:
    """One that can't even write down where it is goes too."""
    with Gateway({"upstreams": {}}, {"EXEAT_STUCK_S": "2"}) as gateway:
        with gateway.expect("worker is ready"):
            os.kill(gateway.worker_pids()[0], signal.SIGSTOP)
        with RawCaller(gateway.port) as caller:
            assert caller.call("GET", "/-/live").status == 200


def test_everything_was_suspended() -> None:
    """Where the supervisor stood still as long, nobody is to blame."""
    with Gateway({"upstreams": {}}, {"EXEAT_STUCK_S": "2"}) as gateway:
        (worker,) = gateway.worker_pids()
        for pid in (gateway.pid, worker):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(TWICE)  # suspended for longer than a worker may be silent
        for pid in (gateway.pid, worker):
            os.kill(pid, signal.SIGCONT)
        time.sleep(TWICE)  # and looked at for as long again
        assert gateway.worker_pids() == [worker]
        assert gateway.events(STUCK) == []


def test_it_can_be_turned_off() -> None:
    """With 0 nobody is ended for being silent."""
    with Gateway({"upstreams": {}}, {"EXEAT_STUCK_S": "0"}) as gateway:
        (worker,) = gateway.worker_pids()
        os.kill(worker, signal.SIGSTOP)
        time.sleep(TWICE)  # nothing is to happen
        os.kill(worker, signal.SIGCONT)
        assert gateway.worker_pids() == [worker]
        wait_until(lambda: gateway.events(STUCK) == [], "nobody was ended")
