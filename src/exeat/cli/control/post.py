"""Sending one signed message to a webhook, by the same rules of addresses and TLS as calls of upstreams.

Rule 1: nothing is sent before the address has been judged; plaintext goes to networks that the webhook names alone.
Rule 2: redirects aren't followed; the body of an answer is neither read to its end, nor kept, nor logged.
"""

import asyncio
from ipaddress import ip_address
from typing import NamedTuple

from exeat import __version__
from exeat.errors import Code, GatewayError
from exeat.model.upstream import Reach, Route, Timeouts, TlsIdentity
from exeat.model.webhook import Webhook
from exeat.policy.address import may_be_plaintext
from exeat.policy.webhook import sign
from exeat.proxy.dial import Dialler
from exeat.proxy.drive import Wait
from exeat.proxy.nobody import Nobody
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import ResponseHead

GONE = 410


class Outcome(NamedTuple):
    """What became of a message: the status of the answer, or why there is none."""

    status: int | None
    reason: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - success


async def post(
    dialler: Dialler, webhook: Webhook, identifier: str, body: bytes, *, timestamp: int, limit_s: float
) -> Outcome:
    """Send one message; `timestamp` is the time of this attempt (s since 1970)."""
    try:
        async with asyncio.timeout(limit_s):
            return await _send(dialler, webhook, render_message(webhook, identifier, timestamp, body), body, limit_s)
    except TimeoutError:
        return Outcome(None, f"no answer within {limit_s:g} s")
    except GatewayError as error:
        return Outcome(None, error.detail)


async def _send(dialler: Dialler, webhook: Webhook, head: bytes, body: bytes, limit_s: float) -> Outcome:
    route = Route(webhook.origin, TlsIdentity(), Reach(webhook.private), webhook.name)
    connection = await dialler.dial(route, Timeouts(limit_s, limit_s, limit_s), reported=lambda _: None)
    try:
        _check_plaintext(webhook, connection)
        wait = connection.send(head, b"POST", Nobody(), chunked=False, has_body=True)
        connection.send_body(body)
        connection.end_body([])
        answer = await _arrival(wait)
    finally:
        connection.close()
    return Outcome(answer.status)


def render_message(webhook: Webhook, identifier: str, timestamp: int, body: bytes) -> bytes:
    """The head of the request."""
    fields = {
        "Host": webhook.origin.authority,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": f"Exeat/{__version__}",
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(webhook.secret, identifier, timestamp, body),
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return b"POST " + webhook.target + b" HTTP/1.1\r\n" + lines.encode() + b"\r\n"


def _check_plaintext(webhook: Webhook, connection: UpstreamConnection) -> None:
    if webhook.origin.scheme == "https":
        return
    if not may_be_plaintext(ip_address(connection.address or "::"), webhook.private):
        detail = "Its address is public, or outside network.private: nothing is sent there without TLS."
        raise GatewayError(Code.PLAINTEXT_REFUSED, detail)


async def _arrival(wait: Wait[ResponseHead]) -> ResponseHead:
    if not wait.is_done:
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            if not arrived.done():
                arrived.set_result(None)

        wait.resume = arrive
        await arrived
    return await wait
