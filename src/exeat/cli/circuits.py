"""What one worker tells of the circuits of its endpoints: the counters, for all other workers, and the supervisor.

Rule 1: what it has heard of others isn't passed on to them.
"""

from collections.abc import Callable, Iterator

import orjson

from exeat.policy.circuit import Stage
from exeat.proxy.balancing import CLOSED, OPENED, RECOVERING, RESTING
from exeat.proxy.worker import Worker
from exeat.state.counters import Counters
from exeat.state.ledger import Learnt, Rest

SECOND_NS = 1_000_000_000


class Circuits:
    """Ties a worker's endpoints to the rest; `tell` sends a message to the supervisor."""

    def __init__(self, worker: Worker, counters: Counters, tell: Callable[[bytes], None]) -> None:
        self._worker = worker
        self._counters = counters
        self._tell = tell
        worker.balancing.on_change = self._changed
        counters.heard = self._hear
        counters.rests = self._rests

    def _changed(self, endpoint: str, state: str, reason: str, rest_s: float) -> None:
        """Take what this worker has seen by itself."""
        rests = state in {OPENED, RESTING}
        if rests or state in {RECOVERING, CLOSED}:
            self._counters.say(Rest(endpoint, max(1, round(rest_s * SECOND_NS)) if rests else 0, reason))
        if state in {OPENED, CLOSED}:
            self._say(endpoint, state, reason, rest_s, own=True)

    def _hear(self, word: Learnt) -> None:
        """Take what another worker has learnt."""
        self._worker.hear(word)
        if isinstance(word, Rest) and word.for_ns > 0:
            self._say(word.endpoint, OPENED, word.reason, word.for_ns / SECOND_NS, own=False)

    def _say(self, endpoint: str, state: str, reason: str, rest_s: float, *, own: bool) -> None:
        said = {"endpoint": endpoint, "state": state, "reason": reason, "rest_s": round(rest_s, 3), "own": own}
        self._tell(orjson.dumps(said))

    def _rests(self) -> Iterator[Rest]:
        """What rests here, unless an operator has said so: that everybody knows from the configuration."""
        for one in self._worker.balancing.report():
            rests_s = one["rests_s"]
            if one["state"] == Stage.OPEN and not one["held"] and isinstance(rests_s, float) and rests_s > 0:
                yield Rest(str(one["endpoint"]), round(rests_s * SECOND_NS), str(one["reason"]))
