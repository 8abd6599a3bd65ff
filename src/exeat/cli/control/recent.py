"""What a gateway has had to do in the last seconds, of what its processes count for the metrics."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exeat.telemetry import metrics
from exeat.telemetry.metrics import DURATION_BUCKETS, Sample

LENGTH_S = 10
FIRST_ERROR = 400


class Second(NamedTuple):
    """What was said within one second of the clock: exchanges that ended, failures by name, durations by bucket."""

    at: int
    errors: dict[str, int]
    upstream_errors: dict[str, int]
    durations: list[int]


class Rates(NamedTuple):
    """How much there was to do, a second, and how long it took."""

    requests_per_s: float
    errors: dict[str, float]
    upstream_errors: dict[str, float]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Recent:
    """Adds up what comes within the last LENGTH_S; times are seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._seconds: deque[Second] = deque()
        self._began_at: float | None = None

    def note(self, added: Iterable[Sample], now: float) -> None:
        """Take what was counted since the last time."""
        if self._began_at is None:
            self._began_at = now - 1
        if not self._seconds or self._seconds[-1].at != int(now):
            self._seconds.append(Second(int(now), {}, {}, [0] * (len(DURATION_BUCKETS) + 1)))
        self._forget(now)
        second = self._seconds[-1]
        for metric, labels, value in added:
            if metric == metrics.EXCHANGES.name and not isinstance(value, list):
                _note_ended(second, labels, int(value))
            elif metric == metrics.DURATION.name and isinstance(value, list):
                for bucket, count in enumerate(value[:-1]):
                    second.durations[bucket] += int(count)

    def rates(self, now: float) -> Rates:
        """How much there was to do."""
        self._forget(now)
        length_s = LENGTH_S if self._began_at is None else min(LENGTH_S, max(1.0, now - self._began_at))
        durations = [sum(counts) for counts in zip(*(second.durations for second in self._seconds), strict=True)]
        return Rates(
            round(sum(durations) / length_s, 3),
            _a_second((second.errors for second in self._seconds), length_s),
            _a_second((second.upstream_errors for second in self._seconds), length_s),
            *(quantile(durations, share) for share in (0.5, 0.95, 0.99)),
        )

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0].at <= now - LENGTH_S - 1:
            self._seconds.popleft()


def _note_ended(second: Second, labels: Sequence[str], count: int) -> None:
    _, status, code = labels
    if code:
        second.errors[code] = second.errors.get(code, 0) + count
    elif int(status) >= FIRST_ERROR:
        name = f"{status[0]}xx"
        second.upstream_errors[name] = second.upstream_errors.get(name, 0) + count


def _a_second(counted: Iterable[dict[str, int]], length_s: float) -> dict[str, float]:
    sums: dict[str, int] = {}
    for counts in counted:
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return {name: round(count / length_s, 3) for name, count in sorted(sums.items())}


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The duration (ms) that a share of all doesn't exceed, spread evenly within a bucket; None of no durations."""
    rank = share * sum(counts)
    if not rank:
        return None
    below, bound = 0.0, 0.0
    for count, upper in zip(counts, DURATION_BUCKETS, strict=False):
        if count and below + count >= rank:
            return round((bound + (upper - bound) * (rank - below) / count) * 1000, 3)
        below, bound = below + count, upper
    return DURATION_BUCKETS[-1] * 1000
