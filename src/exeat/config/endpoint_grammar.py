"""The small languages of endpoints, circuits and health checks: whole numbers, `off`, paths, ranges of statuses.

Each function takes what was written and gives the value, or raises ValueError that says what to write.
"""

import re
from collections.abc import Callable
from typing import Final, Literal

from exeat.config.problem import quote
from exeat.model.circuit import Balance

Off = Literal["off"]
MOST: Final = 100_000
MOST_WEIGHT: Final = 1000
LAST_PRIORITY: Final = 100
OFTEN_S: Final = 0.1
_PATH = re.compile(r"/[!-\"$-~]*")  # what can stand in a request line, without '#'
_STATUSES = re.compile(r"([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?")
_WHOLE = re.compile(r"[0-9]{1,9}")


def whole(first: int, last: int) -> Callable[[object], int]:
    """A parser of whole numbers from `first` to `last`."""

    def parse(value: object) -> int:
        text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
        if not _WHOLE.fullmatch(text) or not first <= int(text) <= last:
            raise ValueError(f"write a whole number from {first} to {last}")
        return int(text)

    return parse


def whole_or_off(first: int, last: int) -> Callable[[object], int | None]:
    """A parser of whole numbers from `first` to `last`, or `off`, which is None."""
    parse_whole = whole(first, last)

    def parse(value: object) -> int | None:
        if value == "off":
            return None
        try:
            return parse_whole(value)
        except ValueError as error:
            raise ValueError(f"{error}, or off") from None

    return parse


def parse_balance(value: object) -> Balance:
    """How calls are shared."""
    if value in ("weighted", "least-pending"):
        return value
    raise ValueError("write weighted or least-pending")


def parse_check_path(text: str) -> bytes:
    """The path of a health check, with a query if need be."""
    if not _PATH.fullmatch(text):
        raise ValueError(f"{quote(text)} isn't a path; write for example /healthz")
    return text.encode()


def parse_statuses(value: object) -> tuple[tuple[int, int], ...]:
    """Statuses and ranges of them: `[200-299, 304]`."""
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list, as in [200-299] or [200, 204]")
    return tuple(_range(item) for item in value)


def _range(value: object) -> tuple[int, int]:
    found = _STATUSES.fullmatch(str(value)) if not isinstance(value, bool) else None
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if first > last:
        raise ValueError(f"{quote(value)} is no status or range of them; write for example 204 or 200-299")
    return first, last
