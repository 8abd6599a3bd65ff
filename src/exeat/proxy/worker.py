"""One worker of the data plane: what the phases need of the process, and the clock that ends what takes too long."""

import asyncio
import secrets
import ssl
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import final

from exeat.errors import Code, GatewayError
from exeat.model.origin import Origin
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination, Endpoint, Network, Route, TlsIdentity
from exeat.policy.forwarded import find_caller, is_trusted
from exeat.proxy.admission import Admission
from exeat.proxy.answers import fail
from exeat.proxy.attempt import overdue
from exeat.proxy.connections import Connections, TurnedAway
from exeat.proxy.dial import Dialler
from exeat.proxy.downstream import HALF_CLOSED_S, Downstream
from exeat.proxy.drive import Drive
from exeat.proxy.exchange import Caller, Exchange, Identifiers
from exeat.proxy.ledger import Ledger, no_record
from exeat.proxy.own import OwnPaths
from exeat.proxy.pipeline import serve
from exeat.proxy.pool import Pool
from exeat.proxy.runtime import Runtime
from exeat.proxy.secure import Secure
from exeat.state.ledger import Pause
from exeat.state.register import Register
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
        clock: Callable[[], float] = time.monotonic,
        nanoseconds: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - given to the phases as an argument from here
    ) -> None:
        self.clock = clock
        self.wall = wall
        self.pool = Pool(dialler, self.clock)
        self.outbox = dialler.outbox
        self.limits = dialler.limits
        self.connections = Connections(self.limits.connections, self.clock)
        self.active: set[Exchange] = set()
        self.draining = False
        self.trusted = tuple(trusted)
        self.pseudonym = pseudonym or b"exeat-" + secrets.token_hex(6).encode()
        self.log = log
        self.date = b""
        self._own = OwnPaths(self)
        self._dialler = dialler
        self._ledger = ledger
        ledger.serve(self.outbox, self.active)
        self.admission = Admission(register or Register(), nanoseconds)
        self._identifiers = Identifiers()
        self._turns: dict[str, int] = {}
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

    def hear(self, pause: Pause) -> None:
        """Take what an upstream said of its own limits to another worker."""
        upstream = self.snapshot.upstreams.get(pause.owner.encode())
        if upstream is not None:
            self.admission.hear(upstream, pause)

    # Exchanges

    def exchange(self, head: RequestHead | None, caller: Caller) -> Exchange:
        """Begin an exchange: identifier, pinned snapshot, times."""
        exchange = Exchange(head, self.snapshot, caller)
        exchange.started = self.clock()
        exchange.began_at = now = self.wall()
        exchange.id = self._identifiers.next(now)
        return exchange

    def serve(self, exchange: Exchange, finished: Callable[[], None]) -> None:
        """Run an exchange through the pipeline."""
        self.active.add(exchange)
        exchange.drive = Drive(serve(exchange, self), finished)
        exchange.drive.run()

    def refuse(self, exchange: Exchange, error: GatewayError) -> None:
        """Answer and record a request that has no head that could be served."""
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
            self._ledger.record(exchange, self.clock())

    def report(self) -> dict[str, int | str | None]:
        """How much is under way here, and why no records can be kept, if that is so."""
        return {
            "in_flight": len(self.active),
            "connections": len(self.connections),
            "upstream_connections": self.pool.size,
            "records_fail": self._ledger.failure,
        }

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

    def turn(self, name: str, count: int) -> int:
        """Whose turn it is among the `count` endpoints of an upstream."""
        self._turns[name] = turn = (self._turns.get(name, -1) + 1) % count
        return turn

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
        self.date = formatdate(self.wall(), usegmt=True).encode()
        self.connections.sweep(now)
        if self.connections.is_worth_saying(now):
            self._say_crowded()
        for exchange in list(self.active):
            self._check(exchange, now)
        self.pool.sweep(now)
        self._ledger.tend()
        self.admission.tend()
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
        return exchange.is_stream or max(exchange.bytes_in, exchange.bytes_out) > STREAM_BYTES

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

    async def drain(self, limit_s: float) -> None:
        """Finish what has begun: idle connections close at once, the rest after their answer, all after `limit_s`."""
        self.draining = True
        ends_at = self.clock() + limit_s
        for connection in self.connections:
            connection.drain()
        await self._until_closed(ends_at)
        for exchange in list(self.active):
            exchange.drive.interrupt(GatewayError(Code.DRAINING, "This instance had to stop."))
        self.outbox.flush()
        self.pool.close()
        self._ledger.flush()
        for connection in self.connections:
            connection.transport.close()
        await self._until_closed(self.clock() + LAST_WORDS_S)
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0)
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._ledger.close()

    async def _until_closed(self, ends_at: float) -> None:
        """Wait until every caller's connection is closed, in the steps of the clock of all deadlines."""
        while self.connections and self.clock() < ends_at:  # noqa: ASYNC110 - nothing tells when the last one goes
            await asyncio.sleep(SWEEP_S / 2)
