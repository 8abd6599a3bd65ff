"""When an upstream's endpoint is given a rest, and how it is asked whether it is well."""

from dataclasses import dataclass
from typing import Literal

Balance = Literal["weighted", "least-pending"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """What opens the circuit of an endpoint, and how it closes again; seconds, percents.

    It opens after `failures` in a row (None: never for that), when `ratio` percent of the calls of the last `window_s`
    failed (None: never for that), or when `slow_ratio` percent of them took longer than `slow_s` (None: no call is
    slow); percents count from `calls` calls on. It rests for `rest_s`, twice as long each time it opens again before
    it has recovered, at most `rest_limit_s`; its share then grows from a tenth to the whole within `ramp_s`.
    """

    failures: int | None = 5
    ratio: int | None = 50
    calls: int = 20
    window_s: float = 10.0
    slow_s: float | None = None
    slow_ratio: int = 50
    rest_s: float = 5.0
    rest_limit_s: float = 60.0
    ramp_s: float = 10.0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A request that shows whether an endpoint is well: `path` below the endpoint's URL, every `every_s` seconds.

    It is answered within `timeout_s`, with a status in one of the ranges; `unhealthy` checks that fail in a row give
    the endpoint a rest, `healthy` good ones end it.
    """

    path: bytes
    every_s: float = 10.0
    timeout_s: float = 2.0
    statuses: tuple[tuple[int, int], ...] = ((200, 299),)
    healthy: int = 2
    unhealthy: int = 3
