"""What one worker tells of the credentials of its pools: the counters, for all other workers, and the log.

Rule 1: what it has heard of others isn't passed on to them, nor logged again.
"""

from collections.abc import Callable, Iterable
from typing import final

from exeat.model.mark import is_credential
from exeat.policy.credential_pool import NO_TOKEN
from exeat.proxy.members import MemberState
from exeat.proxy.worker import Worker
from exeat.state.counters import Counters
from exeat.state.ledger import Learnt, Rest
from exeat.telemetry.logs import Log

SECOND_NS = 1_000_000_000


@final
class CredentialRests:
    """Ties a worker's pools to the rest, beside what is tied already: its endpoints."""

    def __init__(self, worker: Worker, counters: Counters, log: Log) -> None:
        self._worker = worker
        self._counters = counters
        self._log = log
        self._hear_others: Callable[[Learnt], None] = counters.heard
        self._rests_of_others: Callable[[], Iterable[Rest]] = counters.rests
        worker.admission.pools.on_change = self._changed
        counters.heard = self._hear
        counters.rests = self._rests

    def _changed(self, state: MemberState, status: int, rest_s: float) -> None:
        """Take what this worker has seen by itself."""
        if status:
            self._counters.say(Rest(state.id, max(1, round(rest_s * SECOND_NS)), str(status)))
            self._log.warning(
                "a credential was refused, and rests",
                upstream=state.upstream,
                credential=state.label,
                status=None if status == NO_TOKEN else status,
                rest_s=round(rest_s),
            )
        else:
            self._counters.say(Rest(state.id, 0, ""))
            self._log.info("a credential is accepted again", upstream=state.upstream, credential=state.label)

    def _hear(self, word: Learnt) -> None:
        """Take what another worker has learnt."""
        if isinstance(word, Rest) and is_credential(word.endpoint):
            self._worker.hear(word)
        else:
            self._hear_others(word)

    def _rests(self) -> Iterable[Rest]:
        """What rests here."""
        yield from self._rests_of_others()
        yield from self._worker.admission.pools.rests()
