"""The endpoints that rest, as workers and other instances have said: for workers that start later.

Rule 1: a word that says nothing new is passed on to nobody, so that words don't go round.
"""

from typing import Final, final

from exeat.state.ledger import Rest

MOST: Final = 10_000
KEEP_NS: Final = 3_600_000_000_000  # after its rest, until somebody has seen it well
SAME_NS: Final = 1_000_000_000  # two workers that saw the same failures, one a little later


@final
class Resting:
    """What was said last of each endpoint that isn't well."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str]] = {}  # until when, and why

    def take(self, said: Rest, now: int) -> bool:
        """Take a word; whether it is news for others."""
        known = self._known.get(said.endpoint)
        if said.for_ns <= 0:
            self._known.pop(said.endpoint, None)
            return known is not None
        until = now + said.for_ns
        if known is not None and until <= known[0] + min(SAME_NS, said.for_ns // 2):
            return False
        self._known.pop(said.endpoint, None)
        self._known[said.endpoint] = until, said.reason
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        return True

    def now(self, now: int) -> list[Rest]:
        """Those that rest at this time, for as long as they still do."""
        return [Rest(name, until - now, why) for name, (until, why) in self._known.items() if until > now]

    def forget(self, now: int) -> None:
        """Forget those of which nobody has said anything since their rest ended long ago."""
        for name in [name for name, (until, _) in self._known.items() if until + KEEP_NS < now]:
            del self._known[name]
