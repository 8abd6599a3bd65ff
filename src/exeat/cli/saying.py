"""What a child says to its supervisor, over the socket between them: whole messages, in order, without ever waiting.

Rule 1: nobody is held up by a supervisor that is busy: what it doesn't take now waits here, within a bound.
Rule 2: one that is gone hears nothing more, and nobody minds.
"""

import asyncio
import contextlib
import socket

from exeat.cli.channel import Kind, render

WAITING_LIMIT_BYTES = 4 * 1024 * 1024
LAST_S = 1.0


class Saying:
    """The sending side of a non-blocking socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._waiting = bytearray()

    def say(self, kind: Kind, payload: bytes = b"") -> bool:
        """Say something, now or soon; False where so much waits already that it isn't said."""
        message = render(kind, payload)
        if self._waiting:
            if len(self._waiting) + len(message) > WAITING_LIMIT_BYTES:
                return False
            self._waiting += message
            return True
        left = self._send(message)
        if left:
            self._waiting += left
            asyncio.get_running_loop().add_writer(self._channel.fileno(), self._go_on)
        return True

    def finish(self) -> None:
        """Say what still waits before the process ends, if somebody listens."""
        if self._waiting:
            self._channel.settimeout(LAST_S)
            with contextlib.suppress(OSError):
                self._channel.sendall(self._waiting)

    def _send(self, data: bytes) -> bytes:
        """Send as much as is taken now; what is left of it."""
        try:
            return data[self._channel.send(data) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""  # nobody is there any more

    def _go_on(self) -> None:
        self._waiting = bytearray(self._send(bytes(self._waiting)))
        if not self._waiting:
            with contextlib.suppress(OSError, ValueError):
                asyncio.get_running_loop().remove_writer(self._channel.fileno())
