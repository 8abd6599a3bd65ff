"""What hostile callers do. Each function runs in the attacker's process until it is told to end, and says what it saw.

All of them are paced: what the neighbour notices is to be the gateway's doing, not a machine that has too much to do.
"""

import re
import select
import socket
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from tests.hostile.crowd import READ_BYTES, RESET, Crowd, Heard, connect
from tests.hostile.elsewhere import LIMIT_S, is_over, say_there, wait_for_word

Seen = Counter[str]
SPREAD_S = 1.5
PAUSE_S = 0.02
TINY_CHUNKS = b"1\r\nx\r\n" * (128 * 1024 // 6)
STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})")


class Excess(NamedTuple):
    """A message with too much of something: its beginning, and what follows again and again."""

    begin: bytes
    piece: bytes


# Slow


def drip(port: int, begin: bytes, data: bytes, count: int, limit_s: float) -> Seen:
    """Send `begin` and then a byte of `data` a second, on so many connections at once, again and again."""
    seen: Seen = Counter()
    say_there()
    while not seen or not is_over():
        with Crowd(port, count) as crowd:
            crowd.send(begin)
            crowd.drip(data, limit_s)
            seen += crowd.outcomes()
    return seen


def call(port: int, requests: Mapping[str, bytes], count: int, limit_s: float) -> Seen:
    """Send each request on so many connections and read to the end of all, again and again; outcomes by its name."""
    seen: Seen = Counter()
    everything = sorted((*requests.items(),) * count)
    say_there()
    while not seen or not is_over(PAUSE_S):
        with Crowd(port, len(everything)) as crowd:
            crowd.send_each([request for _, request in everything])
            crowd.read(limit_s)
            seen.update(f"{name} {heard.outcome}" for (name, _), heard in zip(everything, crowd, strict=True))
    return seen


def sip(port: int, requests: list[bytes], size: int) -> Seen:
    """Send each request on a connection of its own, and read so many bytes of each answer ten times a second."""
    with Crowd(port, len(requests), receive_buffer=size) as crowd:
        crowd.send_each(requests)
        say_there()
        while not is_over(0.1):
            crowd.sip(size)
        return crowd.outcomes()


def never_read(port: int, requests: list[bytes]) -> Seen:
    """Send each request on a connection of its own and read nothing; what can be read at the end."""
    with Crowd(port, len(requests), receive_buffer=4096) as crowd:
        crowd.send_each(requests)
        say_there()
        is_over(LIMIT_S)
        crowd.read(1.0)
        return crowd.outcomes()


# Too much


def pour(port: int, excess: Excess, limit_s: float = 10.0) -> tuple[str, int]:
    """Send without end until something comes back; what that was, and how many bytes had been sent."""
    heard, sent = Heard(), 0
    ends_at = time.perf_counter() + limit_s
    with connect(port) as sock, suppress(OSError):
        sock.sendall(excess.begin)
        readable: list[socket.socket] = []
        while not readable and time.perf_counter() < ends_at:
            readable, writable, _ = select.select([sock], [sock], [], 1)
            if writable and not readable:
                sent += sock.send(excess.piece, socket.MSG_DONTWAIT)
        while data := sock.recv(READ_BYTES):
            heard.add(data)
        heard.end = "closed"
    return heard.outcome, sent


def pour_all(port: int, everything: list[Excess]) -> Seen:
    """All that is too much, in turn, forty times a second."""
    seen: Seen = Counter()
    say_there()
    while True:
        for excess in everything:
            seen[pour(port, excess)[0]] += 1
            if is_over(0.025):
                return seen


def send_empty_lines(port: int, count: int, limit_s: float) -> Seen:
    """Send nothing but CRLF, ten times a second."""
    with Crowd(port, count) as crowd:
        say_there()
        crowd.drip(b"\r\n" * 1000, limit_s, size=2, every_s=0.1)
        return crowd.outcomes()


def send_tiny_chunks(port: int, head: bytes) -> Seen:
    """Send a body in chunks of one byte, 640 KiB of them a second."""
    seen: Seen = Counter()
    with connect(port) as sock:
        sock.sendall(head)
        say_there()
        while not is_over(0.2):
            sock.sendall(TINY_CHUNKS)
            seen["pieces"] += 1
    return seen


def pipeline(port: int, count: int) -> Seen:
    """Send so many requests without waiting, one in a hundred for a page that isn't there; whether the answers fit."""
    good, bad = (b"GET /-/%b HTTP/1.1\r\nHost: gateway\r\n\r\n" % name for name in (b"live", b"none"))
    wanted = [b"404" if number % 100 == 7 else b"200" for number in range(count)]
    left = memoryview(b"".join(bad if status == b"404" else good for status in wanted))
    got: list[bytes] = []
    rest = b""
    with connect(port) as sock:
        say_there()
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        while len(got) < count:
            readable, writable, _ = select.select([sock], [sock] if left else [], [], 10)
            if writable:
                left = left[sock.send(left[:READ_BYTES]) :]
            if readable:
                data = sock.recv(READ_BYTES)
                if not data:
                    break
                rest += data
                got += STATUS.findall(rest)
                rest = STATUS.split(rest)[-1][-11:]  # in which a status may begin
    return Counter({"answers": len(got), "in their place": sum(map(bytes.__eq__, got, wanted))})


# Connections


def hold(port: int, count: int, begin: bytes, limit_s: float) -> Seen:
    """Open so many connections and say nothing; when told to go on, send `begin`, and see what comes."""
    with Crowd(port, count) as crowd:
        say_there()
        wait_for_word()
        crowd.send(begin, spread_s=SPREAD_S)
        say_there()
        crowd.read(limit_s)
        return crowd.outcomes()


def knock(port: int, *, resets: bool) -> Seen:
    """Connect and go away at once, a thousand times a second."""
    seen: Seen = Counter()
    say_there()
    while not is_over(0.02):
        for number in range(20):
            with connect(port, number) as sock:
                if resets:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            seen["connections"] += 1
    return seen


def stall(port: int, begins: list[bytes], count: int, limit_s: float) -> Seen:
    """Begin with each of these on so many connections, and wait for what comes of it."""
    with Crowd(port, len(begins) * count) as crowd:
        crowd.send_each(begins * count)
        say_there()
        crowd.read(limit_s)
        return Counter(heard.end for heard in crowd)
