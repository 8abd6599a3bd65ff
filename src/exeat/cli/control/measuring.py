"""The metrics of all processes put together, as `/metrics` shows them."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson

from exeat import __version__
from exeat.cli.control.recent import Rates, Recent
from exeat.policy.circuit import Stage
from exeat.telemetry import metrics
from exeat.telemetry.metrics import BY_NAME, Metric, Sample, Totals, Values

LEAST = frozenset({metrics.LIMIT_LEFT.name, metrics.LEDGER_UP.name})  # of several workers, the least counts
_REST = frozenset({Stage.OPEN, Stage.PROBING})
State = Mapping[str, object]


class Measuring:
    """Adds up what comes; `state` is how the gateway is, as GET /status says it. From any thread."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state
        self._totals = Totals()
        self._recent = Recent()
        self._now: dict[int, list[Sample]] = {}
        self._lock = threading.Lock()

    def take(self, payload: bytes) -> None:
        """Take the word of one process; one without gauges has none any more."""
        said = orjson.loads(payload)
        added = [Sample(*sample) for sample in said["added"] if sample[0] in BY_NAME]
        now = [Sample(name, tuple(labels), value) for name, labels, value in said["now"] if name in BY_NAME]
        with self._lock:
            self._totals.add(added)
            self._recent.note(added, time.monotonic())
            if now:
                self._now[said["pid"]] = now
            else:
                self._now.pop(said["pid"], None)

    def rates(self) -> Rates:
        """How much there was to do in the last seconds."""
        with self._lock:
            return self._recent.rates(time.monotonic())

    def gauges(self) -> list[Sample]:
        """How everything is now, as the workers say."""
        with self._lock:
            return _merge(sample for samples in self._now.values() for sample in samples)

    def samples(self) -> list[Sample]:
        """Every sample that there is."""
        with self._lock:
            added = self._totals.samples()
            gauges = _merge(sample for samples in self._now.values() for sample in samples)
        return [*added, *gauges, *_of_state(self._state())]


def _merge(samples: Iterable[Sample]) -> list[Sample]:
    """One value for each gauge and labels: where several processes say it, the least or the most of them."""
    found: dict[tuple[str, Values], float] = {}
    for name, labels, value in samples:
        if isinstance(value, list):
            continue
        present = found.get((name, labels))
        if present is None:
            found[name, labels] = value
        else:
            found[name, labels] = min(present, value) if name in LEAST else max(present, value)
    return [Sample(name, labels, value) for (name, labels), value in found.items()]


def _of_state(state: State) -> Iterator[Sample]:
    workers = [worker for worker in _list(state.get("workers")) if isinstance(worker, Mapping)]
    yield _sample(metrics.INFO, 1, __version__, str(state.get("snapshot") or ""))
    if isinstance(started_at := state.get("started_at"), int):
        yield _sample(metrics.STARTED, started_at / 1_000_000)
    yield _sample(metrics.WORKERS, sum(bool(worker.get("ready")) for worker in workers))
    yield _sample(metrics.RECORDS_SAFE, int(not any(worker.get("records_fail") for worker in workers)))
    yield _sample(metrics.DATABASE_UP, int(state.get("records_stay") is None))
    for journal in _list(state.get("journals")):
        if isinstance(journal, Mapping):
            yield _sample(metrics.JOURNAL, float(journal["segments"]), str(journal["name"]))
    yield from _resting(workers)


def _resting(workers: Iterable[Mapping[str, object]]) -> Iterator[Sample]:
    """Endpoints that get no calls, for whichever worker that is so."""
    resting: dict[Values, None] = {}
    for worker in workers:
        for endpoint in _list(worker.get("endpoints")):
            if isinstance(endpoint, Mapping) and endpoint.get("state") in _REST:
                name, _, url = str(endpoint.get("endpoint")).partition(" ")
                resting[name, url, str(endpoint.get("reason") or endpoint["state"])] = None
    for labels in resting:
        yield _sample(metrics.RESTING, 1, *labels)


def _sample(metric: Metric, value: float, *labels: str) -> Sample:
    return Sample(metric.name, labels, value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
