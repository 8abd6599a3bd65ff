"""What a worker notes of exchanges for who looks into them: their traces, and timings for who asks with Exeat-Debug.

Rule 1: nothing of this exists where neither is set; an exchange is then asked for one attribute.
Rule 2: what a span says is what the record says, with the times and identifiers that no record holds.
Rule 3: nobody waits for who takes spans: beyond a bound they are dropped, and counted.
"""

import hmac
import os
import random
from collections.abc import Callable
from typing import Final, final

import orjson

from exeat.model.key import mask
from exeat.model.secret import Secret
from exeat.proxy.exchange import Exchange
from exeat.proxy.timing import ended_at, moments_of
from exeat.proxy.trace import Trace
from exeat.telemetry.access_log import Members
from exeat.wire.trace_context import parse_traceparent, state_of

TOGETHER: Final = 256  # exchanges whose spans leave at once, at the latest


@final
class Observing:
    """One worker's. `sample` is the share of new traces that is sampled; None makes none.

    `tell` takes what was noted, as JSON: {"dropped": int, "exchanges": [see `note`]}; False where it can't.
    """

    def __init__(
        self, sample: float | None, debug_token: Secret | None, tell: Callable[[bytes], bool] = lambda _: False
    ) -> None:
        self.tell = tell
        self._sample = sample
        self._token = None if debug_token is None else debug_token.octets
        self._random = random.Random(os.urandom(32))  # noqa: S311 - not secret: they tell spans apart
        self._waiting: list[dict[str, object]] = []
        self._dropped = 0

    def begin(self, exchange: Exchange) -> None:
        """Find out whether an exchange is looked into, and which trace it is a part of."""
        head, outer = exchange.head, exchange.outer
        if self._token is not None:
            shown = None if head is None else head.known.get(b"exeat-debug")
            if shown is not None and hmac.compare_digest(shown, self._token):
                exchange.is_debugged = True
            elif outer is not None:
                exchange.is_debugged = outer.is_debugged
        if self._sample is not None and exchange.trace is None:
            exchange.trace = self._trace(exchange, self._sample)
        if exchange.is_debugged or (exchange.trace is not None and exchange.trace.is_sampled):
            exchange.moments = []

    def _trace(self, exchange: Exchange, sample: float) -> Trace:
        """The trace of the caller, or of the envelope that a call is in; else a new one."""
        for head in (exchange.head, None if exchange.outer is None else exchange.outer.head):
            parent = None if head is None else parse_traceparent(head.known.get(b"traceparent"))
            if head is not None and parent is not None:
                return Trace(parent.trace_id, parent, state_of(head), parent.sampled, self._span_id)
        trace_id = f"{self._random.getrandbits(128) or 1:032x}"
        return Trace(trace_id, None, "", self._random.random() < sample, self._span_id)

    def _span_id(self) -> str:
        return f"{self._random.getrandbits(64) or 1:016x}"

    def note(self, exchange: Exchange, members: Members, now: float) -> None:
        """An exchange has ended: if it is sampled, its spans will be made of its record and of this.

        Times are ms since its beginning: `moments` [phase, when], `spans` [identifier of an attempt, its end].
        """
        trace, started = exchange.trace, exchange.started
        if trace is None or not trace.is_sampled:
            return
        attempts, head = exchange.attempts, exchange.head
        last = len(attempts) - 1
        ends = [now if place == last and one.failed_at is None else ended_at(one) for place, one in enumerate(attempts)]
        self._waiting.append(
            {
                "began_ns": int(exchange.began_at * 1e9),
                "trace_id": trace.trace_id,
                "span_id": trace.span_id,
                "parent_id": None if trace.parent is None else trace.parent.span_id,
                "state": trace.state if mask(trace.state) == trace.state else "",
                "spans": [
                    (span_id, None if end is None else _ms(end - started))
                    for span_id, end in zip(trace.attempts, ends, strict=False)
                ],
                "moments": [(phase, _ms(at - started)) for phase, at in moments_of(exchange)],
                "gateway": mask(exchange.caller.gateway.decode("latin-1")),
                "version": None if head is None else ("1.1" if head.is_1_1 else "1.0"),
                "redirected": exchange.asked is not None,
                "record": members,
            }
        )
        if len(self._waiting) >= TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Hand over what was noted."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if self.tell(orjson.dumps({"dropped": self._dropped, "exchanges": waiting})):
            self._dropped = 0
        else:
            self._dropped += len(waiting)


def _ms(seconds: float) -> float:
    return int(seconds * 1e6 + 0.5) / 1e3
