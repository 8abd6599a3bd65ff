"""One worker process as those see it that keep it running: how far it is, and when it said something last."""

import asyncio
import os
import pickle
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Self

from exeat.cli.channel import Kind, Start
from exeat.cli.child import Child

TRACE_BYTES = 64 * 1024


class WorkerProcess:
    """A process in the place of worker `number` (from 1), whose journal is called `writer`.

    `settled` is set once it serves or has failed to, `released` once it is gone or another one has taken its place,
    `gone` at its end; `reason` then says how it ended, `failure` what it said of that itself.
    `silent_s` is for how long it hasn't said a word.
    """

    def __init__(self, child: Child, number: int, writer: str, trace: int) -> None:
        self.number = number
        self.writer = writer
        self.is_ready = False
        self.reason = ""
        self.failure = ""
        self.silent_s = 0.0
        self.report: dict[str, object] = {}
        self.settled = asyncio.Event()
        self.released = asyncio.Event()
        self.gone = asyncio.Event()
        self._child = child
        self._trace = trace

    @classmethod
    async def start(cls, start: Callable[[int], Start], listeners: tuple[int, ...], process: Mapping[str, str]) -> Self:
        """Start one; `start` gives what it is told, for the descriptor that it writes its last words into."""
        trace = _nameless_file()
        try:
            told = start(trace)
            child = await Child.start("exeat.cli.worker", (*listeners, trace), process)
        except BaseException:
            os.close(trace)
            raise
        child.send(Kind.START, pickle.dumps(told))
        return cls(child, told.number, told.chain.rpartition("/")[2], trace)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self.gone.is_set()

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Tell it something."""
        self._child.send(kind, payload)

    async def messages(self) -> AsyncIterator[tuple[Kind, bytes]]:
        """What it says, until its end."""
        async for message in self._child.messages():
            self.silent_s = 0.0
            yield message

    async def ended(self) -> None:
        """Wait until the process is gone, and note why."""
        self.reason = await self._child.exit_reason()

    def ready(self) -> None:
        """It serves."""
        self.is_ready = True
        self.settled.set()

    def close(self) -> None:
        """Nothing more comes of it."""
        for event in (self.settled, self.released, self.gone):
            event.set()
        os.close(self._trace)

    def ask_for_trace(self) -> None:
        """Have it write down where it is, even if its loop is stuck."""
        self._child.signal(signal.SIGUSR1)

    def trace(self) -> list[str]:
        """Where it was when it was asked, or when it crashed: files, lines and names of functions, never a value."""
        lines = os.pread(self._trace, TRACE_BYTES, 0).decode("utf-8", "replace").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()


def _nameless_file() -> int:
    """A file that goes with its last descriptor, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("trace", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
