"""Host names to addresses: asynchronous, kept for their TTL, stale while refreshing, one query per name in flight."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import aiodns
import pycares

from exeat.errors import Code, GatewayError

TTL_MIN_S = 1.0
TTL_MAX_S = 300.0
NEGATIVE_S = 5.0
STALE_S = 300.0
NAME_LIMIT = 10_000


class Answer(NamedTuple):
    """The addresses of a name, and for how many seconds they may be kept."""

    addresses: tuple[str, ...]
    ttl_s: float


class Lookup(Protocol):
    """Asks name servers. Raises LookupError with a short reason."""

    def __call__(self, host: str) -> Awaitable[Answer]:
        """All addresses of `host`."""


class Entry(NamedTuple):
    """What is kept of a name: addresses, or the reason why there are none."""

    addresses: tuple[str, ...]
    reason: str
    fresh_until: float
    stale_until: float


class AresLookup:
    """Asks through c-ares: the hosts file first, then the name servers; no search domains are ever tried."""

    def __init__(self, servers: list[str] | None = None, port: int | None = None) -> None:
        self._resolver: aiodns.DNSResolver | None = None
        self._servers = servers
        self._port = port

    async def __call__(self, host: str) -> Answer:
        """Both families in one question."""
        try:
            found = await self._channel().getaddrinfo(host, type=socket.SOCK_STREAM)
        except (aiodns.error.DNSError, pycares.AresError) as error:
            raise LookupError(str(error.args[1] if len(error.args) > 1 else error)) from error
        nodes = [node for node in found.nodes if node.addr]
        addresses = dict.fromkeys(_text(node.addr[0]) for node in nodes)
        return Answer(tuple(addresses), float(min((node.ttl for node in nodes), default=0)))

    def _channel(self) -> aiodns.DNSResolver:
        if self._resolver is None:
            self._resolver = aiodns.DNSResolver(
                self._servers,
                flags=pycares.ARES_FLAG_NOSEARCH,
                timeout=2.0,
                tries=2,
                udp_port=self._port,
                tcp_port=self._port,
            )
        return self._resolver


def _text(address: bytes | str) -> str:
    return address.decode() if isinstance(address, bytes) else address


class Names:
    """The kept answers of one worker."""

    def __init__(self, lookup: Lookup, clock: Callable[[], float]) -> None:
        self._lookup = lookup
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._asking: dict[str, asyncio.Task[Entry]] = {}

    async def addresses(self, host: str, timeout_s: float) -> tuple[str, ...]:
        """The addresses of a name; GatewayError `dns-failed` if there are none within `timeout_s`."""
        now = self._clock()
        entry = self._entries.get(host)
        if entry is None or now >= entry.stale_until:
            entry = await self._ask(host, timeout_s)
        elif now >= entry.fresh_until:
            _ = self._refresh(host, timeout_s)
        if not entry.addresses:
            raise GatewayError(Code.DNS_FAILED, f"{host}: {entry.reason}", untouched=True)
        return entry.addresses

    async def _ask(self, host: str, timeout_s: float) -> Entry:
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self._refresh(host, timeout_s))
        except TimeoutError as error:
            detail = f"{host}: the name servers did not answer within {timeout_s:g} s."
            raise GatewayError(Code.DNS_FAILED, detail, untouched=True) from error

    def _refresh(self, host: str, timeout_s: float) -> asyncio.Task[Entry]:
        task = self._asking.get(host)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._query(host, timeout_s))
            self._asking[host] = task
            task.add_done_callback(lambda _: self._asking.pop(host, None))
        return task

    async def _query(self, host: str, timeout_s: float) -> Entry:
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._lookup(host)
        except (LookupError, OSError) as error:
            return self._failed(host, str(error) or "the name servers did not answer")
        if not answer.addresses:
            return self._failed(host, "the name has no address")
        now = self._clock()
        ttl = min(max(answer.ttl_s, TTL_MIN_S), TTL_MAX_S)
        return self._keep(host, Entry(answer.addresses, "", now + ttl, now + ttl + STALE_S))

    def _failed(self, host: str, reason: str) -> Entry:
        """Keep a failure briefly, unless addresses are known that are stale but not too old."""
        now = self._clock()
        kept = self._entries.get(host)
        if kept is not None and kept.addresses and now < kept.stale_until:
            return self._keep(host, kept._replace(fresh_until=now + NEGATIVE_S))
        return self._keep(host, Entry((), reason, now + NEGATIVE_S, now + NEGATIVE_S))

    def _keep(self, host: str, entry: Entry) -> Entry:
        if len(self._entries) >= NAME_LIMIT:
            self._entries.clear()  # names come from callers where destinations have wildcards: never unbounded
        self._entries[host] = entry
        return entry
