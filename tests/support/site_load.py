"""Callers of three instances who note every call and what became of it, and an upstream that notes what it saw."""

import http.client
import itertools
import threading
import time
from collections import Counter
from contextlib import closing
from typing import NamedTuple, Self

from tests.support.gateway import MadeKey
from tests.support.origins import Peer, Request
from tests.support.site import Site

PART = b"0123456789abcdef" * 64
PARTS = 4
PART_S = 0.1  # of a slow answer, between two parts: some of them are always under way
BODY = b"order" * 2000


class Call(NamedTuple):
    """One call as its caller knows it. `status` is 0 where no head came; `failure` says why an answer isn't whole."""

    consumer: str
    target: str
    method: str
    began: float
    ended: float
    status: int
    code: str | None
    id: str | None
    failure: str | None

    @property
    def seen_as(self) -> str:
        """Its path as the upstream and the trail have it."""
        return self.target.removeprefix("/api")


class Seen(NamedTuple):
    """A request that reached the upstream, and when."""

    at: float
    path: str


class Upstream:
    """What the upstream does: an answer at once, one that has to read a body first, or one that takes its time."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def __call__(self, peer: Peer, request: Request) -> None:
        """Behave so."""
        self.seen.append(Seen(time.monotonic(), request.target))
        body = peer.read_body(request)
        if not request.target.startswith("/slow"):
            peer.answer(b"fine" if request.method == "GET" else body)
            return
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(PART) * PARTS))
        for _ in range(PARTS):
            threading.Event().wait(PART_S)
            peer.send(PART)

    def paths(self, consumer: str) -> list[str]:
        """What it saw of a consumer."""
        return [path for _, path in self.seen if path.split("/")[2] == consumer]

    def times(self, consumer: str) -> list[float]:
        """When it saw a consumer."""
        return sorted(at for at, path in self.seen if path.split("/")[2] == consumer)


class Load:
    """Callers through a balancer. Each call has a target of its own, which says whose it is: `/api/KIND/CONSUMER/N`."""

    def __init__(self, site: Site, keys: dict[str, MadeKey]) -> None:
        self.calls: list[Call] = []
        self._site, self._keys = site, keys
        self._numbers = itertools.count(1)
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Have everybody finish the call that is under way."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def add(self, consumer: str, *kinds: str, pause_s: float = 0.02, keeps: bool = True) -> None:
        """A caller more, who makes calls of these kinds in turn; on one connection, as long as that is good."""
        thread = threading.Thread(target=self._run, args=(consumer, kinds, pause_s, keeps))
        self._threads.append(thread)
        thread.start()

    def of(self, consumer: str) -> list[Call]:
        """The calls of a consumer that have ended."""
        return [call for call in list(self.calls) if call.consumer == consumer]

    def statuses(self, consumer: str) -> Counter[int]:
        """How the calls of a consumer were answered."""
        return Counter(call.status for call in self.of(consumer))

    def call(self, consumer: str, kind: str = "read") -> Call:
        """One call on a connection of its own."""
        with closing(self._site.connect()) as connection:
            return self._call(connection, consumer, kind)

    def crowd(self, consumer: str, callers: int, calls: int) -> None:
        """Have so many call at once."""
        threads = [threading.Thread(target=self._some, args=(consumer, calls)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _some(self, consumer: str, calls: int) -> None:
        for _ in range(calls):
            self.call(consumer)

    def _run(self, consumer: str, kinds: tuple[str, ...], pause_s: float, keeps: bool) -> None:  # noqa: FBT001
        turns = itertools.cycle(kinds)
        while not self._ending.is_set():
            with closing(self._site.connect()) as connection:
                while not self._ending.wait(pause_s):
                    call = self._call(connection, consumer, next(turns))
                    if call.failure is not None or not keeps:
                        break

    def _call(self, connection: http.client.HTTPSConnection, consumer: str, kind: str) -> Call:
        target = f"/api/{kind}/{consumer}/{next(self._numbers)}"
        method, body = ("POST", BODY) if kind == "write" else ("GET", None)
        began = time.monotonic()
        status, code, identifier, failure = 0, None, None, None
        try:
            connection.request(method, target, body=body, headers={"Exeat-Key": self._keys[consumer].key})
            response = connection.getresponse()
            status, code = response.status, response.getheader("Exeat-Error")
            identifier = response.getheader("Exeat-Request-Id")
            content = response.read()
            if status == 200 and content != _answer_to(kind):
                failure = f"another answer than the upstream's: {content[:60]!r}"
        except (OSError, http.client.HTTPException) as error:
            failure = repr(error)
        call = Call(consumer, target, method, began, time.monotonic(), status, code, identifier, failure)
        self.calls.append(call)
        return call


def _answer_to(kind: str) -> bytes:
    return {"read": b"fine", "write": BODY, "slow": PART * PARTS}[kind]
