"""Samples of metrics on their way from those who count to the control process, which shows them.

Rule 1: counters travel as what has been added, so that neither a worker's end nor the control process's counts twice.
Rule 2: while the control process is away, what was added waits for it within a bound; gauges don't, they are of now.
"""

import os
from collections.abc import Callable, Iterable

import orjson

from exeat.telemetry.metrics import Metric, Sample, Totals

WAITING_LIMIT = 1000


def render_measures(pid: int, added: Iterable[Sample], now: Iterable[Sample]) -> bytes:
    """What a process has counted since the last time, and its gauges, as JSON."""
    return orjson.dumps({"pid": pid, "added": list(map(tuple, added)), "now": list(map(tuple, now))})


class Measures:
    """What the supervisor passes on, and counts itself; `send` says whether the control process is there to take it."""

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        self._send = send
        self._own = Totals()
        self._waiting: list[bytes] = []

    def count(self, metric: Metric, *labels: str) -> None:
        """Count something that the supervisor sees; it is passed on with the next word of a worker."""
        self._own.count(metric, *labels)

    def hear(self, payload: bytes) -> None:
        """Pass on what a worker has said."""
        self._pass(payload)
        own = self._own.samples()
        if own:
            self._own = Totals()
            self._pass(render_measures(os.getpid(), own, ()))

    def forget(self, pid: int) -> None:
        """A process is gone, and its gauges with it."""
        self._pass(render_measures(pid, (), ()))

    def come(self) -> None:
        """The control process is there: give it what has waited."""
        waiting, self._waiting = self._waiting, []
        for payload in waiting:
            self._pass(payload)

    def _pass(self, payload: bytes) -> None:
        if not self._send(payload) and len(self._waiting) < WAITING_LIMIT:
            self._waiting.append(payload)
