"""Writes of one turn of the event loop, made together at its end.

A write to a socket wakes its reader. Made at once, each of a turn's writes wakes a reader that has just gone to sleep;
made together, the first one wakes it and the others find it awake. When little happens a turn holds one request, and
nothing waits.
"""

import asyncio
from typing import final

AT_ONCE_BYTES = 16 * 1024


@final
class Outbox:
    """What the connections of one worker have to send."""

    def __init__(self) -> None:
        self._transports: list[asyncio.Transport] = []
        self._data: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def write(self, transport: asyncio.Transport, data: bytes) -> None:
        """Send at the end of the turn, after everything written before; much at once is sent now."""
        if not self._data:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self.flush)
        self._transports.append(transport)
        self._data.append(data)
        if len(data) >= AT_ONCE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send everything now: before a connection is closed, so that nothing is lost."""
        transports, data = self._transports, self._data
        if not data:
            return
        self._transports, self._data = [], []
        for place, transport in enumerate(transports):
            try:
                transport.write(data[place])
            except RuntimeError:
                continue  # closed since: what it had to send has nowhere to go, the others' has
