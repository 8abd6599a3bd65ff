"""The callers of a soak: each does one kind of thing again and again, and knows how it has to be answered."""

import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Self

from tests.soak.upstreams import PART, PARTS
from tests.support.raw_caller import Answer, RawCaller

FAULTS = ("reset", "close", "cut", "garbage", "busy", "silent")
OF_FAULTS = {502, 503, 504}
PAUSE_S = 0.04
KEPT_CALLS = 50  # on one connection
LARGEST = 200_000


class Keys(NamedTuple):
    """The keys of consumers: one without limits, and one with some."""

    free: str
    limited: str


class Callers:
    """All of them, from `with` until its end; `answers` counts what came by kind and status."""

    def __init__(self, port: int, keys: Keys) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.failures: list[str] = []
        self._port, self._keys = port, keys
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(kind, make)) for kind, make in _CALLERS.items()]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Have everybody finish what is under way."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, kind: str, make: "Turn") -> None:
        chance = random.Random(kind)  # noqa: S311 - the same load each time
        for number in itertools.count():
            if self._ending.wait(PAUSE_S):
                return
            try:
                for status in make(self._port, self._keys, chance, number):
                    self.answers[kind, status] += 1
                    if self._ending.wait(PAUSE_S):
                        return
            except (OSError, AssertionError, ValueError) as error:
                self.failures.append(f"{kind}: {error!r}")


Turn = Callable[[int, Keys, random.Random, int], Iterator[int]]


def _expect(answer: Answer, statuses: set[int], *, body: bytes | None = None) -> int:
    """The status of an answer, which is one of these, and whole."""
    assert answer.status in statuses, f"{answer.status}, not {statuses}: {answer.body[:300]!r}"
    assert answer.complete, f"an answer that breaks off after {len(answer.body)} bytes"
    assert body is None or answer.status != 200 or answer.body == body, "another body"
    return answer.status


def _kept(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """Many calls on one connection."""
    with RawCaller(port) as caller:
        for place in range(KEPT_CALLS):
            target = f"/api/fine/{number}?place={place}"
            yield _expect(caller.call("GET", target, f"Exeat-Key: {keys.free}"), {200}, body=b"fine")


def _new(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """A connection for each call, ended by either side."""
    with RawCaller(port) as caller:
        fields = ("Connection: close",) if number % 2 else ()
        yield _expect(caller.call("GET", "/api/fine", f"Exeat-Key: {keys.free}", *fields), {200}, body=b"fine")


def _bodies(port: int, keys: Keys, chance: random.Random, _number: int) -> Iterator[int]:
    """Bodies of every size, with a length and in chunks, there and back."""
    with RawCaller(port) as caller:
        for _ in range(10):
            body = chance.randbytes(chance.randrange(1, LARGEST))
            yield _expect(caller.call("POST", "/api/echo", f"Exeat-Key: {keys.free}", body=body), {200}, body=body)
            caller.request("POST", "/api/echo", f"Exeat-Key: {keys.free}", "Transfer-Encoding: chunked")
            for part in (body[:1000], body[1000:]):
                caller.send(b"%x\r\n%b\r\n" % (len(part), part) if part else b"")
            caller.send(b"0\r\n\r\n")
            yield _expect(caller.read("POST"), {200}, body=body)


def _streams(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """Answers that take their time."""
    with RawCaller(port) as caller:
        for place in range(5):
            answer = caller.call("GET", f"/api/stream/{number}/{place}", f"Exeat-Key: {keys.free}")
            yield _expect(answer, {200}, body=PART * PARTS)


def _cancelled(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """A caller that goes away: in the middle of the head, of its body, before the answer, or in the middle of it."""
    with RawCaller(port) as caller:
        if number % 4 == 0:
            caller.send(b"GET /api/fine HTTP/1.1\r\nHost: gate")
        elif number % 4 == 1:
            caller.request("POST", "/api/echo", f"Exeat-Key: {keys.free}", "Content-Length: 100000")
        else:
            caller.request("GET", "/api/stream/left", f"Exeat-Key: {keys.free}")
            if number % 4 == 2:
                caller.read_until(PART)
        if number % 3 == 0:
            caller.reset()
        yield 499


def _refused(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """What the gateway refuses, and what an upstream does."""
    key = f"Exeat-Key: {keys.free}"
    with RawCaller(port) as caller:
        yield _expect(caller.call("GET", "/api/missing", key), {404})
        yield _expect(caller.call("GET", f"/unknown-{number % 50}/x", key), {404})
        yield _expect(caller.call("GET", "/api/fine"), {401})
        yield _expect(caller.call("GET", "/api/fine", "Exeat-Key: nonsense"), {401})
        yield _expect(caller.call("GET", f"/https://stranger-{number % 50}.example/x", key), {403})
        yield _expect(caller.call("GET", "/-/whoami", key), {200})
        yield _expect(caller.call("GET", "/-/errors/rate-limited"), {200})
        yield _expect(caller.call("GET", "/api/fine/" + "x" * 9000, key), {414})


def _malformed(port: int, _keys: Keys, chance: random.Random, _number: int) -> Iterator[int]:
    """What isn't HTTP."""
    with RawCaller(port) as caller:
        caller.send(chance.randbytes(50).replace(b"\n", b"") + b"\r\n\r\n")
        yield _expect(caller.read(), {400, 408, 431})


def _limited(port: int, keys: Keys, _chance: random.Random, number: int) -> Iterator[int]:
    """A consumer with limits, one of them split by a field of the request."""
    with RawCaller(port) as caller:
        for _ in range(10):
            field = f"X-Tenant: {number % 200}"
            yield _expect(caller.call("GET", "/api/fine", f"Exeat-Key: {keys.limited}", field), {200, 429})


def _enveloped(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """Batches in the envelope."""
    calls: list[Mapping[str, object]] = [
        {"upstream": "api", "path": f"/fine/{number}"},
        {"upstream": "api", "method": "POST", "path": "/echo", "json": {"number": number}},
        {"upstream": "api", "path": "/missing"},
    ]
    with RawCaller(port) as caller:
        fields = (f"Exeat-Key: {keys.free}", "Content-Type: application/json")
        answer = caller.call("POST", "/-/call", *fields, body=json.dumps(calls).encode())
        yield _expect(answer, {200})
        found = [one["status"] for one in json.loads(answer.body)]
        assert found == [200, 200, 404], found


def _faulty(port: int, keys: Keys, _: random.Random, number: int) -> Iterator[int]:
    """An upstream that fails in every way, and sometimes doesn't."""
    fault = FAULTS[number % len(FAULTS)]
    with RawCaller(port) as caller:
        answer = caller.call("GET", f"/bad/{fault}", f"Exeat-Key: {keys.free}")
        if fault == "cut" and answer.status == 200:
            assert not answer.complete, "a body that was cut ends cleanly"
            yield 200
        else:
            yield _expect(answer, OF_FAULTS)
    with RawCaller(port) as caller:
        yield _expect(caller.call("GET", "/bad/fine", f"Exeat-Key: {keys.free}"), {200, *OF_FAULTS})


_CALLERS: dict[str, Turn] = {
    "kept": _kept,
    "new": _new,
    "bodies": _bodies,
    "streams": _streams,
    "cancelled": _cancelled,
    "refused": _refused,
    "malformed": _malformed,
    "limited": _limited,
    "enveloped": _enveloped,
    "faulty": _faulty,
}

KINDS = tuple(_CALLERS)
