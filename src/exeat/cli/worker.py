"""The process of one worker: `python -m exeat.cli.worker DESCRIPTOR`, started by the supervisor and by nobody else."""

import asyncio
import contextlib
import faulthandler
import gc
import os
import pickle
import random
import signal
import socket
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from exeat.cli.channel import Identity, Kind, Messages, Start
from exeat.cli.circuits import Circuits
from exeat.cli.credential_rests import CredentialRests
from exeat.cli.measures import render_measures
from exeat.cli.memory import resident_bytes
from exeat.cli.pairs import LatePairs
from exeat.cli.saying import Saying
from exeat.cli.sealing import LateSealer
from exeat.cli.token_relay import render_want
from exeat.config.handover import loads, parse_changes, parse_tokens
from exeat.journal.writer import Journal
from exeat.model.key_changes import change_keys
from exeat.model.limit import Limit
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.proxy.dial import Dialler, Trust, load_identity
from exeat.proxy.gauges import gauges
from exeat.proxy.health import HealthChecks
from exeat.proxy.ledger import Ledger
from exeat.proxy.names import AresLookup, Names
from exeat.proxy.observing import Observing
from exeat.proxy.record import interrupted
from exeat.proxy.worker import Worker
from exeat.state.cells import Cell
from exeat.state.counters import Counters
from exeat.state.register import Register, make_local
from exeat.state.shared import is_shared, lease, needs_counters
from exeat.telemetry.access_log import render_console, render_json
from exeat.telemetry.lines import Lines
from exeat.telemetry.logs import Log
from exeat.telemetry.metrics import DNS, LEDGER_UP, Sample, Totals

BACKLOG = 2048
# The file of a Unix socket is everybody's who listens there: since Python 3.13, whoever ends first would remove it.
FILE_STAYS: Final[dict[str, Any]] = {"cleanup_socket": False}
LOCK_S = 5.0
REPORT_S = 1.0
ACCEPT_S = 0.01  # who has connected before the end is served
CHECKER = 1  # the number of the worker that checks endpoints for all
ACCESS_LEVELS = frozenset({"debug", "info"})  # at which access lines are written
COUNTERS_S = 2.0  # to wait for the counters at the start; without them, their limits are unknown


class Process:
    """One worker and its line to the supervisor."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._saying = Saying(channel)
        self._measured = Totals()
        self._messages = Messages()
        self._started = asyncio.Event()
        self._ended = asyncio.Event()
        self._start: Start
        self._worker: Worker
        self._counters: Counters
        self._names: Names
        self._needs_counters = False
        self._log = Log("worker")
        self._context: ssl.SSLContext | None = None
        self._servers: list[asyncio.Server] = []
        self._checks: HealthChecks | None = None

    async def run(self) -> int:
        """Serve until the supervisor says DRAIN, or is gone; the exit code of the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
            loop.add_signal_handler(number, lambda: None)  # the supervisor decides, not the shell
        reading = loop.create_task(self._read())
        reading.add_done_callback(lambda _: self._ended.set())
        await self._ended.wait()
        if reading.done() and (error := reading.exception()) is not None:
            self._log.bug(error)
            self._saying.say(Kind.FAILED, type(error).__name__.encode())
            return 1
        reading.cancel()
        if self._started.is_set():
            await asyncio.sleep(ACCEPT_S)
            for server in self._servers:
                server.close()
            if self._checks is not None:
                self._checks.close()
            await self._worker.drain(self._start.drain_s, self._start.streams_s)
            self._report_measures(None)
            await self._counters.close()
            self._saying.finish()
        return 0

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):  # the supervisor was killed: as if it had closed the channel
            while data := await loop.sock_recv(self._channel, 65536):
                for kind, payload in self._messages.feed(data):
                    await self._receive(kind, payload)

    async def _receive(self, kind: Kind, payload: bytes) -> None:
        match kind:
            case Kind.START:
                await self._begin(pickle.loads(payload))  # noqa: S301 - from our own parent, over a private socket
            case Kind.SNAPSHOT:
                self._swap(loads(payload))
            case Kind.KEYS:
                self._swap(change_keys(self._worker.snapshot, parse_changes(payload)))
            case Kind.TOKENS:
                for news in parse_tokens(payload, self._worker.clock()):
                    self._worker.presenting.tokens.take(news)
            case Kind.CERTIFICATE:
                self._show(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.LEAVE:
                self._worker.leaving = True
            case Kind.DRAIN:
                self._ended.set()
            case _:
                self._log.error("unexpected message", kind=kind)

    async def _begin(self, start: Start) -> None:
        loop = asyncio.get_running_loop()
        self._start = start
        self._log = Log(f"worker {start.number}", level=start.log_level, as_json=start.log_json)
        loop.set_exception_handler(self._report)
        faulthandler.enable(start.trace)
        faulthandler.register(signal.SIGUSR1, start.trace)  # the supervisor's question, where this loop is stuck
        self._names = Names(AresLookup(), loop.time)
        dialler = Dialler(self._names, start.own, Trust(start.ca_file, start.ca_folder), start.limits)
        self._counters = Counters(Path(start.counters), start.workers, self._log)
        observing = self._look_into(start)
        self._worker = Worker(
            loads(start.snapshot),
            dialler,
            log=self._log,
            ledger=self._open_ledger(start),
            register=Register(self._make_cell),
            trusted=start.trusted,
            pseudonym=start.pseudonym,
            observing=observing,
        )
        self._worker.admission.share = self._counters.say
        pairs = LatePairs(start.keyring, Path(start.data_dir), self._log)
        signers = self._worker.signers
        signers.secrets_of, signers.link_secrets = pairs.secrets_of, pairs.link_secrets
        signers.fresh_link_secrets = pairs.fresh_link_secrets
        Circuits(self._worker, self._counters, self._tell)
        CredentialRests(self._worker, self._counters, self._log)
        self._worker.presenting.tokens.ask = self._want
        if start.number == CHECKER:
            self._checks = HealthChecks(dialler, self._worker.balancing, self._log, random.random)
            self._checks.follow(self._worker.snapshot)
        if start.identity is not None:
            self._show(start.identity)
        if self._follow_limits():
            await self._counters.connected(COUNTERS_S)
        for descriptor in start.listeners:
            await self._listen(socket.socket(fileno=descriptor))
        gc.freeze()  # what lives as long as the process needn't be looked at again
        gc.set_threshold(50_000, 20, 20)  # exchanges leave no cycles; the default looks for them every 20 requests
        self._started.set()
        self._saying.say(Kind.READY)
        self._report_counts()

    def _report_counts(self) -> None:
        """Say how much is under way, every second: silence means that this loop is stuck."""
        memory = resident_bytes()
        self._worker.look_at_memory(memory)
        self._saying.say(Kind.REPORT, orjson.dumps({**self._worker.report(), "memory_bytes": memory}))
        self._report_measures(memory)
        if self._worker.observing is not None:
            self._worker.observing.flush()
        asyncio.get_running_loop().call_later(REPORT_S, self._report_counts)

    def _report_measures(self, memory: int | None) -> None:
        """Say what was counted since the last time; where that can't be said now, it is said with the next."""
        worker, totals = self._worker, self._measured
        totals.add(worker.tally.take())
        for result, count in self._names.take_counts().items():
            if count:
                totals.count(DNS, result, by=count)
        now = gauges(worker, self._start.number, memory)
        if self._needs_counters:
            now.append(Sample(LEDGER_UP.name, (), 0 if self._counters.is_away else 1))
        if self._saying.say(Kind.METRICS, render_measures(os.getpid(), totals.samples(), now)):
            self._measured = Totals()

    def _tell(self, event: bytes) -> None:
        """Have the supervisor know of an endpoint that rests, or is well again."""
        self._saying.say(Kind.EVENT, event)

    def _want(self, source: str, refused: str | None) -> None:
        """Have a token of a source be fetched, which isn't the one that was refused."""
        self._saying.say(Kind.TOKEN_WANTED, render_want(source, refused))

    def _look_into(self, start: Start) -> Observing | None:
        """What is noted for traces, and for who asks with Exeat-Debug; None where nobody wants either."""
        token = None if start.debug_token is None else Secret(start.debug_token)
        if token is None and start.trace_sample is None:
            return None
        return Observing(start.trace_sample, token, lambda spans: self._saying.say(Kind.SPANS, spans))

    def _open_ledger(self, start: Start) -> Ledger:
        """The worker's access lines and journal; what the life before it left open is recorded as interrupted."""
        journal = Journal(
            Path(start.journal),
            start.chain,
            self._open_intents,
            interrupted=interrupted,
            # A worker of a supervisor that was killed may still drain.
            wait_s=max(start.drain_s, start.streams_s) + LOCK_S,
        )
        if journal.recovered:
            self._log.warning("exchanges were interrupted by the end of the process", exchanges=journal.recovered)
        render = render_json if start.log_json else render_console
        says = start.log_level in ACCESS_LEVELS
        sealer = LateSealer(start.keyring, Path(start.data_dir), self._log)
        return Ledger(Lines(sys.stdout.fileno()), render if says else None, self._log, journal, sealer.seal)

    def _open_intents(self) -> list[bytes]:
        """The intents of the exchanges under way."""
        if not self._started.is_set():
            return []
        return [exchange.intent for exchange in self._worker.active if exchange.intent is not None]

    def _report(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Log what the event loop caught, without the values in it: they could hold secrets."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self._log.bug(error, event=context.get("message"))
        else:
            self._log.warning("event loop", event=context.get("message"))

    async def _listen(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        secure = self._start.identity is not None and sock.family != socket.AF_UNIX
        tls = self._tls if secure else None
        accept = partial(self._worker.accept, tls)
        if sock.family == socket.AF_UNIX:
            server = await loop.create_unix_server(accept, sock=sock, backlog=BACKLOG, **FILE_STAYS)
        else:
            server = await loop.create_server(accept, sock=sock, backlog=BACKLOG)
        self._servers.append(server)

    def _tls(self) -> ssl.SSLContext:
        assert self._context is not None  # noqa: S101 - only secure listeners ask
        return self._context

    def _show(self, identity: Identity) -> None:
        """Show another certificate to new connections; those under way keep theirs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        load_identity(context, identity.certificate, identity.key)
        self._context = context

    def _make_cell(self, limit: Limit, value: str) -> Cell:
        """A cell that all workers share, or this one's own."""
        shared = is_shared(limit, self._start.workers, has_redis=self._start.has_redis)
        return lease(limit, value, self._counters) if shared else make_local(limit, value)

    def _follow_limits(self) -> bool:
        """Be in touch with the process that counts for all workers, if it is needed; whether it is."""
        needed = needs_counters(self._worker.snapshot, self._start.workers, has_redis=self._start.has_redis)
        self._counters.follow(needed=needed)
        self._needs_counters = needed
        return needed

    def _swap(self, snapshot: Snapshot) -> None:
        self._worker.swap(snapshot)
        if self._checks is not None:
            self._checks.follow(snapshot)
        self._follow_limits()
        self._saying.say(Kind.APPLIED, snapshot.revision.encode())


def main() -> None:
    """Run the worker on the descriptor given by the supervisor."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)  # noqa: FBT003 - the standard library's signature
    sys.exit(uvloop.run(Process(channel).run()))


if __name__ == "__main__":
    main()
