"""A worker of the gateway in this process, on a loopback port or in memory, and a caller that keeps what it answers."""

import asyncio
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from exeat.config.compile import load
from exeat.config.settings import read_settings
from exeat.model.limits import DEFAULT, Limits
from exeat.model.snapshot import Snapshot
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.ledger import Ledger
from exeat.proxy.names import AresLookup, Lookup, Names
from exeat.proxy.worker import Worker
from exeat.telemetry.access_log import render_json
from exeat.telemetry.lines import Lines
from exeat.telemetry.logs import Log
from tests.support.capture import Changes
from tests.support.markers import MARKERS, assert_no_leaks
from tests.support.messages import Fault, Message, Reader
from tests.support.transports import connect

LIMIT_S = 10.0
POLL_S = 0.001


def compile_document(document: Mapping[str, object], folder: Path) -> Snapshot:
    """The snapshot of a document; DocumentError lists what is wrong with it."""
    MARKERS.add_document(document, folder, {})
    (folder / "exeat.yaml").write_text(json.dumps(document), "utf-8")
    return load(read_settings({}, folder)).snapshot


async def until(holds: Callable[[], bool], what: str) -> None:
    """Look again and again until something holds; fail after ten seconds."""
    ends_at = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < ends_at, f"{what}: not within {LIMIT_S:g} s"
        await asyncio.sleep(POLL_S)


class LocalGateway:
    """A worker, from `async with` until its end, which asserts that nothing was left open, and no secret written.

    It listens on `port`, unless it is `in_memory`. `faults` are exceptions that nobody caught.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        lookup: Lookup | None = None,
        own: Iterable[tuple[str, int]] = (),
        pseudonym: bytes = b"",
        in_memory: bool = False,
        limits: Limits = DEFAULT,
    ) -> None:
        self._snapshot = snapshot
        self._lookup = lookup or AresLookup()
        self._own = tuple(own)
        self._pseudonym = pseudonym
        self._in_memory = in_memory
        self._limits = limits
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __aexit__
        self._log = io.StringIO()
        self._server: asyncio.Server | None = None
        self.worker: Worker
        self.port = 0
        self.faults: list[str] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.faults.append(repr(context)))
        dialler = Dialler(Names(self._lookup, loop.time), self._own, Trust(), self._limits)
        log = Log("test", level="debug", as_json=True, out=self._log)
        self.worker = Worker(
            self._snapshot,
            dialler,
            log=log,
            ledger=Ledger(Lines(self._lines.fileno()), render_json, log),
            pseudonym=self._pseudonym,
        )
        if not self._in_memory:
            self._server = await loop.create_server(lambda: self.worker.accept(None), "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def caller(self, methods: Iterable[bytes] = ()) -> "Caller":
        """A new connection to it; `methods` are those of the requests that will be sent."""
        caller = Caller(methods)
        if self._in_memory:
            connect(caller, self.worker.accept(None))
        else:
            await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", self.port)
        return caller

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        try:
            if kind is None:
                await self.settle()
        finally:
            await self.worker.drain(0.0)
        if self._server is not None:
            await self._server.wait_closed()
        MARKERS.add_snapshot(self.worker.snapshot)
        written = {"the access lines": self._written(), "the log": self.log.encode()}
        self._lines.close()
        if kind is None:
            assert_no_leaks([leak for where, data in written.items() for leak in MARKERS.leaks_in(data, where)])
            assert self.faults == []
            assert '"bug:' not in self.log

    async def settle(self) -> None:
        """Wait until nothing is under way; whatever is left after that is a leak."""
        worker = self.worker
        await until(lambda: not worker.connections and not worker.active, "no caller and no exchange is left")
        await until(lambda: self._busy() == 0, "no connection to an upstream is busy")
        assert [waiting for _, _, waiting in worker.pool.counts().values() if waiting] == []

    def _busy(self) -> int:
        return sum(total - idle for total, idle, _ in self.worker.pool.counts().values())

    @property
    def idle(self) -> int:
        """How many connections to upstreams wait for their next request."""
        return sum(idle for _, idle, _ in self.worker.pool.counts().values())

    @property
    def log(self) -> str:
        """What the worker has logged."""
        return self._log.getvalue()

    @property
    def lines(self) -> list[dict[str, object]]:
        """The access lines so far."""
        return [orjson.loads(line) for line in self._written().splitlines()]

    def _written(self) -> bytes:
        return os.pread(self._lines.fileno(), os.fstat(self._lines.fileno()).st_size, 0)


class Caller(asyncio.Protocol):
    """A caller's connection: it reads answers strictly, and knows who ended it.

    `methods` are those of the requests that it will send.
    """

    def __init__(self, methods: Iterable[bytes] = ()) -> None:
        self._reader = Reader("response", methods)
        self._has_ended = False
        self.transport: asyncio.Transport
        self.changes = Changes()
        self.fault: str | None = None
        self.received = bytearray()
        self.is_over = False
        self.was_closed_by_gateway = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        """Keep and read."""
        self.received += data
        try:
            self._reader.feed(data)
        except Fault as fault:
            self.fault = str(fault)
            self.transport.abort()
        self.changes.happened()

    def eof_received(self) -> bool:
        """The gateway sends nothing more."""
        self._over()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc
        self._over()

    def _over(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.was_closed_by_gateway = not self._has_ended
            self._reader.end()
        self.changes.happened()

    @property
    def messages(self) -> list[Message]:
        """The answers whose head has come, interim ones included."""
        return self._reader.messages

    @property
    def finals(self) -> list[Message]:
        """The final answers that came whole."""
        return [message for message in self._reader.whole if message.status >= 200]

    @property
    def partial(self) -> Message | None:
        """The answer whose body did not come whole."""
        return self._reader.partial

    @property
    def rest(self) -> bytes:
        """What came and is no whole head."""
        return self._reader.rest

    def end(self) -> None:
        """Send nothing more; the gateway may still answer."""
        self._has_ended = True
        if not self.transport.is_closing():
            self.transport.write_eof()

    def abort(self) -> None:
        """Drop the connection."""
        self.transport.abort()

    async def over(self) -> None:
        """Wait until the gateway has closed its side."""
        await self.changes.until(lambda: self.is_over)
        self.transport.close()


async def ask_at(port: int, request: bytes) -> Message:
    """The answer to one request, sent to a port of this machine over a connection of its own."""
    caller = Caller([request.partition(b" ")[0]])
    await asyncio.get_running_loop().create_connection(lambda: caller, "127.0.0.1", port)
    caller.transport.write(request)
    async with asyncio.timeout(LIMIT_S):
        await caller.changes.until(lambda: bool(caller.finals) or caller.is_over)
    caller.abort()
    assert caller.fault is None, caller.fault
    assert len(caller.finals) == 1, bytes(caller.received)
    return caller.finals[0]
