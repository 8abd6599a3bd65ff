"""What the processes of a gateway take, sample by sample, and whether that grows."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import linear_regression, median
from typing import NamedTuple

from tests.support.gateway import Gateway

PAGE_BYTES = 4096
BUCKETS = 24  # of the second half: a median of each, so that one moment doesn't tilt the line
MOST_BYTES = 4 * 2**20  # that a process may have grown by in the second half, by the line through it
MOST_DESCRIPTORS = 4.0
LEAST_SAMPLES = 2 * BUCKETS


class Sample(NamedTuple):
    """One process at one moment, in seconds since the load began."""

    at_s: float
    process: str
    resident_bytes: int
    descriptors: int


class Growth(NamedTuple):
    """How much a process has grown in the second half of a run, and its medians at both ends of that half."""

    process: str
    grown_bytes: float
    grown_descriptors: float
    resident_bytes: tuple[float, float]
    descriptors: tuple[float, float]

    @property
    def is_flat(self) -> bool:
        """Whether that is within the bounds."""
        return self.grown_bytes <= MOST_BYTES and self.grown_descriptors <= MOST_DESCRIPTORS


def processes_of(gateway: Gateway) -> dict[str, int]:
    """The processes of a gateway, by what they are."""
    found = {"supervisor": gateway.pid}
    found |= {f"worker-{place}": pid for place, pid in enumerate(sorted(gateway.worker_pids()), 1)}
    found |= dict(zip(["control"], gateway.control_pids(), strict=False))
    return found | dict(zip(["counters"], gateway.counters_pids(), strict=False))


def sample(processes: dict[str, int], at_s: float) -> list[Sample]:
    """A sample of each process; FileNotFoundError if one has ended."""
    return [Sample(at_s, name, _resident(pid), _descriptors(pid)) for name, pid in processes.items()]


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE_BYTES


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def judge(samples: Sequence[Sample]) -> list[Growth]:
    """How each process has grown in the second half; ValueError where there are too few samples to say."""
    by_process: defaultdict[str, list[Sample]] = defaultdict(list)
    middle_s = max(one.at_s for one in samples) / 2
    for one in samples:
        if one.at_s >= middle_s:
            by_process[one.process].append(one)
    return [_grown(process, found) for process, found in by_process.items()]


def _grown(process: str, samples: Sequence[Sample]) -> Growth:
    if len(samples) < LEAST_SAMPLES:
        raise ValueError(f"{process}: {len(samples)} samples in the second half, {LEAST_SAMPLES} are needed")
    residents = _medians([(one.at_s, one.resident_bytes) for one in samples])
    descriptors = _medians([(one.at_s, one.descriptors) for one in samples])
    return Growth(
        process,
        _rise(residents),
        _rise(descriptors),
        (residents[0][1], residents[-1][1]),
        (descriptors[0][1], descriptors[-1][1]),
    )


def _medians(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The medians of so many stretches, one after the other."""
    size = len(points) / BUCKETS
    buckets = [points[int(place * size) : int((place + 1) * size)] for place in range(BUCKETS)]
    return [(median(at for at, _ in bucket), median(value for _, value in bucket)) for bucket in buckets]


def _rise(points: Iterable[tuple[float, float]]) -> float:
    """By how much the straight line through points rises from the first to the last."""
    times, values = zip(*points, strict=True)
    return float(linear_regression(times, values).slope * (times[-1] - times[0]))
