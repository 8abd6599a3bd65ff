"""A call to this gateway's own listener, as any caller's, for who tries something in the dashboard.

Rule 1: the key goes into this one request, and nowhere else.
Rule 2: nothing is sent before the listener has shown the certificate that it was started with, where it has one.
"""

# ruff: noqa: PLC0415 - the client loads when somebody tries a call: it takes longer than all of the rest here

import ssl
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from exeat.admin.running import Came, NotRunningError
from exeat.config.listen import Listen, parse_listen
from exeat.model.secret import Secret

if TYPE_CHECKING:
    import httpx

PATH = "/-/call"
LIMIT_S = 310.0  # a little more than a call may take
LARGEST_BYTES = 32 << 20
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared
SHOWN = frozenset({"content-type", "retry-after", "ratelimit", "ratelimit-policy"})


class Calling:
    """Calls. `listeners` are where the gateway listens, `certificate` what its TCP listeners show, as PEM."""

    def __init__(self, listeners: Callable[[], Sequence[str]], certificate: Callable[[], str | None]) -> None:
        self._listeners = listeners
        self._certificate = certificate

    async def call(self, key: Secret, envelope: bytes) -> Came:
        """Send an envelope with a key; NotRunningError if the gateway doesn't answer."""
        import httpx

        listeners = self._listeners()
        if not listeners:
            raise NotRunningError
        url, transport = self._way(parse_listen(listeners[0]))
        headers = {"Exeat-Key": key.reveal(), "Content-Type": "application/json"}
        began = time.monotonic()
        try:
            async with (
                httpx.AsyncClient(transport=transport, timeout=LIMIT_S, trust_env=False) as client,
                client.stream("POST", url, content=envelope, headers=headers) as response,
            ):
                body = await _read(response)
        except (httpx.HTTPError, ssl.SSLError) as error:
            raise NotRunningError(f"The gateway's listener doesn't answer: {type(error).__name__}.") from None
        shown = {
            name: value
            for name, value in response.headers.items()
            if name in SHOWN or name.startswith(("exeat-", "proxy-status"))
        }
        return Came(response.status_code, shown, body, round((time.monotonic() - began) * 1000, 3))

    def _way(self, listener: Listen) -> "tuple[str, httpx.AsyncHTTPTransport]":
        import httpx

        if listener.path is not None:
            return f"http://localhost{PATH}", httpx.AsyncHTTPTransport(uds=listener.path)
        at = Listen(LOOPBACK.get(listener.host, listener.host), listener.port)
        certificate = self._certificate()
        if certificate is None:
            return f"http://{at}{PATH}", httpx.AsyncHTTPTransport()
        return f"https://{at}{PATH}", httpx.AsyncHTTPTransport(verify=only(certificate))


def only(certificate: str) -> ssl.SSLContext:
    """A context for whoever shows this chain and no other, by whatever name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is this gateway's own, and nobody else's has its key
    context.load_verify_locations(cadata=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def _read(response: "httpx.Response") -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > LARGEST_BYTES:
            raise NotRunningError(f"The answer is larger than {LARGEST_BYTES >> 20} MiB; call the gateway itself.")
        parts.append(part)
    return b"".join(parts)
