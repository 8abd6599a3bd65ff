"""Behind a trusted proxy, a request is its caller's: the address and the scheme are what the proxy reports.

The outermost layer, so that everything within it sees the caller. It judges as the gateway's own listeners do.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from exeat.model.upstream import Network
from exeat.policy.forwarded import find_caller, is_https, is_trusted


class Forwarded:
    """Reads X-Forwarded-For and X-Forwarded-Proto of peers within the `trusted` networks, and of nobody else."""

    def __init__(self, app: ASGIApp, trusted: tuple[Network, ...]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as the caller's."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and is_trusted(client[0], self._trusted):
            scope = {**scope, **self._reported(scope, client)}
        await self._app(scope, receive, send)

    def _reported(self, scope: Scope, client: tuple[str, int]) -> Scope:
        headers = Headers(scope=scope)
        reported: Scope = {}
        proto = headers.get("x-forwarded-proto")
        if proto is not None:
            reported["scheme"] = "https" if is_https(proto.encode("latin-1")) else "http"
        addresses = ",".join(headers.getlist("x-forwarded-for"))
        address = find_caller(addresses.encode("latin-1"), client[0], self._trusted)
        if address != client[0]:
            reported["client"] = (address, 0)
        return reported
