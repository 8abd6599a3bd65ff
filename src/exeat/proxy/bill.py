"""What an exchange costs: known before it, or read from the answer as it passes by.

Rule 1: reading changes nothing of the answer, and keeps no more of it than a bound.
Rule 2: what can't be read costs what was reserved, and is said to be unread.
"""

import zlib
from typing import Final, final

from exeat.model.limit import Price
from exeat.policy.plain_bodies import coding_of
from exeat.policy.price import Unread, price_of_events, price_of_field, price_of_json, price_of_length
from exeat.wire.coding import KNOWN
from exeat.wire.event_stream import EventTail
from exeat.wire.fields import split_field
from exeat.wire.http1 import ResponseHead

BODY_LIMIT: Final = 1024 * 1024  # of a JSON body in which a price is looked for, without its coding
PIECE: Final = 64 * 1024
_EITHER: Final = 32 + zlib.MAX_WBITS  # gzip and zlib, as the first bytes say
_ZLIB_BYTE: Final = 0x08  # the low half of zlib's first byte


@final
class Bill:
    """The prices that count for one exchange, with what was reserved for each; the first one is its own price.

    `reads_body` is whether one of them stands in the body. `unread` are those that couldn't be read, each with why,
    once `amounts` were asked for.
    """

    __slots__ = ("_body", "_is_answered", "_prices", "_reserved", "_said", "reads_body", "unread")

    def __init__(self, prices: tuple[Price, ...], reserved: tuple[int, ...]) -> None:
        self._prices: Final = prices
        self._reserved: Final = reserved
        self._said: dict[bytes, list[bytes]] = {}
        self._body: BodyReader | None = None
        self._is_answered = False
        self.reads_body: Final = any(price.json is not None for price in prices)
        self.unread: list[tuple[Price, Unread]] = []

    @property
    def currency(self) -> str:
        """The currency of the exchange's own price."""
        return self._prices[0].currency

    def reserved(self, place: int) -> int:
        """What was reserved for one of the prices (billionths)."""
        return self._reserved[place]

    def describe(self, response: ResponseHead) -> None:
        """Read the head of the answer: what it says, and how its body is to be read."""
        self._is_answered = True
        for price in self._prices:
            if price.field is not None:
                values = [value for name, value in map(split_field, response.fields) if name.lower() == price.field]
                self._said[price.field] = values
        if self.reads_body:
            self._body = BodyReader(response)

    def take(self, content: bytes) -> None:
        """Look at content of the answer that passes by."""
        if self._body is not None:
            self._body.take(content)

    def amounts(self, length: int) -> tuple[int, ...]:
        """What each price comes to (billionths), for an answer of so many bytes."""
        amounts = []
        self.unread = []
        for place, price in enumerate(self._prices):
            amount = self._reserved[place] if price.is_known_before else self._amount(price, length)
            if isinstance(amount, Unread):
                self.unread.append((price, amount))
                amount = self._reserved[place]
            amounts.append(amount)
        return tuple(amounts)

    def _amount(self, price: Price, length: int) -> int | Unread:
        if price.megabyte is not None:
            return price_of_length(price, length)
        if not self._is_answered:
            return Unread.UNFINISHED
        if price.field is not None:
            values = self._said[price.field]
            if not values:
                return Unread.MISSING
            return price_of_field(price, values[0]) if len(values) == 1 else Unread.UNUSABLE
        return Unread.MISSING if self._body is None else self._body.amount(price)


@final
class BodyReader:
    """Keeps what is needed of a body to find a price in it: JSON whole, of a stream of events the last ones."""

    __slots__ = ("_coding", "_decoder", "_events", "_fault", "_parts", "_size")

    def __init__(self, response: ResponseHead) -> None:
        coding = coding_of(response)
        kind = response.known.get(b"content-type", b"").lower()
        self._events: EventTail | None = EventTail() if kind.startswith(b"text/event-stream") else None
        self._parts: list[bytes] = []
        self._size = 0
        self._coding: Final = coding
        self._fault: Unread | None = Unread.CODING if coding and coding not in KNOWN else None
        self._decoder: zlib._Decompress | None = None

    def take(self, content: bytes) -> None:
        """Take the next bytes, in the coding that they came in."""
        if self._fault is not None or not content:
            return
        if not self._coding:
            self._keep(content)
            return
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = _decoder_of(self._coding, content)
        try:
            rest = content
            while rest and not decoder.eof and self._keep(decoder.decompress(rest, PIECE)):
                rest = decoder.unconsumed_tail
        except zlib.error:
            self._fault = Unread.CODING

    def _keep(self, content: bytes) -> bool:
        """Keep content; False where it is too much."""
        if self._events is not None:
            self._events.feed(content)
            return True
        self._size += len(content)
        self._parts.append(content)
        if self._size > BODY_LIMIT:
            self._fault = Unread.TOO_LONG
            self._parts.clear()
        return self._fault is None

    def amount(self, price: Price) -> int | Unread:
        """The price that the body says."""
        if self._fault is not None:
            return self._fault
        if self._events is not None:
            return price_of_events(price, self._events)
        return price_of_json(price, b"".join(self._parts)) if self._size else Unread.MISSING


def _decoder_of(coding: bytes, first: bytes) -> "zlib._Decompress":
    """What undoes a coding; some servers call deflate what has no frame of zlib around it."""
    is_raw = coding == b"deflate" and first[0] & 0x0F != _ZLIB_BYTE
    return zlib.decompressobj(-zlib.MAX_WBITS if is_raw else _EITHER)
