"""The last events of an event stream (`text/event-stream`, WHATWG HTML §9.2.6), seen chunk by chunk.

Rule 1: an event ends with an empty line; what a stream breaks off in isn't one.
Rule 2: how a stream is cut into chunks changes nothing.
Rule 3: however long a stream or an event, at most `MOST_BYTES` of events are kept, and as much of one to come.
"""

from collections import deque
from collections.abc import Iterator

MOST_BYTES = 256 * 1024
MOST_EVENTS = 4  # the one that tells what was used may have others after it
DONE = b"[DONE]"  # what many providers send last; it isn't JSON
_AT_ONCE = 16 * 1024  # bytes that are gathered before they are looked at
_MARK = b"\xef\xbb\xbf"


def last_event(data: bytes) -> bytes | None:
    """The data of the last event that isn't `[DONE]`; None if there is none, or if it is too long."""
    tail = EventTail()
    tail.feed(data)
    return next(tail.newest(), None)


class EventTail:
    """The data of the last few events of a stream that is fed to it; `[DONE]` isn't one."""

    __slots__ = ("_after_return", "_data", "_events", "_fed", "_is_first", "_length", "_line")

    def __init__(self) -> None:
        self._fed = bytearray()  # and not yet looked at
        self._line = b""  # the beginning of a line; of one that is too long, not all of it
        self._data = bytearray()  # the event's lines so far, each with a line feed
        self._length = 0  # of these; beyond MOST_BYTES, they aren't kept
        self._events: deque[bytes | None] = deque(maxlen=MOST_EVENTS)
        self._is_first = True
        self._after_return = False

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the stream; they are copied."""
        self._fed += chunk
        if len(self._fed) >= _AT_ONCE:
            self._look()

    def newest(self) -> Iterator[bytes | None]:
        """The data of the last events so far, the newest first; None for one that is too long."""
        self._look()
        return reversed(self._events)

    def _look(self) -> None:
        """Take what was fed apart, and keep only what is needed of it."""
        text = bytes(self._fed)
        self._fed.clear()
        if self._after_return and text:  # a line may end with CR LF
            text = text.removeprefix(b"\n")
            self._after_return = False
        if not text:
            return
        self._after_return = text.endswith(b"\r")
        lines = text.splitlines()
        lines[0] = self._line + lines[0]
        self._line = b"" if text.endswith((b"\r", b"\n")) else lines.pop()
        for line in lines:
            self._take(line)
        if len(self._line) > MOST_BYTES + _AT_ONCE:
            self._line = self._line[: MOST_BYTES + _AT_ONCE]  # still too long

    def _take(self, line: bytes) -> None:
        if self._is_first:
            line = line.removeprefix(_MARK)
            self._is_first = False
        if not line:
            self._end()
            return
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        value = value.removeprefix(b" ")
        self._length += len(value) + 1
        if self._length <= MOST_BYTES:
            self._data += value
            self._data += b"\n"

    def _end(self) -> None:
        """End an event, and forget old ones where they are too much together."""
        if self._length == 0:
            return
        event = None if self._length > MOST_BYTES else bytes(self._data[:-1])
        self._data.clear()
        self._length = 0
        if event == DONE:
            return
        self._events.append(event)
        size = sum(len(event) for event in self._events if event is not None)
        while size > MOST_BYTES:
            size -= len(self._events.popleft() or b"")
