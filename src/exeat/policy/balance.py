"""Whose turn it is: smooth weighted round robin, and the least pending.

Each one's calls stay within one of its exact share, at every moment: of those that are behind their share, the one
goes first that would be a whole call behind soonest (Pfair scheduling: S. Baruah and others, Proportionate Progress,
1996). With weights 5, 1 and 1 that is a a a b a a c, not a a a a a b c.
"""

from collections.abc import Sequence
from math import inf
from typing import Final, final

NOBODY: Final = -1
SAME: Final = 1e-9  # a smaller difference is one of rounding


@final
class Turns:
    """The turns of a fixed number of places."""

    def __init__(self, count: int) -> None:
        self._credits = [0.0] * count

    def pick(self, shares: Sequence[float]) -> int:
        """The place whose turn it is by `shares`, of which those above zero take part; NOBODY if none does."""
        total = 0.0
        for share in shares:
            total += share
        if total <= 0.0:
            return NOBODY
        credit = self._credits
        picked, soonest = NOBODY, 0.0
        for place, share in enumerate(shares):
            if share > 0.0:
                owed = credit[place] = min(credit[place] + share / total, 1.0)  # in calls
                if owed > SAME:
                    at = (1.0 - owed) * total / share
                    if picked == NOBODY or at < soonest - SAME:
                        picked, soonest = place, at
        if picked == NOBODY:  # those that are owed something don't take part now
            picked = max((credit[place], place) for place, share in enumerate(shares) if share > 0.0)[1]
        credit[picked] = max(credit[picked] - 1.0, -1.0)
        return picked

    def pick_least(self, shares: Sequence[float], pending: Sequence[int]) -> int:
        """The place with the least pending calls for its share; by turns where several have."""
        least = inf
        for place, share in enumerate(shares):
            if share > 0.0:
                least = min(least, pending[place] / share)
        candidates = []
        for place, share in enumerate(shares):
            candidates.append(share if share > 0.0 and pending[place] / share <= least else 0.0)
        return self.pick(candidates)


@final
class Spill:
    """Lets a part of the calls through, evenly: the rest goes elsewhere."""

    def __init__(self) -> None:
        self._credit = 0.0

    def passes(self, part: float) -> bool:
        """Whether this call passes, where `part` (0 to 1) of them do."""
        self._credit += part
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True
