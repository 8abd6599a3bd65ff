"""Writes of one turn of the event loop, made together at its end.

A write to a socket wakes its reader. Made at once, each of a turn's writes wakes a reader that has just gone to sleep;
made together, the first one wakes it and the others find it awake. When little happens a turn holds one request, and
nothing waits.

What has to be safe before something is sent (records) is made so by `before`, first thing at the end of a turn; it
says whether it is. Where it isn't, nothing leaves in the middle of a turn, and who may not send at its end is gone by
then.
"""

import asyncio
from collections.abc import Callable
from typing import final

AT_ONCE_BYTES = 16 * 1024


@final
class Outbox:
    """What the connections of one worker have to send."""

    def __init__(self) -> None:
        self._transports: list[asyncio.Transport] = []
        self._data: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False
        self._is_much = False
        self.before: Callable[[], bool] | None = None

    def write(self, transport: asyncio.Transport, data: bytes, *, last: bool = False) -> None:
        """Send at the end of the turn, after everything written before; much at once is sent now.

        What completes an answer (`last`) waits in any case: its record comes before it.
        """
        if not self._is_due:
            self.make_due()
        self._transports.append(transport)
        self._data.append(data)
        if len(data) >= AT_ONCE_BYTES:
            self._is_much = True
            if not last:
                self.relieve()

    def relieve(self) -> None:
        """Send now if much waits: before anything is done that depends on whether its reader keeps up."""
        if self._is_much and (self.before is None or self.before()):
            self._send()

    def make_due(self) -> None:
        """Have the turn end with `before`, whether or not there is anything to send."""
        if not self._is_due:
            self._is_due = True
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._is_due = False
        self.flush()

    def flush(self) -> None:
        """Send everything now: before a connection is closed, so that nothing is lost."""
        if self.before is not None:
            self.before()
        self._send()

    def _send(self) -> None:
        transports, data = self._transports, self._data
        if not data:
            return
        self._transports, self._data, self._is_much = [], [], False
        for place, transport in enumerate(transports):
            try:
                transport.write(data[place])
            except RuntimeError:
                continue  # closed since: what it had to send has nowhere to go, the others' has
