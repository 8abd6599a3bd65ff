"""What a worker says of endpoints and credentials to who watches: those in use, or not well, within a bound."""

from collections.abc import Iterable, Mapping
from itertools import islice
from math import ceil
from typing import Any, Final

from exeat.policy.circuit import Stage

MOST: Final = 200  # a report is sent every second


def notable(report: Iterable[Mapping[str, Any]], wall: float) -> list[dict[str, object]]:
    """What is worth saying of a `Balancing.report()`; `rests_until` is s since 1970, so that it stays the same."""
    found = [one for one in report if one["state"] != Stage.CLOSED or one["pending"] or one["failures"]]
    found.sort(key=lambda one: (one["state"] == Stage.CLOSED, not one["failures"], -one["pending"]))
    return [
        {
            "endpoint": one["endpoint"],
            "state": one["state"],
            "pending": one["pending"],
            "failures": one["failures"],
            "reason": one["reason"] or None,
            "rests_until": None if one["rests_s"] is None else ceil(wall + one["rests_s"]),
        }
        for one in found[:MOST]
    ]


def resting(report: Iterable[Mapping[str, Any]], wall: float) -> list[dict[str, object]]:
    """What is worth saying of a `Pools.report()`; times are as above."""
    return [
        {
            **{name: item for name, item in one.items() if name != "rests_s"},
            "rests_until": None if one["rests_s"] is None else ceil(wall + one["rests_s"]),
        }
        for one in islice(report, MOST)
    ]
