"""Answers that hold one more for the next caller: those of http1.yaml, and the usual tricks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.smuggling.callers import answer_to
from tests.smuggling.hostile import Hostile, chunk, consumer, length, listed_cases, request
from tests.support.capture import Script

BODY = b"b" * 64 * 1024
FLOOD = 5000


@dataclass(frozen=True)
class HostileAnswer:
    """What the upstream writes when it is asked with `method`."""

    id: str
    script: Script
    method: bytes = b"GET"

    @property
    def asked(self) -> Hostile:
        """The request that is answered so."""
        body = BODY if self.method == b"POST" else b""
        lines = [length(len(body))] if body else []
        return Hostile(self.id, (request(self.id, *lines, body=body, start=self.method + b" /s/a HTTP/1.1"),))


def all_answers() -> list[HostileAnswer]:
    """Every case of this range."""
    return [*_listed(), *_tricks()]


def _listed() -> Iterator[HostileAnswer]:
    """The responses of http1.yaml."""
    for case in listed_cases():
        if not case.is_request:
            yield HostileAnswer(case.id, Script(case.raw, close=case.close, early=case.early), case.method)


def poison(name: str) -> bytes:
    """A whole answer that is meant for a case's own consumer, if for anybody."""
    body = answer_to(consumer(name).encode(), b"/poison")
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _answer(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines]) + b"\r\n\r\n"


def _as_chunks(content: bytes) -> bytes:
    return chunk(content) + b"0\r\n\r\n"


def _tricks() -> Iterator[HostileAnswer]:
    """An answer that is followed by another wherever a reader may think it ends."""
    for name, make in _TRICKS.items():
        yield HostileAnswer(name, Script(make(poison(name))), _METHODS.get(name.partition("-")[0], b"GET"))


_METHODS = {"HEAD": b"HEAD", "POST": b"POST"}
_CHUNKED = b"Transfer-Encoding: chunked"
_TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "extra": lambda more: _answer(b"Content-Length: 2") + b"ok" + more,
    "extra-three": lambda more: _answer(b"Content-Length: 2") + b"ok" + more * 3,
    "extra-half": lambda more: _answer(b"Content-Length: 2") + b"ok" + more[:20],
    "extra-keep-alive": lambda more: _answer(b"Connection: keep-alive", b"Content-Length: 2") + b"ok" + more,
    "extra-after-chunks": lambda more: _answer(_CHUNKED) + b"2\r\nok\r\n0\r\n\r\n" + more,
    "extra-in-trailers": lambda more: _answer(_CHUNKED) + b"0\r\nX: y\n\n" + more,
    "204-length": lambda more: _answer(length(len(more)), status=b"204 No Content") + more,
    "204-chunks": lambda more: _answer(_CHUNKED, status=b"204 No Content") + _as_chunks(more),
    "304-length": lambda more: _answer(length(len(more)), status=b"304 Not Modified") + more,
    "304-chunks": lambda more: _answer(_CHUNKED, status=b"304 Not Modified") + _as_chunks(more),
    "205-length": lambda more: _answer(length(len(more)), status=b"205 Reset Content") + more,
    "100-length": lambda more: _answer(length(len(more)), status=b"100 Continue") + more + more,
    "100-flood": lambda more: _answer(status=b"100 Continue") * FLOOD + more,
    "102-between": lambda more: _answer(b"Content-Length: 0") + _answer(status=b"102 Processing") + more,
    "101-unasked": lambda more: (
        _answer(b"Upgrade: x", b"Connection: upgrade", status=b"101 Switching Protocols") + more
    ),
    "CL.CL": lambda more: _answer(b"Content-Length: 0", length(len(more))) + more,
    "CL.CL-reversed": lambda more: _answer(length(len(more)), b"Content-Length: 0") + more,
    "CL.CL-list": lambda more: _answer(b"Content-Length: 0, %d" % len(more)) + more,
    "CL-negative": lambda more: _answer(b"Content-Length: -1") + more,
    "CL-empty": lambda more: _answer(b"Content-Length:") + more,
    "CL-plus": lambda more: _answer(b"Content-Length: +0") + more,
    "CL-space": lambda more: _answer(b"Content-Length : 0") + more,
    "CL-folded": lambda more: _answer(b"Content-Length: 0\r\n %d" % len(more)) + more,
    "CL-lone-LF": lambda more: _answer(b"X: y\nContent-Length: 0") + more,
    "CL-lone-CR": lambda more: _answer(b"X: y\rContent-Length: 0") + more,
    "CL.TE": lambda more: _answer(length(len(more)), _CHUNKED) + b"0\r\n\r\n" + more,
    "TE.CL": lambda more: _answer(b"Content-Length: 4", _CHUNKED) + _as_chunks(more),
    "TE.TE": lambda more: _answer(_CHUNKED, b"Transfer-Encoding: x") + b"0\r\n\r\n" + more,
    "TE-space": lambda more: _answer(b"Transfer-Encoding : chunked", length(len(more))) + b"0\r\n\r\n" + more,
    "TE-last-chunk-LF": lambda more: _answer(_CHUNKED) + b"0\n\n" + more,
    "TE-size-LF": lambda more: _answer(_CHUNKED) + b"2\nok\r\n0\r\n\r\n" + more,
    "TE-HTTP-1.0": lambda more: _answer(_CHUNKED).replace(b"1.1", b"1.0") + b"0\r\n\r\n" + more,
    "lone-LF-head": lambda more: b"HTTP/1.1 200 OK\nContent-Length: 0\n\n" + more,
    "NUL": lambda more: _answer(b"X: \0", b"Content-Length: 0") + more,
    "HTTP-0.9": lambda more: b"ok\r\n\r\n" + more,
    "HTTP-2.0": lambda more: b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n" + more,
    "HEAD-body": lambda more: _answer(length(len(more))) + more,
    "HEAD-chunks": lambda more: _answer(_CHUNKED) + _as_chunks(more),
    "HEAD-two": lambda more: _answer(b"Content-Length: 2") + more,
    "POST-extra": lambda more: _answer(b"Content-Length: 0") + more,
}
