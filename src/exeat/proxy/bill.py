"""What an exchange costs: known before it, or read from the answer as it passes by.

Rule 1: reading changes nothing of the answer, and keeps no more of it than a bound.
Rule 2: what can't be read costs what was reserved.
"""

import zlib
from typing import Final, final

from exeat.model.limit import Price
from exeat.policy.price import price_of_events, price_of_field, price_of_json, price_of_length
from exeat.wire.event_stream import EventTail
from exeat.wire.fields import split_field
from exeat.wire.http1 import ResponseHead

BODY_LIMIT: Final = 1024 * 1024  # of a JSON body in which a price is looked for, without its coding
PIECE: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


@final
class Bill:
    """The prices that count for one exchange, with what was reserved for each; the first one is its own price."""

    __slots__ = ("_body", "_prices", "_reserved", "_said")

    def __init__(self, prices: tuple[Price, ...], reserved: tuple[int, ...]) -> None:
        self._prices: Final = prices
        self._reserved: Final = reserved
        self._said: dict[bytes, bytes] = {}
        self._body: BodyReader | None = None

    @property
    def currency(self) -> str:
        """The currency of the exchange's own price."""
        return self._prices[0].currency

    def reserved(self, place: int) -> int:
        """What was reserved for one of the prices (billionths)."""
        return self._reserved[place]

    def describe(self, response: ResponseHead) -> None:
        """Read the head of the answer: what it says, and how its body is to be read."""
        for price in self._prices:
            if price.field is not None:
                values = [value for name, value in map(split_field, response.fields) if name.lower() == price.field]
                if len(values) == 1:
                    self._said[price.field] = values[0]
        if any(price.json is not None for price in self._prices):
            self._body = BodyReader(response)

    def take(self, content: bytes) -> None:
        """Look at content of the answer that passes by."""
        if self._body is not None:
            self._body.take(content)

    def amounts(self, length: int) -> tuple[int, ...]:
        """What each price comes to (billionths), for an answer of so many bytes."""
        return tuple(
            amount if (amount := self._amount(price, length)) is not None else reserved
            for price, reserved in zip(self._prices, self._reserved, strict=True)
        )

    def _amount(self, price: Price, length: int) -> int | None:
        if price.field is not None:
            value = self._said.get(price.field)
            return None if value is None else price_of_field(price, value)
        if price.json is not None:
            return None if self._body is None else self._body.amount(price)
        return None if price.megabyte is None else price_of_length(price, length)


@final
class BodyReader:
    """Keeps what is needed of a body to find a price in it: JSON whole, of a stream of events the last ones."""

    __slots__ = ("_decoder", "_events", "_failed", "_parts", "_size")

    def __init__(self, response: ResponseHead) -> None:
        kind, coding = b"", b""
        for line in response.fields:
            if line[:8].lower() == b"content-":
                name, value = split_field(line)
                if name.lower() == b"content-type":
                    kind = value.lower()
                elif name.lower() == b"content-encoding":
                    coding = value.lower() if not coding else coding + b"," + value
        self._events: EventTail | None = EventTail() if kind.startswith(b"text/event-stream") else None
        self._parts: list[bytes] = []
        self._size = 0
        self._failed = coding not in {b"", b"identity", b"gzip", b"x-gzip", b"deflate"}
        self._decoder = None if coding in {b"", b"identity"} else zlib.decompressobj(_window_of(coding))

    def take(self, content: bytes) -> None:
        """Take the next bytes, in the coding that they came in."""
        if self._failed:
            return
        decoder = self._decoder
        if decoder is None:
            self._keep(content)
            return
        try:
            rest = content
            while rest and not decoder.eof and self._keep(decoder.decompress(rest, PIECE)):
                rest = decoder.unconsumed_tail
        except zlib.error:
            self._failed = True

    def _keep(self, content: bytes) -> bool:
        """Keep content; False where it is too much."""
        if self._events is not None:
            self._events.feed(content)
            return True
        self._size += len(content)
        self._parts.append(content)
        if self._size > BODY_LIMIT:
            self._failed = True
            self._parts.clear()
        return not self._failed

    def amount(self, price: Price) -> int | None:
        """The price that the body says."""
        if self._failed:
            return None
        if self._events is not None:
            return price_of_events(price, self._events)
        return price_of_json(price, b"".join(self._parts))


def _window_of(coding: bytes) -> int:
    return zlib.MAX_WBITS if coding == b"deflate" else _GZIP
