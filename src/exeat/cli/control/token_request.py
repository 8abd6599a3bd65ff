"""One request to a token endpoint, by the same rules of addresses and TLS as calls of the upstream that it is for.

Rule 1: nothing is sent before the address has been judged; plaintext goes to networks that the upstream names alone.
Rule 2: redirects aren't followed: what is shown is meant for this endpoint and no other.
"""

import asyncio
import secrets
from collections.abc import Callable
from ipaddress import ip_address

from exeat.errors import Code, GatewayError
from exeat.model.secret import Secret
from exeat.model.token_source import TokenSource
from exeat.model.upstream import Route, Timeouts
from exeat.policy.address import may_be_plaintext
from exeat.proxy.dial import Dialler
from exeat.proxy.upstream import UpstreamConnection
from exeat.proxy.whole import ask
from exeat.vault.tokens import Fetched, TokenAnswer, TokenError, parse_answer, request_of

LARGEST_BYTES = 1024 * 1024
# What doesn't pass by itself: somebody has to change something first.
_LASTING = frozenset({Code.ADDRESS_BLOCKED, Code.PLAINTEXT_REFUSED, Code.LOOP_DETECTED, Code.TLS_FAILED})


class TokenEndpoint:
    """Asks for the tokens of one source; `clock` is the time (s since 1970)."""

    def __init__(self, source: TokenSource, dialler: Callable[[], Dialler], clock: Callable[[], float]) -> None:
        self._source = source
        self._dialler = dialler
        self._clock = clock
        self._ahead_s = 0.0  # by how much its clock is ahead of this one, where that has ever mattered

    async def fetch(self, stored: Secret | None, limit_s: float) -> Fetched:
        """A token; TokenError says why there is none. `stored` is the refresh token that counts now, if another does.

        Where the endpoint refuses an assertion because of its times, it is made again by the endpoint's clock.
        """
        try:
            return await self._ask(stored, self._clock() + self._ahead_s, limit_s)
        except TokenError as error:
            if error.server_time is None:
                raise
            self._ahead_s = error.server_time - self._clock()
            return await self._ask(stored, error.server_time, limit_s)

    async def _ask(self, stored: Secret | None, now: float, limit_s: float) -> Fetched:
        request = request_of(self._source, now=now, nonce=secrets.token_urlsafe(16), stored=stored)
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._send(request.render_head(), request.body.octets, limit_s)
        except TimeoutError:
            raise TokenError(f"The token endpoint didn't answer within {limit_s:g} s.", is_passing=True) from None
        except GatewayError as error:
            reason = f"The token endpoint can't be asked: {error.detail}"
            raise TokenError(reason, is_passing=error.code not in _LASTING) from error
        return parse_answer(request, answer, now=now)

    async def _send(self, head: bytes, body: bytes, limit_s: float) -> TokenAnswer:
        source = self._source
        route = Route(source.target.origin, source.tls, source.reach, f"token {source.id}")
        connection = await self._dialler().dial(route, Timeouts(limit_s, limit_s, limit_s), reported=lambda _: None)
        try:
            self._check_plaintext(connection)
            answer = await ask(connection, head, b"POST", body, LARGEST_BYTES)
        finally:
            connection.close()
        return TokenAnswer(answer.head.status, answer.head.fields, answer.body)

    def _check_plaintext(self, connection: UpstreamConnection) -> None:
        source = self._source
        if source.target.origin.scheme == "https":
            return
        if not may_be_plaintext(ip_address(connection.address or "::"), source.reach.private):
            detail = "its address is public, or outside network.private: nothing is sent there without TLS."
            raise GatewayError(Code.PLAINTEXT_REFUSED, detail)
