"""The bytes of a journal: entries one after the other, each with its length and checksum.

A segment is a file of entries, made larger than what it holds: a length of zero is where it ends so far. Its first
entry is an OPENING. A record counts from when it is written; a SEAL closes the batch of the records before it, and
readers take whole batches.

    length of the payload, 4 bytes | CRC-32 of kind and payload, 4 bytes | kind, 1 byte | payload
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from exeat.model.audit import ChainState, KeptBody

HEADER: Final = struct.Struct(">IIB")
SIZE_LIMIT_BYTES = 2 * 1024 * 1024  # a length beyond it is garbage: no entry is as large
_BODY = struct.Struct(">36s8sQ")
_SEAL: Final = struct.Struct(">QQI32s")
SEAL_BYTES: Final = HEADER.size + _SEAL.size


class Kind(IntEnum):
    """What an entry is."""

    OPENING = 1
    INTENT = 2
    RECORD = 3
    SEAL = 4
    BODY = 5


_pack: Final = HEADER.pack  # bound once: each attribute that needn't be looked up counts here
_crc32: Final = zlib.crc32
_CRC_OF_KIND: Final = [zlib.crc32(bytes([number])) for number in range(6)]


class Entry(NamedTuple):
    """One entry, and the offset behind it."""

    kind: int
    payload: bytes
    end: int


class BrokenEntryError(Exception):
    """What stands at an offset is no entry: it is torn or damaged."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"no whole entry at offset {offset}")
        self.offset = offset


def render_entry(kind: int, payload: bytes) -> bytes:
    """One entry."""
    return _pack(len(payload), _crc32(payload, _CRC_OF_KIND[kind]), kind) + payload


def render_body(body: KeptBody) -> bytes:
    """The entry of a body; it stands before its record."""
    return render_entry(Kind.BODY, _BODY.pack(body.id.encode(), body.side.encode(), body.expires) + body.octets)


def parse_body(payload: bytes) -> KeptBody:
    """A body."""
    identifier, side, expires = _BODY.unpack_from(payload)
    return KeptBody(identifier.decode(), side.rstrip(b"\0").decode(), expires, payload[_BODY.size :])


def render_seal(state: ChainState, count: int) -> bytes:
    """The entry that closes a batch of `count` records; `state` is that after it."""
    return render_entry(Kind.SEAL, _SEAL.pack(state.batch, state.record, count, state.hash))


def parse_seal(payload: bytes) -> tuple[ChainState, int]:
    """The state after a batch, and how many records it holds."""
    batch, record, count, digest = _SEAL.unpack(payload)
    return ChainState(batch, record, digest), count


def parse_entries(data: bytes, offset: int = 0) -> Iterator[Entry]:
    """The entries from an offset to the end of what is written; BrokenEntryError where something else stands."""
    size = len(data)
    while offset + HEADER.size <= size:
        length, checksum, kind = HEADER.unpack_from(data, offset)
        if not (length or checksum or kind):
            return
        end = offset + HEADER.size + length
        if not length or length > SIZE_LIMIT_BYTES or end > size or kind not in Kind.__members__.values():
            raise BrokenEntryError(offset)
        payload = data[offset + HEADER.size : end]
        if zlib.crc32(payload, _CRC_OF_KIND[kind]) != checksum:
            raise BrokenEntryError(offset)
        yield Entry(kind, payload, end)
        offset = end
