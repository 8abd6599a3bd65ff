"""The word to operators where a price can't be read from answers, so that calls cost what was reserved for them.

Rule 1: one line a minute for each upstream, at most; the metric counts them all (tally.py).
Rule 2: nothing of the answer is in it.
"""

from typing import Final, final

from exeat.model.limit import Price
from exeat.policy.price import Unread
from exeat.proxy.bill import BODY_LIMIT
from exeat.proxy.exchange import Exchange
from exeat.telemetry.logs import Log
from exeat.wire.event_stream import MOST_BYTES

QUIET_S: Final = 60.0
# A call that failed has no answer to read: its record says so.
REASONS: Final = {
    Unread.MISSING: "the answer has nothing there",
    Unread.UNUSABLE: "what the answer has there is no amount",
    Unread.NOT_JSON: "the answer isn't JSON",
    Unread.TOO_LONG: f"the answer is longer than {BODY_LIMIT} bytes, or an event than {MOST_BYTES}",
    Unread.CODING: "the answer's content coding can't be undone: only gzip and deflate can",
}


@final
class UnreadPrices:
    """What one worker says of them."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._said: dict[str, float] = {}
        self._calls: dict[str, int] = {}  # since then

    def note(self, exchange: Exchange, now: float) -> None:
        """An exchange has ended, of which a price couldn't be read; `now` is the monotonic clock."""
        bill = exchange.bill
        if bill is None or not bill.unread or exchange.error is not None:
            return
        price, fault = bill.unread[0]
        if fault not in REASONS:
            return
        upstream = exchange.upstream or "-"
        calls = self._calls.get(upstream, 0) + 1
        said = self._said.get(upstream)
        if said is not None and now - said < QUIET_S:
            self._calls[upstream] = calls
            return
        self._said[upstream] = now
        self._calls[upstream] = 0
        self._log.warning(
            "a price can't be read; a call costs what was reserved for it",
            upstream=upstream,
            price=render_place(price),
            reason=REASONS[fault],
            status=exchange.status,
            id=exchange.id,
            calls=calls,
        )


def render_place(price: Price) -> str:
    """Where an answer should have said a price, as it is configured."""
    if price.field is not None:
        return f"field {price.field.decode()}"
    return "" if price.json is None else f"json {price.json.text}"
