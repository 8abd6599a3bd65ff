"""A network in memory, and a loop whose clock moves only when nothing else can happen: no sockets, no waiting."""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, Protocol, TypeVar

Value = TypeVar("Value")
End = Literal["", "eof", "closed", "aborted"]
TURN_S = 1e-6  # of the loop's clock: it passes as soon as everything that was due is done


class Receiver(Protocol):
    """What a transport calls: asyncio's protocols, and classes that have the methods without the base class."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""

    def eof_received(self) -> bool | None:
        """The peer sends nothing more."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""

    def pause_writing(self) -> None:
        """Too much waits to be sent."""

    def resume_writing(self) -> None:
        """Most of it is sent."""


class _Turns(selectors.SelectSelector):
    """Where a loop would sleep, the clock moves on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; if nothing is, it becomes the time of the next timer."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is scheduled: this would wait for ever"
            self.now += max(timeout, 0.0)
        return ready


class MemoryTransport(asyncio.Transport):
    """One end of a connection whose other end is a test: `sent` is what arrived there, `end` how it ended.

    While `stalled`, the other end reads nothing: what is written waits, and the protocol is told when it is too much.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Receiver, peer: object) -> None:
        super().__init__({"peername": peer})
        self._loop = loop
        self._protocol = protocol
        self._incoming: deque[bytes | None] = deque()
        self._waiting = b""
        self._high = 64 * 1024
        self._full = False
        self._lost = False
        self.sent = b""
        self.end: End = ""
        self.stalled = False
        self.is_paused = False
        self.arrived: Callable[[], None] = lambda: None

    # The other end

    def deliver(self, data: bytes | None) -> None:
        """Bytes from the other end, or None: it sends nothing more."""
        self._incoming.append(data)
        self._receive()

    def lose(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._disconnect(error)

    def read_on(self) -> None:
        """The other end reads what waits, and goes on reading."""
        self.stalled = False
        self._send(b"")

    def _receive(self) -> None:
        while self._incoming and not self.is_paused and not self.is_closing():
            data = self._incoming.popleft()
            if data is not None:
                self._protocol.data_received(data)
            elif not self._protocol.eof_received():
                self.close()

    def _send(self, data: bytes) -> None:
        self._waiting += data
        if not self.stalled:
            self.sent += self._waiting
            self._waiting = b""
            if self.is_closing():
                self._loop.call_soon(self._disconnect, None)
        if not self._full and len(self._waiting) > self._high:
            self._full = True
            self._protocol.pause_writing()
        elif self._full and len(self._waiting) <= self._high // 4:
            self._full = False
            self._protocol.resume_writing()
        self.arrived()

    def _disconnect(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)

    # What a protocol calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        assert isinstance(data, bytes | bytearray | memoryview)
        assert self.end != "eof", "written after write_eof"
        if not self.is_closing():
            self._send(bytes(data))

    def get_write_buffer_size(self) -> int:
        """How many bytes the other end hasn't read."""
        return len(self._waiting)

    def write_eof(self) -> None:
        """Send nothing more."""
        self.end = "eof"
        self.arrived()

    def can_write_eof(self) -> bool:
        """TCP can."""
        return True

    def close(self) -> None:
        """Close once everything is sent."""
        if not self.is_closing():
            self.end = "closed"
            self._send(b"")

    def abort(self) -> None:
        """Drop the connection."""
        if not self._lost:
            self.end = "aborted"
            self._waiting = b""
            self._loop.call_soon(self._disconnect, None)
            self.arrived()

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""
        return self._lost or self.end in {"closed", "aborted"}

    def pause_reading(self) -> None:
        """Deliver nothing for now."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Deliver again, from the next turn of the loop."""
        self.is_paused = False
        self._loop.call_soon(self._receive)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        """How much may wait before the protocol is told."""
        self._high = self._high if high is None else high

    @property
    def protocol(self) -> Receiver:
        """What it delivers to."""
        return self._protocol


class Network:
    """What can be reached: every address answers, unless it is in `refused` or `silent`.

    `dialled` are all tries, `connections` the ones that led somewhere. `misled` gives the peer that a connection to
    an address has instead, as if the operating system had dialled elsewhere; `failing` is what else can go wrong.
    """

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.silent: set[str] = set()
        self.misled: Mapping[str, str] = {}
        self.failing: Mapping[str, OSError] = {}
        self.dialled: list[tuple[str, int]] = []
        self.connections: list[MemoryTransport] = []

    async def connect(
        self, loop: asyncio.AbstractEventLoop, protocol: Receiver, host: str, port: int
    ) -> MemoryTransport:
        """Connect a protocol to an address."""
        self.dialled.append((host, port))
        if host in self.silent:
            await loop.create_future()
        if host in self.failing:
            raise self.failing[host]
        if host in self.refused:
            raise ConnectionRefusedError(111, "Connection refused")
        transport = MemoryTransport(loop, protocol, (self.misled.get(host, host), port))
        self.connections.append(transport)
        protocol.connection_made(transport)
        return transport


class MemoryLoop(asyncio.SelectorEventLoop):
    """An event loop of its own time, whose connections lead into `network`."""

    def __init__(self) -> None:
        self._turns = _Turns()
        self._faults: list[BaseException] = []
        self.network = Network()
        super().__init__(self._turns)
        self.set_exception_handler(self._keep_fault)

    def time(self) -> float:
        """Seconds of this loop's clock."""
        return self._turns.now

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        """Dial: only an address and a port, never a name."""
        assert not options, f"dialled with options: {options}"
        factory, host, port = arguments
        protocol = factory()
        return await self.network.connect(self, protocol, host, port), protocol

    def settle(self, seconds: float = TURN_S) -> None:
        """Run until nothing is left that is due now, or falls due within so many seconds; raise what nobody caught."""
        self.run_until_complete(asyncio.sleep(seconds))
        if self._faults:
            raise self._faults.pop()

    def do(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call something in a turn of the loop, and settle."""
        self.call_soon(callback, *arguments)
        self.settle()

    def _keep_fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._faults.append(context.get("exception") or AssertionError(context["message"]))


class RecordingLoop(asyncio.SelectorEventLoop):
    """An event loop in real time whose connections lead into `network`; datagrams and listeners are real.

    `advance` moves its clock on, as if nothing had happened for so long.
    """

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self.network = Network()
        super().__init__()

    def time(self) -> float:
        """Seconds of this loop's clock."""
        return super().time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let so much time be over."""
        self._ahead_s += seconds

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        """Dial: only an address and a port, never a name."""
        return await MemoryLoop.create_connection(self, *arguments, **options)  # type: ignore[arg-type]  # has a network


def run(coroutine: Coroutine[Any, Any, Value], loop: Callable[[], asyncio.AbstractEventLoop] = MemoryLoop) -> Value:
    """Run a coroutine on a loop of its own: one of its own time, unless the test says otherwise."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(coroutine)


def connect(left: Receiver, right: Receiver) -> tuple[MemoryTransport, MemoryTransport]:
    """Connect two protocols to each other: what one writes, the other receives in a later turn of the loop."""
    loop = asyncio.get_running_loop()
    one = MemoryTransport(loop, left, ("192.0.2.1", 1))
    other = MemoryTransport(loop, right, ("192.0.2.2", 2))
    for near, far in ((one, other), (other, one)):
        near.arrived = _carrier(loop, near, far)
    left.connection_made(one)
    right.connection_made(other)
    return one, other


def _carrier(loop: asyncio.AbstractEventLoop, near: MemoryTransport, far: MemoryTransport) -> Callable[[], None]:
    carried: End = ""

    def carry() -> None:
        nonlocal carried
        if near.sent:
            data, near.sent = near.sent, b""
            loop.call_soon(far.deliver, data)
        if near.end != carried:
            carried = near.end
            if carried == "aborted":
                loop.call_soon(far.lose, ConnectionResetError("reset"))
            else:
                loop.call_soon(far.deliver, None)

    return carry
