"""Chunked bodies: the same content however they are cut, as a plain reading has it, and when written anew.

The low half of each of the first four bytes is the size of a slice, taken in turn (`1375` are slices of 1, 3, 7 and 5
bytes); the body follows.
"""

from itertools import cycle
from typing import NamedTuple
from unittest.mock import patch

from exeat.errors import Code, GatewayError
from exeat.wire import body as wire
from exeat.wire.body import ChunkedBody, render_chunk, render_last_chunk

SIZES = 4


class Read(NamedTuple):
    """What a body said; `rest` is everything after it."""

    content: bytes
    trailers: list[bytes]
    done: bool
    rest: bytes


def check(data: bytes) -> None:
    """Judge the body in `data`, whole, in slices of the sizes given, and byte by byte."""
    sizes, body = data[:SIZES], data[SIZES:]
    whole = _read([body])
    with patch.object(wire, "CHUNKS_PER_FEED", 2):
        assert whole == _read([body]), "it matters when the reader rests"
    assert whole == _read(_slices(body, sizes)), "cut in slices it reads in another way"
    assert whole == _read(_slices(body, b"\1")), "byte by byte it reads in another way"
    if whole is None:
        return
    if whole.done:
        assert (whole.content, whole.rest) == _plainly(body)
    _check_written(whole, sizes)


def _slices(body: bytes, sizes: bytes) -> list[bytes]:
    slices = []
    place = 0
    for size in cycle(sizes or b"\1"):
        if place >= len(body):
            break
        end = place + ((size & 0x0F) or 0x10)
        slices.append(body[place:end])
        place = end
    return slices


def _read(slices: list[bytes]) -> Read | None:
    """What a reader makes of the slices; None if it refuses them."""
    reader = ChunkedBody()
    content = b""
    for place, piece in enumerate(slices):
        try:
            content += reader.feed(piece)
            while reader.has_more:  # it rests after a bounded number of chunks
                content += reader.feed(b"")
        except GatewayError as error:
            if error.code is Code.MALFORMED_REQUEST and error.closes:  # the framing is in doubt
                return None
            raise
        if reader.done:
            return Read(content, reader.trailers, reader.close(), reader.rest + b"".join(slices[place + 1 :]))
    assert not reader.close(), "a body without its last chunk counts as complete"
    return Read(content, reader.trailers, done=False, rest=b"")


def _plainly(body: bytes) -> tuple[bytes, bytes]:
    """Content and rest of a complete body, read as simply as RFC 9112 §7.1.3 writes it down."""
    content = b""
    while True:
        line, _, body = body.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        content, body = content + body[:size], body[size + 2 :]
    while line:
        line, _, body = body.partition(b"\r\n")
    return content, body


def _check_written(read: Read, sizes: bytes) -> None:
    """Written anew for the other side, in whatever pieces, it reads the same."""
    chunks = b"".join(map(render_chunk, _slices(read.content, sizes)))
    again = _read([chunks + render_last_chunk(read.trailers)])
    assert again == Read(read.content, read.trailers, done=True, rest=b"")
