"""Ways to cut a message before it is sent: what arrives must mean the same however it is cut."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator

Slice = Callable[[bytes], Iterable[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    """All in one write."""
    if data:
        yield data


def bytewise(data: bytes) -> Iterator[bytes]:
    """Every byte in a write of its own."""
    return (data[place : place + 1] for place in range(len(data)))


def at_crlf(data: bytes) -> Iterator[bytes]:
    """A write after every CRLF."""
    return iter(re.findall(rb"(?s).*?\r\n|.+", data))


SLICES: dict[str, Slice] = {"whole": whole, "bytewise": bytewise, "at every CRLF": at_crlf}


async def send(transport: asyncio.WriteTransport, pieces: Iterable[bytes]) -> None:
    """Write pieces until the transport is closed, each in a turn of the loop of its own, so that it is read alone."""
    for piece in pieces:
        if transport.is_closing():
            return
        transport.write(piece)
        await asyncio.sleep(0)
