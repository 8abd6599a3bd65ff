"""One child process as the supervisor sees it: started, spoken to, and known to be dead when its channel closes."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Self

from exeat.cli.channel import Kind, Messages, render

READ_BYTES = 65536
EXIT_S = 5.0
SHORT_LIFE_S = 5.0
PAUSE_FIRST_S = 0.1
PAUSE_LAST_S = 5.0
# What an interpreter and its libraries look up. Any other variable may be a secret of the document, and anybody who
# may read a worker's /proc entry would find it there.
KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "RES_OPTIONS", "LOCALDOMAIN", "GLIBC_TUNABLES"})
KEPT_BEGINNINGS = ("LC_", "PYTHON", "LD_", "DYLD_", "OPENSSL_", "MALLOC_", "UV_")


def environment_of_worker(process: Mapping[str, str]) -> dict[str, str]:
    """The variables of a worker, which is told everything else by its supervisor."""
    return {name: value for name, value in process.items() if name in KEPT or name.startswith(KEPT_BEGINNINGS)}


def pause_before_restart(quick_deaths: int) -> float:
    """Seconds to wait after a death: none at first, then twice as many for each short life before it."""
    doublings = min(quick_deaths - 1, 10)
    return min(PAUSE_FIRST_S * 2.0**doublings, PAUSE_LAST_S) if quick_deaths else 0.0


async def keep_running(
    live: Callable[[], Awaitable[str]], ending: asyncio.Event, died: Callable[[str, float], None]
) -> None:
    """Run a process, and start it again whenever it ends, until `ending`.

    `live` is one life, which gives the reason of its end; `died` is told it, and after how many seconds the next one
    begins.
    """
    loop = asyncio.get_running_loop()
    quick_deaths = 0
    while not ending.is_set():
        began = loop.time()
        reason = await live()
        if ending.is_set():
            return
        pause_s = pause_before_restart(quick_deaths)
        quick_deaths = quick_deaths + 1 if loop.time() - began < SHORT_LIFE_S else 0
        died(reason, pause_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await ending.wait()


class Child:
    """A running process of the gateway."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, module: str, descriptors: tuple[int, ...], process: Mapping[str, str]) -> Self:
        """Start a module of this program as a process that inherits these descriptors and one end of a new channel.

        `process` are the variables of the supervisor, of which it gets those that have a meaning for a worker.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            try:
                started = subprocess.Popen(  # noqa: S603, ASYNC220 - this program itself; its start takes a millisecond
                    # -P: no file of the working directory is ever imported.
                    [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                    pass_fds=(*descriptors, theirs.fileno()),
                    env=environment_of_worker(process),
                    stdin=subprocess.DEVNULL,
                    process_group=0,  # Ctrl-C reaches the supervisor alone
                )
            except BaseException:
                writer.close()
                raise
        return cls(started, reader, writer)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a message; one to a process that is gone is lost, as it should be."""
        if not self._writer.is_closing():
            self._writer.write(render(kind, payload))

    @property
    def waiting_bytes(self) -> int:
        """How much was sent that it hasn't taken yet."""
        return self._writer.transport.get_write_buffer_size()

    async def messages(self) -> AsyncIterator[tuple[Kind, bytes]]:
        """What the process says, until it ends."""
        messages = Messages()
        try:
            while data := await self._reader.read(READ_BYTES):
                for message in messages.feed(data):
                    yield message
        except ConnectionError:
            return

    async def exit_reason(self) -> str:
        """Wait for the process to be gone, and say how it ended."""
        self._writer.close()
        try:
            code = await asyncio.to_thread(self._process.wait, EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal; one that is gone gets none."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the process at once."""
        if self._process.poll() is None:
            self._process.kill()
