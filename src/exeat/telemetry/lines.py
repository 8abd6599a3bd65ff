"""Lines for standard output: gathered during one turn of the event loop and written with one system call.

A reader that doesn't read must not stop traffic: where writing would block, lines wait in memory up to a bound, and
what is beyond it is dropped and counted.
"""

import os
import select
import stat

WAITING_LIMIT_BYTES = 1024 * 1024
PIPE_BYTES = 4096  # what POLLOUT promises on a pipe: PIPE_BUF (pipe(7))


class Lines:
    """A descriptor that lines are written to."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        mode = os.fstat(descriptor).st_mode
        self._may_block = not stat.S_ISREG(mode)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._waiting = b""
        self._is_torn = False  # what waits begins in the middle of a line
        self.dropped = 0

    def write(self, lines: list[bytes]) -> None:
        """Write lines, each with its line feed."""
        data = self._waiting + b"".join(lines)
        self._waiting = b""
        try:
            rest = self._write_ready(data) if self._may_block else self._write_all(data)
        except OSError:
            self.dropped += data.count(b"\n")  # nobody reads any more, or the disk is full: traffic goes on
            return
        written = len(data) - len(rest)
        if written:
            self._is_torn = data[written - 1 : written] != b"\n"
        self._waiting = rest if len(rest) <= WAITING_LIMIT_BYTES else self._without_oldest(rest)

    def _without_oldest(self, waiting: bytes) -> bytes:
        """What waits without its oldest lines; the rest of a line that has begun to go out stays."""
        begun = waiting.find(b"\n") + 1 if self._is_torn else 0
        cut = max(begun, waiting.find(b"\n", len(waiting) - WAITING_LIMIT_BYTES) + 1)
        self.dropped += waiting.count(b"\n", begun, cut)
        return waiting[:begun] + waiting[cut:]

    def _write_all(self, data: bytes) -> bytes:
        while data:
            data = data[os.write(self._descriptor, data) :]
        return b""

    def _write_ready(self, data: bytes) -> bytes:
        """Write as much as the descriptor takes at once; what is left."""
        view = memoryview(data)
        while view and self._poll.poll(0):
            view = view[os.write(self._descriptor, view[:PIPE_BYTES]) :]
        return bytes(view)

    def retry(self) -> None:
        """Try again to write what waits."""
        if self._waiting:
            self.write([])
