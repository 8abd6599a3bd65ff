"""One worker of the data plane: what the phases need of the process, and the clock that ends what takes too long."""

import asyncio
import gc
import random
import secrets
import ssl
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import final

from exeat.errors import Code, GatewayError
from exeat.model.mark import upstream_of
from exeat.model.origin import Origin
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination, Endpoint, Network, Route, TlsIdentity
from exeat.policy.forwarded import find_caller, is_trusted
from exeat.proxy.admission import Admission
from exeat.proxy.answers import fail
from exeat.proxy.attempt import overdue
from exeat.proxy.balancing import Balancing
from exeat.proxy.by_hand import Hands
from exeat.proxy.connections import Connections, TurnedAway
from exeat.proxy.dial import Dialler
from exeat.proxy.downstream import HALF_CLOSED_S, Downstream
from exeat.proxy.drive import Drive
from exeat.proxy.endpoint_report import notable, resting
from exeat.proxy.exchange import Caller, Exchange, Identifiers
from exeat.proxy.ledger import Ledger, no_record
from exeat.proxy.observing import Observing
from exeat.proxy.overload import Overload
from exeat.proxy.own import OwnPaths, find_obstacle
from exeat.proxy.pipeline import serve
from exeat.proxy.pool import Pool
from exeat.proxy.presenting import Presenting
from exeat.proxy.room import Room
from exeat.proxy.runtime import Runtime
from exeat.proxy.secure import Secure
from exeat.proxy.signed import Signers
from exeat.proxy.tally import Tally
from exeat.proxy.unread_prices import UnreadPrices
from exeat.state.ledger import Learnt, Rest
from exeat.state.register import Register
from exeat.state.retry_budget import RetryBudgets
from exeat.telemetry.logs import Log
from exeat.wire.http1 import RequestHead

SWEEP_S = 0.1
CONTINUE_AFTER_S = 1.0
STREAM_BYTES = 1024 * 1024
ENDPOINTS_LIMIT = 10_000
LAST_WORDS_S = 0.5


@final
class Worker(Runtime):
    """The state of one worker process. Everything runs on one event loop; nothing here is shared with others."""

    def __init__(
        self,
        snapshot: Snapshot,
        dialler: Dialler,
        *,
        log: Log,
        ledger: Ledger,
        register: Register | None = None,
        trusted: Iterable[Network] = (),
        pseudonym: bytes = b"",
        observing: Observing | None = None,
        clock: Callable[[], float] = time.monotonic,
        nanoseconds: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - given to the phases as an argument from here
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.wall = wall
        self.chance = chance
        self.room = Room(dialler.limits.open_connections)
        self.pool = Pool(dialler, self.clock, self.room)
        self.outbox = dialler.outbox
        self.limits = dialler.limits
        self.connections = Connections(self.limits.connections, self.clock, self.room)
        self.overload = Overload(self.limits)
        self.active: set[Exchange] = set()
        self.leaving = False
        self.draining = False
        self.trusted = tuple(trusted)
        self.pseudonym = pseudonym or b"exeat-" + secrets.token_hex(6).encode()
        self.log = log
        self.tally = Tally()
        self._unread = UnreadPrices(log)
        self.observing = observing
        self.lag_s = 0.0  # at worst, since somebody looked
        self._due_at = clock()
        self.date = b""
        self._own = OwnPaths(self)
        self._dialler = dialler
        self._ledger = ledger
        ledger.serve(self.outbox, self.active)
        self.admission = Admission(register or Register(), nanoseconds)
        self.balancing = Balancing(self.clock)
        self.budgets = RetryBudgets()
        self.signers = Signers()
        self.presenting = Presenting(self.clock, self.wall, self.admission.pools)
        self._hands = Hands(self.balancing, self.wall)
        self._identifiers = Identifiers()
        self._endpoints: dict[tuple[str, Origin], Endpoint] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self.swap(snapshot)
        self._tick()

    def swap(self, snapshot: Snapshot) -> None:
        """Serve new exchanges by another snapshot; those under way keep theirs."""
        self.snapshot = snapshot
        self._endpoints.clear()
        self._dialler.nat64 = snapshot.nat64
        self._ledger.follow(snapshot.audit)
        self.admission.follow(snapshot)
        self.balancing.follow(snapshot)
        self._hands.follow(snapshot.by_hand)

    def hear(self, word: Learnt) -> None:
        """Take what another worker has learnt of an upstream: its limits, or that an endpoint rests or is well.

        Of a pool, that is of each of its credentials; of callers' own, of each of these.
        """
        if self.admission.pools.hear(word):
            return
        if isinstance(word, Rest):
            if word.for_ns > 0:
                self.balancing.rest(word.endpoint, word.for_ns / 1e9, word.reason)
            elif not self._hands.holds(word.endpoint):
                self.balancing.recover(word.endpoint)
            return
        upstream = self.snapshot.upstreams.get(upstream_of(word.owner).encode())
        if upstream is not None:
            self.admission.hear(upstream, word)

    # Exchanges

    def exchange(self, head: RequestHead | None, caller: Caller) -> Exchange:
        """Begin an exchange: identifier, pinned snapshot, times."""
        exchange = Exchange(head, self.snapshot, caller)
        exchange.started = self.clock()
        exchange.began_at = now = self.wall()
        exchange.id = self._identifiers.next(now)
        return exchange

    def serve(self, exchange: Exchange, finished: Callable[[], None]) -> None:
        """Run an exchange through the pipeline, unless it is too much for this worker."""
        if self.observing is not None:
            self.observing.begin(exchange)
        overload = self.overload
        if overload.may_refuse and (refusal := overload.refuses(exchange, len(self.active))) is not None:
            self.refuse(exchange, refusal)
            finished()
            return
        self.active.add(exchange)
        exchange.drive = Drive(serve(exchange, self), finished)
        exchange.drive.run()

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        """Answer and record a request that has no head that could be served."""
        if self.observing is not None:
            self.observing.begin(exchange)
        fail(exchange, self.refusal(exchange, error), self.date)
        self.record(exchange)

    def refusal(self, exchange: Exchange, error: GatewayError) -> GatewayError:
        """What a failure is answered with: where no record of it can be kept, it is that."""
        has_record = exchange.intent is not None or not exchange.is_recorded
        if has_record or self.keeps_records or error.code == Code.CLIENT_CLOSED:
            return error
        return no_record(closes=error.closes)

    async def own(self, exchange: Exchange, path: bytes) -> None:
        """Answer a request for one of Exeat's own paths."""
        await self._own.serve(exchange, path)

    def intend(self, exchange: Exchange) -> None:
        """Put down that an exchange is about to be sent."""
        self._ledger.intend(exchange)

    @property
    def keeps_records(self) -> bool:
        """Whether a new exchange may begin, as far as its record is concerned."""
        return self._ledger.is_open or self.snapshot.audit.goes_on

    def record(self, exchange: Exchange) -> None:
        """Account for an exchange, once, at its end."""
        self.active.discard(exchange)
        if exchange.is_recorded:
            now = self.clock()
            self.tally.note(exchange, now)
            if exchange.bill is not None:
                self._unread.note(exchange, now)
            members = self._ledger.record(exchange, now)
            if self.observing is not None:
                self.observing.note(exchange, members, now)

    def report(self) -> dict[str, object]:
        """How much is under way here, how endpoints are, and why no records can be kept, if that is so."""
        return {
            "in_flight": len(self.active),
            "connections": len(self.connections),
            "upstream_connections": self.pool.size,
            "draining": self.draining,
            "ready": find_obstacle(self) is None,
            "records_fail": self._ledger.failure,
            "endpoints": notable(self.balancing.report(), self.wall()),
            "credentials": resting(self.admission.pools.report(), self.wall()),
        }

    def look_at_memory(self, used_bytes: int | None) -> None:
        """Note what the process takes; above the limit nothing new is begun, and what nobody needs is given up."""
        before, after = self.overload.is_short_of_memory, self.overload.note_memory(used_bytes)
        if after == before:
            return
        limit = self.limits.memory_bytes
        if after:
            self.pool.close_idle()
            gc.collect()
            self.log.warning("takes more memory than EXEAT_MAX_MEMORY", memory_bytes=used_bytes, limit_bytes=limit)
        else:
            self.log.info("takes less memory than EXEAT_MAX_MEMORY again", memory_bytes=used_bytes, limit_bytes=limit)

    def log_bug(self, exchange: Exchange, error: BaseException) -> None:
        """Log a fault of Exeat under the request's id."""
        self.log.bug(error, id=exchange.id)

    def marks(self, identifier: str, origin: bytes) -> bytes:
        """The lines that every answer carries."""
        return b"Exeat-Request-Id: %b\r\nExeat-Origin: %b\r\n" % (identifier.encode(), origin)

    def endpoint(self, destination: Destination, origin: Origin) -> Endpoint:
        """The one endpoint of a destination at an origin, remembered within a bound (wildcards have many)."""
        known = self._endpoints.get((destination.text, origin))
        if known is None:
            if len(self._endpoints) >= ENDPOINTS_LIMIT:
                self._endpoints.clear()
            route = Route(origin, TlsIdentity(), destination.reach, f"{origin} {destination.reach}")
            known = Endpoint(origin, b"", origin.authority.encode(), route)
            self._endpoints[destination.text, origin] = known
        return known

    def is_pool_full(self, exchange: Exchange) -> bool:
        """Whether the bound on connections is what an exchange waits for."""
        return exchange.route is not None and self.pool.is_full(exchange.route)

    # Callers behind a proxy

    def trusts(self, peer: str) -> bool:
        """Whether a peer is a proxy whose X-Forwarded-* fields are believed."""
        return bool(self.trusted) and bool(peer) and is_trusted(peer, self.trusted)

    def forwarded_for(self, head: RequestHead, peer: str) -> str:
        """The caller's address: the last one in X-Forwarded-For that isn't a trusted proxy's."""
        return find_caller(head.known.get(b"x-forwarded-for", b""), peer, self.trusted)

    # Time

    def _tick(self) -> None:
        """End what takes too long. One timer for everything: its step is the precision of all timeouts."""
        now = self.clock()
        self.lag_s = max(self.lag_s, now - self._due_at)
        self.date = formatdate(self.wall(), usegmt=True).encode()
        self.connections.sweep(now)
        if self.connections.is_worth_saying(now):
            self._say_crowded()
        for exchange in list(self.active):
            self._check(exchange, now)
        self.pool.sweep(now)
        self._ledger.tend()
        self.admission.tend()
        self.balancing.tend()
        self._due_at = self.clock() + SWEEP_S
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._tick)

    def _say_crowded(self) -> None:
        connections = self.connections
        self.log.warning(
            "as many callers' connections as EXEAT_MAX_CONNECTIONS allows",
            limit=self.limits.connections,
            closed_idle=connections.evicted,
            refused=connections.refused,
        )

    def _check(self, exchange: Exchange, now: float) -> None:
        error = self._overdue(exchange, now)
        if error is not None:
            exchange.drive.interrupt(error)
        elif (
            exchange.waits_to_continue
            and exchange.phase == "response"
            and now - exchange.phase_since > CONTINUE_AFTER_S
        ):
            exchange.caller.interim(100, b"Continue", [])  # the upstream says nothing: let the caller go on

    def _overdue(self, exchange: Exchange, now: float) -> GatewayError | None:
        left = exchange.left_at
        if left is not None and not exchange.caller.has_begun and now - left > HALF_CLOSED_S:
            return GatewayError(Code.CLIENT_CLOSED, "The caller closed the connection before its answer began.")
        if exchange.ends_at is not None and now > exchange.ends_at and not self._outlives_total(exchange):
            return GatewayError(Code.DEADLINE_EXCEEDED, "The time for the whole call has passed.")
        limit = exchange.phase_limit
        if limit is None:
            return None
        since = max(exchange.phase_since, exchange.moved_at)
        return overdue(exchange, self) if now - since > limit else None

    def _outlives_total(self, exchange: Exchange) -> bool:
        """Whether the default total doesn't end an exchange: streams last as long as someone listens."""
        if exchange.has_own_deadline:
            return False
        return _is_long(exchange)

    # Listening and ending

    def accept(self, tls: Callable[[], ssl.SSLContext] | None) -> asyncio.Protocol:
        """The protocol for a new connection; `tls` gives the context of the moment."""
        if tls is None:
            return Downstream(self, secure=False)  # type: ignore[return-value]  # see secure.Inner
        connections = self.connections

        def ended(_: Exception | None) -> None:
            connections.end_handshake(secure)

        secure = Secure(Downstream(self, secure=True), tls(), server_side=True, ended=ended)
        if not connections.begin_handshake(secure):
            return TurnedAway()  # type: ignore[return-value]
        return secure  # type: ignore[return-value]

    async def drain(self, limit_s: float, streams_s: float | None = None) -> None:
        """Finish what has begun: exchanges for at most `limit_s`, streams for `streams_s` (as long, without it).

        A connection goes after its next answer, or when it has been idle for a moment: a request that is on its way
        while it closes would fail.
        """
        self.leaving = self.draining = True
        began = self.clock()
        limits = [(limit_s, False), (limit_s if streams_s is None else streams_s, True)]
        for last_s, of_streams in sorted(limits):
            await self._until_closed(began + last_s)
            self._break_off(of_streams=of_streams)
        self._break_off()
        self.outbox.flush()
        self.pool.close()
        self._ledger.flush()
        if self.observing is not None:
            self.observing.flush()
        for connection in self.connections:
            connection.transport.close()
        await self._until_closed(self.clock() + LAST_WORDS_S)
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0)
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._ledger.close()

    def _break_off(self, *, of_streams: bool | None = None) -> None:
        """End what is under way: streams, what isn't one, or all."""
        for exchange in list(self.active):
            if of_streams is None or _is_long(exchange) == of_streams:
                exchange.drive.interrupt(GatewayError(Code.DRAINING, "This instance had to stop."))

    async def _until_closed(self, ends_at: float) -> None:
        """Wait until every caller's connection is closed, in the steps of the clock of all deadlines."""
        while self.connections and (now := self.clock()) < ends_at:
            for connection in self.connections:
                connection.drain(now)
            await asyncio.sleep(SWEEP_S / 2)


def _is_long(exchange: Exchange) -> bool:
    """Whether an exchange is a stream, or has moved so much that it may go on for long."""
    return exchange.is_stream or max(exchange.bytes_in, exchange.bytes_out) > STREAM_BYTES
