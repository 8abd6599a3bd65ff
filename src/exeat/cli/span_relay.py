"""What spans are made of, on its way from the workers to the control process, which sends them.

Rule 1: while the control process isn't there, or doesn't keep up, it waits within a bound; beyond, the newest is lost.
"""

from collections.abc import Callable

WAITING_LIMIT_BYTES = 16 * 1024 * 1024


class SpanRelay:
    """The supervisor's; `send` says whether the control process takes it now."""

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        self._send = send
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def hear(self, payload: bytes) -> None:
        """Pass on what a worker has noted, after what has waited."""
        if self._waiting_bytes + len(payload) <= WAITING_LIMIT_BYTES:
            self._waiting.append(payload)
            self._waiting_bytes += len(payload)
        self.go_on()

    def go_on(self) -> None:
        """The control process may take something: give it what has waited."""
        sent = 0
        for payload in self._waiting:
            if not self._send(payload):
                break
            sent += 1
            self._waiting_bytes -= len(payload)
        del self._waiting[:sent]
