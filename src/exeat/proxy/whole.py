"""An answer that is read whole by who asked for it: a bounded body, and nobody it is passed on to."""

import asyncio
from typing import NamedTuple, final

from exeat.errors import Code, GatewayError
from exeat.proxy.drive import Drive, Wait
from exeat.proxy.nobody import Nobody
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import ResponseHead


class Answer(NamedTuple):
    """The head of an answer, and its whole body."""

    head: ResponseHead
    body: bytes


async def ask(connection: UpstreamConnection, head: bytes, method: bytes, body: bytes, limit_bytes: int) -> Answer:
    """Send one request on a connection of its own, which is closed, and read the answer to its end.

    GatewayError says what went wrong with it; an answer that is larger than the limit is `upstream-malformed`.
    """
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    asking = Asking(connection, limit_bytes, future)
    Drive(asking.run(head, method, body), _nothing).run()
    try:
        return await future
    finally:
        connection.close()


@final
class Asking(Nobody):
    """Collects the answer of one request."""

    def __init__(self, connection: UpstreamConnection, limit_bytes: int, future: "asyncio.Future[Answer]") -> None:
        self._connection = connection
        self._limit_bytes = limit_bytes
        self._future = future
        self._parts: list[bytes] = []
        self._size = 0
        self._end: Wait[None] | None = None

    async def run(self, head: bytes, method: bytes, body: bytes) -> None:
        """Ask; the future brings what came of it."""
        try:
            answer = await self._ask(head, method, body)
        except GatewayError as error:
            if not self._future.done():
                self._future.set_exception(error)
        else:
            if not self._future.done():
                self._future.set_result(answer)

    async def _ask(self, head: bytes, method: bytes, body: bytes) -> Answer:
        connection = self._connection
        wait = connection.send(head, method, self, chunked=False, has_body=bool(body))
        if body:
            connection.send_body(body)
            connection.end_body([])
        response = await wait
        content, done = connection.begin_body()
        self.content(content, last=done)
        self._check_size()
        if not done:
            connection.turn_to(self)
            self._end = connection.relay()
            await self._end
            self._check_size()
        return Answer(response, b"".join(self._parts))

    def _check_size(self) -> None:
        if self._size > self._limit_bytes:
            raise GatewayError(Code.UPSTREAM_MALFORMED, f"The answer is larger than {self._limit_bytes} bytes.")

    def content(self, content: bytes, *, last: bool) -> None:  # noqa: ARG002 - the wait for the end says it
        """Keep it, as long as it isn't too much."""
        self._size += len(content)
        if self._size <= self._limit_bytes:
            self._parts.append(content)
        elif self._end is not None:
            self._end.set(None)


def _nothing() -> None:
    """The future has what there is to know."""
