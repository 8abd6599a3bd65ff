"""How stand-ins for well-known APIs answer: a function from a request to a reply, whatever server runs it."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.origins import Behaviour, Peer
from tests.support.origins import Request as Received

_KEY = re.compile(rb"exeat_\w{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a stand-in sees it; `root` is the URL that it was called by, without a path."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    fields: Mapping[str, str]
    body: bytes
    root: str

    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `data` is sent as JSON, or as it is if it is bytes; `events` is a body sent piece by piece."""

    status: int
    data: object = None
    fields: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()

    def body(self) -> bytes:
        """What is sent at once."""
        return self.data if isinstance(self.data, bytes) else json.dumps(self.data, separators=(",", ":")).encode()


Answer = Callable[[Request], Reply]


def holds_a_key(request: Request) -> bool:
    """Whether an Exeat key is anywhere in what came."""
    return bool(_KEY.search(f"{request.path} {request.query} {request.fields}".encode() + request.body))


class Recording:
    """Answers as another answer does, and keeps what came; the next replies can be set."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._next: list[Reply] = []
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        """Answer."""
        with self._lock:
            self.requests.append(request)
            if holds_a_key(request):
                return Reply(500, {"error": "an Exeat key came here"})
            if self._next:
                return self._next.pop(0)
        return self._answer(request)

    @contextmanager
    def failing(self, *replies: Reply) -> Iterator[list[Request]]:
        """Answer with these first; what comes within the block, and none of them may be left over."""
        seen = len(self.requests)
        self._next += replies
        heard: list[Request] = []
        try:
            yield heard
        finally:
            heard += self.requests[seen:]
            left, self._next = self._next, []
        assert not left, f"{len(left)} replies weren't asked for"


def behaving(answer: Answer, scheme: str = "https") -> Behaviour:
    """An origin's behaviour that answers so."""

    def behave(peer: Peer, received: Received) -> None:
        if "100-continue" in received.values("expect"):
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = peer.read_body(received)
        fields = {name.lower(): value for name, value in received.fields}
        target = urlsplit(received.target)
        query = parse_qs(target.query, keep_blank_values=True)
        root = f"{scheme}://{fields['host']}"
        reply = answer(Request(received.method, target.path, query, fields, body, root))
        _send(peer, reply, is_head=received.method == "HEAD")

    return behave


def _send(peer: Peer, reply: Reply, *, is_head: bool) -> None:
    kind = "text/event-stream" if reply.events else "application/json"
    fields = {"Content-Type": kind, **reply.fields}
    body = reply.body()
    fields |= {"Transfer-Encoding": "chunked"} if reply.events else {"Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    peer.send(f"HTTP/1.1 {reply.status} Answer\r\n{lines}\r\n".encode("latin-1"))
    if reply.events:
        for event in (*reply.events, ""):
            data = event.encode()
            peer.send(b"%x\r\n%b\r\n" % (len(data), data))
    elif not is_head:
        peer.send(body)
