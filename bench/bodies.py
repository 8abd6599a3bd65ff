"""A body of 1 GB through a peer: seconds, CPU seconds of the proxy, its peak memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from calls import download, upload
from cpu import cpu_seconds, peak_bytes, reset_peak
from peers import Target
from testbed import Testbed

Direction = Literal["download", "upload"]
DIRECTIONS: tuple[Direction, Direction] = ("download", "upload")
SIZE_BYTES = 1_000_000_000

_TRANSFERS: dict[Direction, Callable[[Testbed, Target, int], None]] = {
    "download": download,
    "upload": upload,
}


@dataclass(frozen=True, slots=True)
class Transfer:
    """One body; CPU and peak are zero where there is no proxy."""

    seconds: float
    cpu_s: float
    peak_bytes: int


def transfer(testbed: Testbed, target: Target, direction: Direction, pid: int | None) -> Transfer:
    """Move one body and see what it took; RunFailed when a byte is missing."""
    if pid is not None:
        reset_peak(pid)
    cpu_before = cpu_seconds(pid) if pid is not None else 0.0
    began = time.monotonic()
    _TRANSFERS[direction](testbed, target, SIZE_BYTES)
    seconds = time.monotonic() - began
    if pid is None:
        return Transfer(seconds, 0.0, 0)
    return Transfer(seconds, cpu_seconds(pid) - cpu_before, peak_bytes(pid))
