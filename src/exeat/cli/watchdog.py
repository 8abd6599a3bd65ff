"""Ends workers whose loop is stuck: they say something every second, so one that is silent for long can't serve either.

Rule 1: only time in which this process ran counts: where the machine, or all of the gateway, was suspended, nobody was
able to say anything.
Rule 2: before it is ended, a worker is asked where it is; what it writes then is logged when it is gone.
"""

import asyncio
from collections.abc import Callable, Iterable

from exeat.cli.worker_process import WorkerProcess
from exeat.telemetry.logs import Log

WATCH_S = 1.0
TRACE_S = 0.5  # for a stuck worker to write down where it is


class Watchdog:
    """Ends workers that are silent for longer than `limit_s`; 0 is no limit."""

    def __init__(self, limit_s: float, log: Log) -> None:
        self._limit_s = limit_s
        self._log = log

    async def watch(self, workers: Callable[[], Iterable[WorkerProcess]]) -> None:
        """Look at them again and again."""
        if not self._limit_s:
            return
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        async with asyncio.TaskGroup() as ending:
            while True:
                await asyncio.sleep(WATCH_S)
                now = loop.time()
                for worker in self.find_stuck(workers(), now - looked_at):
                    ending.create_task(self._end(worker))
                looked_at = now

    def find_stuck(self, workers: Iterable[WorkerProcess], passed_s: float) -> list[WorkerProcess]:
        """Those that have just become silent for too long; `passed_s` is since the last look."""
        counted_s = min(passed_s, 2 * WATCH_S)
        stuck = []
        for worker in workers:
            if worker.is_ready:
                before_s, worker.silent_s = worker.silent_s, worker.silent_s + counted_s
                if before_s <= self._limit_s < worker.silent_s:
                    stuck.append(worker)
        return stuck

    async def _end(self, worker: WorkerProcess) -> None:
        """End a worker that is stuck, when it has written down where."""
        self._log.error(
            "worker doesn't answer; it is ended by force",
            worker=worker.number,
            pid=worker.pid,
            silent_s=round(worker.silent_s, 1),
        )
        worker.ask_for_trace()
        await asyncio.sleep(TRACE_S)
        worker.kill()
