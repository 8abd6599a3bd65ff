"""What becomes of a call after one of its attempts has failed: the facts are gathered, and the table is asked.

Nothing here exists for a call that succeeds at once.
"""

import asyncio
from typing import final

from exeat.errors import Code, GatewayError
from exeat.model.retries import Retries
from exeat.model.upstream import Endpoint
from exeat.policy.authorize import Permit
from exeat.policy.retry import TRIED_AGAIN, Facts, Verdict, decide, is_stale, speaks_against
from exeat.policy.retry_signs import has_key, repeats, retry_after, should_retry
from exeat.proxy.discarding import discard
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Exchange
from exeat.proxy.replay import is_lost
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import ResponseHead


def owner_of(permit: Permit) -> str:
    """Whose retry budget a call counts for: its upstream's, or its destination's."""
    if permit.upstream is not None:
        return permit.upstream.name
    return "" if permit.destination is None else permit.destination.text


@final
class Retrying:
    """One call of which an attempt has failed. `is_fresh`: the next one is at the same endpoint, on a new connection.

    `tried` are the endpoints of the attempts so far.
    """

    __slots__ = (
        "_endpoints", "_exchange", "_first", "_permit", "_retries", "_runtime", "_stale", "_verdict", "is_fresh",
        "tried",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        permit: Permit,
        retries: Retries,
        endpoints: tuple[Endpoint, ...],
        runtime: Runtime,
    ) -> None:
        self._exchange = exchange
        self._permit = permit
        self._retries = retries
        self._endpoints = endpoints
        self._runtime = runtime
        self._first = len(exchange.attempts) - 1  # those before are of other hops
        self._stale: list[int] = []
        self._verdict = Verdict(retry=False, reason=None)
        self.is_fresh = False
        self.tried: tuple[Endpoint, ...] = ()

    def after_failure(self, connection: UpstreamConnection | None, error: GatewayError) -> bool:
        """Whether another attempt follows one that failed; GatewayError if none does, and they failed variously."""
        code = error.code
        sent = not error.untouched and connection is not None and connection.has_sent
        reused = connection is not None and connection.is_reused
        exchange, runtime = self._exchange, self._runtime
        if exchange.chosen is not None and speaks_against(code, 0) and not is_stale(code, reused=reused):
            now = runtime.clock()
            took_s = now - exchange.attempts[-1].began
            runtime.balancing.judge(exchange.chosen, failed=True, took_s=took_s, now=now)
        verdict = self._decide(code, 0, sent=sent, reused=reused, asks_s=None, says=None)
        if verdict.fresh:
            self._stale.append(len(exchange.attempts) - 1)
        if not verdict.retry and code in TRIED_AGAIN and self._failed_variously():
            detail = f"{len(self.tried)} attempts failed. The last one, with {code}: {error.detail}"
            raise GatewayError(Code.RETRIES_EXHAUSTED, detail) from error
        return verdict.retry

    def _failed_variously(self) -> bool:
        """Whether attempts failed for different reasons; that a kept connection had been closed is none."""
        attempts = self._exchange.attempts
        counted = [attempts[place] for place in range(self._first, len(attempts)) if place not in self._stale]
        return len({str(one.error or one.status) for one in counted}) > 1

    def after_answer(self, connection: UpstreamConnection, response: ResponseHead) -> bool:
        """Whether another attempt follows one that was answered with an error; if so, the answer is left."""
        if self._exchange.shown is not None and self._shows_another(response.status):
            self._leave(connection, response)
            return True
        asks_s, says = retry_after(response, self._runtime.wall()), should_retry(response)
        verdict = self._decide(None, response.status, sent=True, reused=connection.is_reused, asks_s=asks_s, says=says)
        if not verdict.retry:
            if self._exchange.replay is not None:
                self._exchange.replay.forget()
            return False
        self._leave(connection, response)
        return True

    def _shows_another(self, status: int) -> bool:
        """Whether what the upstream was shown is refused, and the call goes on with another credential at once."""
        exchange, runtime, shown = self._exchange, self._runtime, self._exchange.member
        may_repeat = not (exchange.head_or_raise.has_body and is_lost(exchange))
        if not runtime.presenting.refused(exchange, self._permit, status, may_repeat=may_repeat):
            return False
        self.tried = tuple(one.endpoint for one in exchange.attempts[self._first : -1])  # this one did nothing wrong
        reason = f"again at once: {'the token' if shown is None else shown.name} was refused"
        exchange.attempts[-1].retry = reason
        self._verdict = Verdict(retry=True, reason=reason)
        return True

    def _leave(self, connection: UpstreamConnection, response: ResponseHead) -> None:
        """Take what an answer says of limits, and leave the rest of it: another attempt follows."""
        if self._permit.upstream is not None:
            self._runtime.admission.learn(self._exchange, self._permit.upstream, response)
        discard(connection, response, self._runtime.pool)

    def _decide(
        self, code: Code | None, status: int, *, sent: bool, reused: bool, asks_s: float | None, says: bool | None
    ) -> Verdict:
        exchange, retries, runtime = self._exchange, self._retries, self._runtime
        attempts, head = exchange.attempts, exchange.head_or_raise
        self.tried = tuple(one.endpoint for one in attempts[self._first :])
        now = runtime.clock()
        not_counted = len(self._stale) + is_stale(code, reused=reused)
        facts = Facts(
            method=head.method,
            has_key=has_key(head, retries.idempotency_key),
            sent=sent,
            reused=reused,
            code=code,
            status=status,
            retry_after_s=asks_s,
            should_retry=says,
            body_lost=head.has_body and is_lost(exchange),
            has_budget=runtime.budgets.of(owner_of(self._permit)).has_room(now, retries.budget),
            left_s=None if exchange.ends_at is None else exchange.ends_at - now,
            caller_repeats=repeats(head),
            made=len(self.tried) - not_counted,
            has_other=runtime.balancing.has_other(self._endpoints, self.tried, now),
            all_rest=runtime.balancing.all_rest(self._endpoints, now),
            chance=runtime.chance(),
        )
        self._verdict = verdict = decide(facts, retries)
        attempts[-1].retry = verdict.reason
        return verdict

    async def pause(self) -> None:
        """Make ready for the next attempt, and wait until its time has come; what ends the call ends that, too."""
        verdict, exchange, runtime = self._verdict, self._exchange, self._runtime
        self.is_fresh = verdict.fresh
        exchange.source = None
        if exchange.replay is not None:
            exchange.replay.leave()
        now = runtime.clock()
        if verdict.costs:
            runtime.budgets.of(owner_of(self._permit)).spend(now)
        if verdict.wait_s <= 0:
            return
        exchange.enter("backoff", now, None)  # the deadline of the whole bounds it
        over: Wait[None] = Wait()
        timer = asyncio.get_running_loop().call_later(verdict.wait_s, over.set, None)
        try:
            await over
        finally:
            timer.cancel()
