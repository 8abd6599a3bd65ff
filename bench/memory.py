"""Resident memory of a peer with 1, 64 and 5 000 kept connections, each idle after one request."""

import select
import socket
import time
from contextlib import ExitStack

from calls import converse, open_connection, render_head
from cpu import resident_bytes
from peers import Peer
from processes import RunFailed
from testbed import Route, Testbed

COUNTS = (1, 64, 5000)

_OK = 200
_STEADY_WITHIN = 0.005
_SETTLE_S = 3.0


def kept_connection_bytes(testbed: Testbed, peer: Peer, pid: int, route: Route) -> dict[int, int]:
    """Bytes for each of COUNTS, on a freshly started peer."""
    target = peer.target(route)
    request = render_head(target, testbed.key, "/v1/items/1?expand=owner")
    measured: dict[int, int] = {}
    with ExitStack() as kept:
        connections: list[socket.socket] = []
        for count in COUNTS:
            while len(connections) < count:
                connection = kept.enter_context(open_connection(testbed, target))
                connections.append(connection)
                if converse(connection, request).status != _OK:
                    raise RunFailed(f"{peer.name}: not a 200 on connection {len(connections)}")
            measured[count] = _settled_bytes(pid)
            _expect_open(peer, connections)
    return measured


def _settled_bytes(pid: int) -> int:
    """The figure once two readings agree: some allocators return pages a little later."""
    deadline = time.monotonic() + _SETTLE_S
    last = resident_bytes(pid)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = resident_bytes(pid)
        if abs(now - last) <= last * _STEADY_WITHIN:
            return now
        last = now
    return last


def _expect_open(peer: Peer, connections: list[socket.socket]) -> None:
    """A kept connection that can be read was closed: nothing else was asked for."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    if closed := poll.poll(0):
        raise RunFailed(f"{peer.name} closed {len(closed)} of {len(connections)} kept connections")
