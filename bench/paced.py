"""A paced load, a process of its own: requests fall due by a fixed timetable, whatever the answers do.

Latency is counted from the moment a request was due, not from when it could be sent: a stalled proxy
delays every request that falls due meanwhile, and each of them shows it (no coordinated omission).
Arrivals are a Poisson process with a fixed seed, so every peer meets the same crowd and the same gaps.
"""

import gc
import json
import random
import select
import socket
import ssl
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

# For how long requests are sent before their latency counts.
_WARM_UP_S = 0.5
_SEED = 20_260_101
# A run that is this far behind its timetable ends and says so.
_GIVE_UP_S = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to send: the head in pieces (see shapes.py), where, how fast, for how long."""

    port: int
    authority: str | None
    name: str
    before: str
    between: str
    after: str
    first: int
    body_end: str
    rate: float
    seconds: float
    connections: int


@dataclass(slots=True)
class Timetable:
    """When requests are due, and what became of them. Times in seconds of perf_counter."""

    due: list[float]
    counted_from: float
    sent: int = 0
    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    # How late the generator itself was: connections abounded and the request still left late.
    lateness: list[float] = field(default_factory=list)


class PacedLoad:
    """The connections, which of them are free, and the loop over them."""

    def __init__(self, order: Order) -> None:
        self._pieces = tuple(p.encode() for p in (order.before, order.between, order.after))
        self._number = order.first
        self._end = order.body_end.encode()
        self._connections = [_connect(order) for _ in range(order.connections)]
        self._by_fd = {each.fileno(): each for each in self._connections}
        self._free = deque(self._by_fd)
        self._due_of: dict[int, float] = {}
        self._received: dict[int, bytes] = dict.fromkeys(self._by_fd, b"")
        self._poll = select.epoll()
        for fd in self._by_fd:
            self._poll.register(fd, select.EPOLLIN)

    def run(self, table: Timetable) -> None:
        """Send everything that falls due and wait for the answers."""
        clock, total = time.perf_counter, len(table.due)
        last = table.due[-1] + _GIVE_UP_S
        while table.answered < total:
            self._send_due(table, total)
            self._wait(table, total)
            for fd, _ in self._poll.poll(0):
                self._receive(fd, table)
            if clock() > last:
                raise SystemExit(f"{total - table.answered} answers missing at the end")

    def _send_due(self, table: Timetable, total: int) -> None:
        now = time.perf_counter()
        while table.sent < total and table.due[table.sent] <= now and self._free:
            fd = self._free.popleft()
            due = table.due[table.sent]
            self._due_of[fd] = due
            self._by_fd[fd].send(self._next_request())
            table.sent += 1
            if due >= table.counted_from and len(self._free) > len(self._by_fd) // 2:
                table.lateness.append(now - due)

    def _next_request(self) -> bytes:
        self._number = (self._number + 1) & 0xFFFFFFFF
        before, between, after = self._pieces
        return b"%b%08x%b%08x%b" % (before, self._number, between, self._number, after)

    def _wait(self, table: Timetable, total: int) -> None:
        """Until an answer comes or a request falls due: select, because epoll's timeout is in ms."""
        timeout = 0.1
        if self._free and table.sent < total:
            timeout = max(table.due[table.sent] - time.perf_counter(), 0.0)
        select.select([self._poll], [], [], timeout)

    def _receive(self, fd: int, table: Timetable) -> None:
        try:
            piece = self._by_fd[fd].recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # TLS 1.3 session tickets: readable, yet nothing for us
        if not piece:
            raise SystemExit("the connection was closed")
        answer = self._received[fd] + piece
        if not answer.endswith(self._end):
            self._received[fd] = answer
            return
        self._received[fd] = b""
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"not a 200: {answer[:300]!r}")
        due = self._due_of.pop(fd)
        if due >= table.counted_from:
            table.latencies.append(time.perf_counter() - due)
        table.answered += 1
        self._free.append(fd)


def _connect(order: Order) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", order.port), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if order.authority:
        context = ssl.create_default_context(cafile=order.authority)
        connection = context.wrap_socket(connection, server_hostname=order.name)
    connection.settimeout(0)
    return connection


def _make_timetable(rate: float, seconds: float) -> Timetable:
    crowd = random.Random(_SEED)  # noqa: S311 - it must be repeatable, not secret
    moment = time.perf_counter() + 0.05
    counted_from = moment + _WARM_UP_S
    end = counted_from + seconds
    due: list[float] = []
    while moment < end:
        due.append(moment)
        moment += crowd.expovariate(rate)
    return Timetable(due, counted_from)


def _percentile_us(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1e6 if ordered else 0.0


def main() -> None:
    order = Order(**json.loads(sys.argv[1]))
    # The kernel may fire timers 50 µs late to save power; here that is most of what is measured.
    Path("/proc/self/timerslack_ns").write_text("1")
    load = PacedLoad(order)
    gc.disable()
    table = _make_timetable(order.rate, order.seconds)
    began, cpu_began = table.due[0], time.process_time()
    load.run(table)
    wall_s = time.perf_counter() - began
    result = {
        "rate": len(table.due) / (_WARM_UP_S + order.seconds),
        "reached": len(table.due) / wall_s,
        "requests": len(table.due),
        "p50_us": _percentile_us(table.latencies, 0.50),
        "p99_us": _percentile_us(table.latencies, 0.99),
        "late_p99_us": _percentile_us(table.lateness, 0.99),
        "generator_busy": (time.process_time() - cpu_began) / wall_s,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
