"""A request's body that is needed whole before anything of the request can leave."""

from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.policy.forward import expects_continue
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Exchange

GATHER_S: Final = 60.0  # for all of it
HINT: Final = "Send less at once, in several calls or parts if the API has such."


@final
class Buffer:
    """Takes a body; `whole` brings it, or GatewayError where it is larger than `limit` (bytes)."""

    def __init__(self, limit: int, too_large: str, hint: str | None = None) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._too_large = too_large
        self._hint = hint
        self.whole: Wait[bytes] = Wait()

    def send_body(self, content: bytes) -> None:
        """Keep content."""
        self._size += len(content)
        if self._size > self._limit:
            self._parts.clear()
            self.whole.fail(self.too_large())
        else:
            self._parts.append(content)

    def end_body(self, trailers: list[bytes]) -> None:  # noqa: ARG002 - what was gathered is sent with its length
        """The body is complete."""
        self.whole.set(b"".join(self._parts))

    def too_large(self) -> GatewayError:
        """What is said of a larger body."""
        return GatewayError(Code.BODY_TOO_LARGE, self._too_large, hint=self._hint)


async def gather(exchange: Exchange, limit: int, now: float, *, why: str) -> bytes:
    """The body of a request, of which nothing has been sent yet; it is kept in `exchange.gathered`.

    GatewayError `body-too-large` beyond `limit` (bytes), `client-timeout` where it doesn't come in time. `why` says
    what it is needed for.
    """
    known = exchange.gathered
    if known is not None:
        return known
    head, caller = exchange.head_or_raise, exchange.caller
    body = b""
    if head.has_body:
        buffer = Buffer(limit, f"{why}; the body may be at most {limit} bytes.", HINT)
        if head.length is not None and head.length > limit:
            raise buffer.too_large()
        if expects_continue(head):
            exchange.waits_to_continue = True
            caller.interim(100, b"Continue", [])
        exchange.enter("body", now, GATHER_S)
        caller.pump_body(buffer)
        body = await buffer.whole
    exchange.gathered = body
    return body
