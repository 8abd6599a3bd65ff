"""How many connections a worker may have open: callers' and those to upstreams together, for each of them is a file."""

from typing import final


@final
class Room:
    """Counts them; whoever holds connections keeps the number of its own right."""

    __slots__ = ("_limit", "callers", "upstreams")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.callers = 0
        self.upstreams = 0

    @property
    def is_full(self) -> bool:
        """Whether no more fits."""
        return self.callers + self.upstreams >= self._limit
