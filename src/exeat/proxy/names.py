"""Host names to addresses: asynchronous, kept for their TTL, stale while refreshing, one query per name in flight.

A name that is an alias of a metadata service's name is refused as that name is; its addresses are judged by who dials.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import aiodns
import pycares

from exeat.errors import Code, GatewayError
from exeat.policy.address import judge_name

TTL_MIN_S = 1.0
TTL_MAX_S = 300.0
NEGATIVE_S = 5.0
STALE_S = 300.0
NAME_LIMIT = 10_000
TRY_S = 2.0
TRIES = 5


class Answer(NamedTuple):
    """The addresses of a name, for how many seconds they may be kept, and the names that it is an alias of."""

    addresses: tuple[str, ...]
    ttl_s: float
    aliases: tuple[str, ...] = ()


class Lookup(Protocol):
    """Asks name servers. Raises LookupError with a short reason."""

    def __call__(self, host: str) -> Awaitable[Answer]:
        """All addresses of `host`."""


class Entry(NamedTuple):
    """What is kept of a name: addresses, or the reason why there are none and the code of the refusal."""

    addresses: tuple[str, ...]
    reason: str
    fresh_until: float
    stale_until: float
    code: Code = Code.DNS_FAILED


class AresLookup:
    """Asks through c-ares: the hosts file first, then the name servers; no search domains are ever tried.

    c-ares shortens a try to five times what its servers usually take, 250 ms at least and twice as long with each next
    one (c-ares/c-ares#794): there have to be enough of them for a name that takes seconds, others having taken none.
    It also keeps answers itself, for up to an hour, which can't be turned off from here: it is begun anew in time.
    """

    def __init__(self, servers: list[str] | None = None, port: int | None = None) -> None:
        self._resolver: aiodns.DNSResolver | None = None
        self._begun_at = 0.0
        self._servers = servers
        self._port = port

    async def __call__(self, host: str) -> Answer:
        """Both families in one question."""
        resolver = self._begin()  # held until it has answered: it may be replaced meanwhile
        try:
            found = await resolver.getaddrinfo(host, type=socket.SOCK_STREAM)
        except (aiodns.error.DNSError, pycares.AresError) as error:
            raise LookupError(str(error.args[1] if len(error.args) > 1 else error)) from error
        nodes = [node for node in found.nodes if node.addr]
        addresses = dict.fromkeys(_text(node.addr[0]) for node in nodes)
        aliases = tuple(alias.name.lower().removesuffix(".") for alias in found.cnames)
        return Answer(tuple(addresses), float(min((node.ttl for node in nodes), default=0)), aliases)

    async def close(self) -> None:
        """Give up every question: an answer after the end of the event loop would have nowhere to go."""
        if self._resolver is not None:
            await self._resolver.close()
            await asyncio.sleep(0)  # what was given up is told in the loop's next turn

    def _begin(self) -> aiodns.DNSResolver:
        now = asyncio.get_running_loop().time()
        if self._resolver is None or now - self._begun_at >= TTL_MAX_S:
            self._begun_at = now
            self._resolver = aiodns.DNSResolver(
                self._servers,
                flags=pycares.ARES_FLAG_NOSEARCH,
                timeout=TRY_S,
                tries=TRIES,
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
        self._asked = {"ok": 0, "failed": 0}

    async def addresses(self, host: str, timeout_s: float) -> tuple[str, ...]:
        """The addresses of a name; GatewayError `dns-failed` if there are none within `timeout_s`."""
        now = self._clock()
        entry = self._entries.get(host)
        if entry is None or now >= entry.stale_until:
            entry = await self._ask(host, timeout_s)
        elif now >= entry.fresh_until:
            _ = self._refresh(host, timeout_s)
        if not entry.addresses:
            raise GatewayError(entry.code, f"{host}: {entry.reason}", untouched=True)
        return entry.addresses

    def take_counts(self) -> dict[str, int]:
        """How many questions were answered, and how many weren't, since the last time."""
        taken, self._asked = self._asked, {"ok": 0, "failed": 0}
        return taken

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
            self._asked["failed"] += 1
            return self._failed(host, str(error) or "the name servers did not answer")
        self._asked["ok"] += 1
        now = self._clock()
        ttl = min(max(answer.ttl_s, TTL_MIN_S), TTL_MAX_S)
        for alias in answer.aliases:
            decision = judge_name(alias)
            if decision.outcome == "deny":
                return self._keep(host, Entry((), decision.reason, now + ttl, now + ttl, Code.ADDRESS_BLOCKED))
        if not answer.addresses:
            return self._failed(host, "the name has no address")
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
