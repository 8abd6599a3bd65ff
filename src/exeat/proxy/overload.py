"""What a worker refuses to begin, so that it can finish what it has begun: too many exchanges, too little memory."""

from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.limits import Limits
from exeat.proxy.exchange import Exchange

ENOUGH: Final = 0.95  # of the limit: only below that is there memory again, so that it doesn't go to and fro


@final
class Overload:
    """The judgement of one worker. `may_refuse` is False where every exchange may begin."""

    def __init__(self, limits: Limits) -> None:
        self._in_flight = limits.in_flight
        self._memory_bytes = limits.memory_bytes
        self.is_short_of_memory = False
        self.may_refuse = limits.in_flight is not None

    def note_memory(self, used_bytes: int | None) -> bool:
        """Take in what the process takes; whether that is too much."""
        limit = self._memory_bytes
        if limit is not None and used_bytes is not None:
            most = limit * ENOUGH if self.is_short_of_memory else float(limit)
            self.is_short_of_memory = used_bytes > most
            self.may_refuse = self.is_short_of_memory or self._in_flight is not None
        return self.is_short_of_memory

    def refuses(self, exchange: Exchange, active: int) -> GatewayError | None:
        """Why an exchange may not begin beside those that are under way; Exeat's own paths always may."""
        head = exchange.head
        if head is None or head.target.startswith(b"/-/"):
            return None
        if self.is_short_of_memory:
            return GatewayError(Code.OVERLOADED, "The gateway has no memory left for more.", untouched=True)
        if self._in_flight is not None and active >= self._in_flight:
            detail = "The gateway has as many exchanges under way as it may."
            return GatewayError(Code.OVERLOADED, detail, untouched=True)
        return None
