"""How one worker is at this moment, as samples of gauges."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from exeat.model.limit import SECOND_NS, Kind
from exeat.proxy.standing import OF_CALENDAR
from exeat.state.leased import LeasedCell
from exeat.telemetry import metrics
from exeat.telemetry.metrics import Sample

if TYPE_CHECKING:
    from exeat.proxy.worker import Worker


def gauges(worker: "Worker", number: int, memory_bytes: int | None) -> list[Sample]:
    """The gauges of a worker, by which number it has; how late its clock was is noted anew from here."""
    label = (str(number),)
    late_s, worker.lag_s = worker.lag_s, 0.0
    samples = [
        Sample(metrics.IN_FLIGHT.name, label, len(worker.active)),
        Sample(metrics.DOWNSTREAM.name, label, len(worker.connections)),
        Sample(metrics.UPSTREAM.name, label, worker.pool.size),
        Sample(metrics.LOOP_LAG.name, label, late_s),
    ]
    if memory_bytes is not None:
        samples.append(Sample(metrics.MEMORY.name, label, memory_bytes))
    return [*samples, *_limits(worker), *_cooling(worker)]


def _limits(worker: "Worker") -> Iterator[Sample]:
    """What is left of limits that are one count for all, as far as this worker knows it to be so now."""
    now = worker.admission.now()
    for cell in worker.admission.cells():
        limit = cell.limit
        if limit.per is None and cell.is_known and (limit.kind in OF_CALENDAR or not isinstance(cell, LeasedCell)):
            whole = limit.burst if limit.kind is Kind.RATE else cell.amount
            left = max(0.0, min(1.0, cell.remaining(now) / whole)) if whole else 0.0
            yield Sample(metrics.LIMIT_LEFT.name, (limit.scope.value, limit.owner, limit.name), left)


def _cooling(worker: "Worker") -> Iterator[Sample]:
    now = worker.admission.now()
    for upstream, left_ns in worker.admission.cooling(now):
        yield Sample(metrics.COOLING.name, (upstream,), left_ns / SECOND_NS)
