"""What operators say of endpoints, as one worker goes by it: they get no calls, until told otherwise or for a time.

Rule 1: calls that are under way at an endpoint go on, and end as they would have.
Rule 2: a worker that begins goes by what holds; resets from before it began mean nothing to it.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Final, final

from exeat.model.by_hand import ByHand
from exeat.proxy.balancing import Balancing

WORDS: Final = {"tripped": "tripped by hand", "drained": "drained by hand"}


@final
class Hands:
    """Keeps the endpoints of a worker as operators have said; `wall` is seconds since 1970."""

    def __init__(self, balancing: Balancing, wall: Callable[[], float]) -> None:
        self._balancing = balancing
        self._wall = wall
        self._until: dict[str, float] = {}  # by endpoint that is held
        self._resets: dict[str, int] | None = None  # None before the first configuration

    def follow(self, said: Iterable[ByHand]) -> None:
        """Go by this from now on, in place of what was said before."""
        now = self._wall()
        before, self._until = self._until, {}
        seen, self._resets = self._resets, {}
        for one in said:
            self._resets[one.id] = one.reset
            if seen is not None and one.reset > seen.get(one.id, 0):
                self._balancing.reset(one.id)
                before.pop(one.id, None)
            state = one.at(now)
            if state is not None:
                self._until[one.id] = until = inf if one.until is None else one.until
                self._balancing.rest(one.id, until - now, WORDS[state], held=True)
        for name, until in before.items():
            if name not in self._until and until > now:
                self._balancing.recover(name)

    def holds(self, endpoint_id: str) -> bool:
        """Whether an operator has said that an endpoint gets no calls now."""
        until = self._until.get(endpoint_id)
        return until is not None and until > self._wall()
