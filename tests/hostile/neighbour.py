"""An honest caller with an upstream of its own, in a process of its own: what somebody else's attack costs it.

It is paced, and a request's time counts from the moment when it was due: a gateway that stands still for 50 ms makes
all the requests late that fell due in that time, as it would for independent callers.
"""

import ssl
import statistics
import time
from typing import NamedTuple

from tests.hostile.elsewhere import Elsewhere
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller

PER_SECOND = 500
WINDOW = 200
WINDOWS = 5
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

_origins: list[Origin] = []


class Waits(NamedTuple):
    """How long the neighbour waited for its answers, in ms: the median, and the 99th percentile of a usual window.

    The machine has other things to do, too. That hurts one window or two; an attack that goes on hurts all of them.
    """

    p50_ms: float
    p99_ms: float


def _answer(peer: Peer, request: Request) -> None:
    del request
    peer.send(ANSWER)


def begin() -> dict[str, object]:
    """Start the upstream; how a document declares it."""
    origin = Origin(_answer)
    origin.__enter__()
    _origins.append(origin)
    return origin.entry()


def wait_for_answers(port: int, key: str, certificate: str | None) -> list[float]:
    """Send requests on one connection, each when it is due; the ms until each answer."""
    waits = []
    context = None if certificate is None else ssl.create_default_context(cafile=certificate)
    with RawCaller(port, context=context) as caller:
        line = f"GET /neighbour/ HTTP/1.1\r\nHost: gateway\r\nExeat-Key: {key}\r\n\r\n".encode()
        due = time.perf_counter()
        for _ in range(WINDOW * WINDOWS):
            due += 1 / PER_SECOND
            time.sleep(max(due - time.perf_counter(), 0.0))
            caller.send(line)
            answer = caller.read_until(b"\r\n\r\nok")
            waits.append((time.perf_counter() - due) * 1000)
            assert answer.startswith(b"HTTP/1.1 200 "), answer
    return waits


class Neighbour:
    """The neighbour, as a test has it."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self.entry = elsewhere.call(begin)

    def measure(self, port: int, key: str, certificate: str | None = None) -> Waits:
        """Send a thousand requests through the gateway."""
        waits = self._elsewhere.call(wait_for_answers, port, key, certificate)
        windows = [waits[at : at + WINDOW] for at in range(0, len(waits), WINDOW)]
        return Waits(statistics.median(waits), statistics.median(_p99(window) for window in windows))


def _p99(waits: list[float]) -> float:
    return sorted(waits)[len(waits) * 99 // 100]
