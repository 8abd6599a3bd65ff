"""What careless readers would take for requests in the bytes of one connection.

Each reading is a way in which real servers have read, or still read, more than RFC 9112 lets them: line ends of one
byte, the other one of two framing fields, names and values taken roughly. A reading never fails; where it can make
nothing of what comes it ends. No reading ignores a body that only one framing field announces, for that reader would
see a request in every body that holds one, whoever forwards it.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_ENDS = {"CRLF": rb"\r\n", "or LF": rb"\r?\n", "or CR": rb"\r\n|\n|\r"}
_START = re.compile(rb"[^\s:]+[\t\x0b\x0c ]+([^\s]+)[^\r\n]*")
_SIZE = re.compile(rb"[ \t]*\+?(?:0x)?([0-9a-fA-F_]+)")
_LENGTH = re.compile(rb"[^0-9]*([0-9]+)")
# What a reader that takes names roughly leaves out of them. Not the underscore: a name with one is another name to
# every reader of HTTP, and only later, as a CGI variable, the same.
_NOISE = re.compile(rb"[^-A-Za-z0-9_]")


@dataclass(frozen=True)
class Reading:
    """One way to read: how lines end, which framing field counts of two, and whether names and values are rough."""

    ends: str
    coding_first: bool
    is_rough: bool

    def targets(self, data: bytes) -> Iterator[bytes]:
        """The targets of the requests that this reader sees."""
        end = re.compile(_ENDS[self.ends])
        place = 0
        while place < len(data):
            line, after = _line(data, place, end)
            if line:
                start = _START.fullmatch(line)
                if start is None:
                    return
                yield start[1]
                after = self._after_message(data, after, end)
            place = after

    def _after_message(self, data: bytes, place: int, end: re.Pattern[bytes]) -> int:
        """Where the message ends whose field lines begin at `place`."""
        lengths: list[bytes] = []
        is_chunked = False
        while place < len(data):
            line, place = _line(data, place, end)
            if not (line.strip() if self.is_rough else line):
                break
            name, _, value = line.partition(b":")
            known = self._name(name)
            if known == b"content-length":
                lengths.append(value)
            elif known == b"transfer-encoding":
                is_chunked = is_chunked or self._is_chunked(value)
        if is_chunked and (self.coding_first or not lengths):
            return self._after_chunks(data, place, end)
        size = _LENGTH.match(lengths[0]) if lengths else None
        return place if size is None else place + int(size[1])

    def _name(self, name: bytes) -> bytes:
        return (_NOISE.sub(b"", name) if self.is_rough else name).lower()

    def _is_chunked(self, value: bytes) -> bool:
        return b"chunk" in value.lower() if self.is_rough else value.strip(b" \t").lower() == b"chunked"

    def _after_chunks(self, data: bytes, place: int, end: re.Pattern[bytes]) -> int:
        while place < len(data):
            line, place = _line(data, place, end)
            digits = _SIZE.match(line)
            if digits is None:
                return len(data)
            size = int(digits[1].replace(b"_", b"") or b"0", 16) & 0xFFFF_FFFF_FFFF_FFFF
            if size == 0:
                break
            place += size
            _, place = _line(data, place, end)
        while place < len(data):
            line, place = _line(data, place, end)
            if not line:
                break
        return place


READINGS = tuple(itertools.starmap(Reading, itertools.product(_ENDS, (False, True), (False, True))))


def _line(data: bytes, place: int, end: re.Pattern[bytes]) -> tuple[bytes, int]:
    """The line that begins at a place, and where the next one begins."""
    found = end.search(data, place)
    return (data[place:], len(data)) if found is None else (data[place : found.start()], found.end())
