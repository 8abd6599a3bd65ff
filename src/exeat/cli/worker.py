"""The process of one worker: `python -m exeat.cli.worker DESCRIPTOR`, started by the supervisor and by nobody else."""

import asyncio
import contextlib
import gc
import pickle
import signal
import socket
import ssl
import sys
from pathlib import Path

import uvloop

from exeat.cli.channel import Identity, Kind, Messages, Start, render
from exeat.cli.sealing import LateSealer
from exeat.config.handover import loads
from exeat.journal.writer import Journal
from exeat.proxy.dial import Dialler, Trust, load_identity
from exeat.proxy.ledger import Ledger
from exeat.proxy.names import AresLookup, Names
from exeat.proxy.record import interrupted
from exeat.proxy.worker import Worker
from exeat.telemetry.access_log import render_console, render_json
from exeat.telemetry.lines import Lines
from exeat.telemetry.logs import Log

BACKLOG = 2048
LOCK_S = 5.0


class Process:
    """One worker and its line to the supervisor."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._messages = Messages()
        self._started = asyncio.Event()
        self._ended = asyncio.Event()
        self._start: Start
        self._worker: Worker
        self._log = Log("worker")
        self._context: ssl.SSLContext | None = None
        self._servers: list[asyncio.Server] = []

    async def run(self) -> int:
        """Serve until the supervisor says DRAIN, or is gone; the exit code of the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)  # the supervisor decides, not the shell
        reading = loop.create_task(self._read())
        reading.add_done_callback(lambda _: self._ended.set())
        await self._ended.wait()
        if reading.done() and (error := reading.exception()) is not None:
            self._log.bug(error)
            with contextlib.suppress(OSError):
                self._channel.send(render(Kind.FAILED, type(error).__name__.encode()))
            return 1
        reading.cancel()
        if self._started.is_set():
            for server in self._servers:
                server.close()
            await self._worker.drain(self._start.drain_s)
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
                self._swap(payload)
            case Kind.CERTIFICATE:
                self._show(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.DRAIN:
                self._ended.set()
            case _:
                self._log.error("unexpected message", kind=kind)

    async def _begin(self, start: Start) -> None:
        loop = asyncio.get_running_loop()
        self._start = start
        self._log = Log(f"worker {start.number}", level=start.log_level, as_json=start.log_json)
        loop.set_exception_handler(self._report)
        dialler = Dialler(
            Names(AresLookup(), loop.time), start.own, Trust(start.ca_file, start.ca_folder), start.limits
        )
        self._worker = Worker(
            loads(start.snapshot),
            dialler,
            log=self._log,
            ledger=self._open_ledger(start),
            trusted=start.trusted,
            pseudonym=start.pseudonym,
        )
        if start.identity is not None:
            self._show(start.identity)
        for descriptor in start.listeners:
            await self._listen(socket.socket(fileno=descriptor))
        gc.freeze()  # what lives as long as the process needn't be looked at again
        gc.set_threshold(50_000, 20, 20)  # exchanges leave no cycles; the default looks for them every 20 requests
        self._started.set()
        self._channel.send(render(Kind.READY))

    def _open_ledger(self, start: Start) -> Ledger:
        """The worker's access lines and journal; what the life before it left open is recorded as interrupted."""
        journal = Journal(
            Path(start.journal),
            start.chain,
            self._open_intents,
            interrupted=interrupted,
            wait_s=start.drain_s + LOCK_S,  # a worker of a supervisor that was killed may still drain
        )
        if journal.recovered:
            self._log.warning("exchanges were interrupted by the end of the process", exchanges=journal.recovered)
        render = render_json if start.log_json else render_console
        sealer = LateSealer(start.keyring, Path(start.data_dir), self._log)
        return Ledger(Lines(sys.stdout.fileno()), render, self._log, journal, sealer.seal)

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
        if sock.family == socket.AF_UNIX:
            server = await loop.create_unix_server(lambda: self._worker.accept(tls), sock=sock, backlog=BACKLOG)
        else:
            server = await loop.create_server(lambda: self._worker.accept(tls), sock=sock, backlog=BACKLOG)
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

    def _swap(self, payload: bytes) -> None:
        snapshot = loads(payload)
        self._worker.swap(snapshot)
        self._channel.send(render(Kind.APPLIED, snapshot.revision.encode()))


def main() -> None:
    """Run the worker on the descriptor given by the supervisor."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)  # noqa: FBT003 - the standard library's signature
    sys.exit(uvloop.run(Process(channel).run()))


if __name__ == "__main__":
    main()
