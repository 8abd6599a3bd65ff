"""That the fuzz targets can find something: a defect is planted in a parser, and an input of the corpus shows it."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from exeat.config.problem import DocumentError, Place, Problem
from exeat.errors import Code, GatewayError
from exeat.model.limits import DEFAULT, Limits
from exeat.wire.body import ChunkedBody
from exeat.wire.http1 import RequestHead, ResponseHead
from fuzz.__main__ import FUZZ
from fuzz.repeat import check_of
from fuzz.targets import document
from tests.support.values import KEY

Function = Callable[..., Any]
Defect = Callable[[Function], Function]
counter = itertools.count()


def after(change: Callable[[Any], Any]) -> Defect:
    """A function whose result is changed."""
    return lambda real: lambda *given, **named: change(real(*given, **named))


def before(change: Callable[[bytes], bytes]) -> Defect:
    """A function whose first argument is changed."""
    return lambda real: lambda data, *given, **named: real(change(data), *given, **named)


def raises(error: Exception) -> Defect:
    """A function that fails."""

    def fail(*_given: object, **_named: object) -> None:
        raise error

    return lambda _: fail


def request(head: RequestHead, **changes: Any) -> RequestHead:
    """A request's head with something changed."""
    return RequestHead(**{name: getattr(head, name) for name in RequestHead.__slots__ if name != "has_body"} | changes)


def response(head: ResponseHead, **changes: Any) -> ResponseHead:
    """A response's head with something changed."""
    return ResponseHead(**{name: getattr(head, name) for name in ResponseHead.__slots__} | changes)


def without_line(start: bytes) -> Callable[[bytes], bytes]:
    """Takes the lines that begin with something out of a head, so that the parser never sees them."""
    return lambda raw: b"\r\n".join(line for line in raw.split(b"\r\n") if not line.startswith(start))


def judging_from_where_it_was(_real: Function) -> Function:
    def check_partial(data: bytes, judged: int = 0, _limits: Limits = DEFAULT) -> None:
        if b"\n" in data[judged:].replace(b"\r\n", b""):  # the CR may be what was judged last
            raise GatewayError(Code.MALFORMED_REQUEST, "A LF on its own.")

    return check_partial


def refusing_at_the_limit(real: Function) -> Function:
    def check_partial(data: bytes, judged: int = 0, limits: Limits = DEFAULT) -> None:
        real(data, judged, replace(limits, line_bytes=limits.line_bytes - 1))

    return check_partial


class LosesLastByte(ChunkedBody):
    def feed(self, data: bytes) -> bytes:
        return super().feed(data)[:-1]


class ForgetsHalfALine(ChunkedBody):
    def feed(self, data: bytes) -> bytes:
        content = super().feed(data)
        self._buffer = b""
        return content


class LosesItsRest(ChunkedBody):
    def feed(self, data: bytes) -> bytes:
        content = super().feed(data)
        self.has_more = False
        return content


class NeverDone(ChunkedBody):
    def close(self) -> bool:
        return True


def tells_secret(_real: Function) -> Function:
    def load(*_given: object, **_named: object) -> None:
        raise DocumentError([Problem("", Place("exeat.yaml"), f"has {document.SECRETS['TOKEN']}")])

    return load


DEFECTS: dict[str, tuple[str, str, Defect]] = {
    "a request may be framed twice": (
        "request",
        "fuzz.targets.request.parse_request",
        before(without_line(b"Content-L")),
    ),
    "another exception than a refusal": (
        "request",
        "fuzz.targets.request.parse_request",
        raises(AssertionError("odd")),
    ),
    "a length is misread": (
        "request",
        "fuzz.targets.request.parse_request",
        after(lambda head: request(head, length=head.length + 1) if head.length else head),
    ),
    "a hop-by-hop field is passed on": (
        "request",
        "fuzz.targets.request.parse_request",
        after(lambda head: request(head, fields=[*head.fields, b"Keep-Alive: timeout=5\r\n"])),
    ),
    "a field is lost": (
        "request",
        "fuzz.targets.request.parse_request",
        after(lambda head: request(head, fields=head.fields[:-1])),
    ),
    "it matters how a head arrives": ("request", "fuzz.targets.request.check_partial", judging_from_where_it_was),
    "a limit is another one before a head is whole": (
        "request",
        "fuzz.targets.request.check_partial",
        refusing_at_the_limit,
    ),
    "a target's query is cut": (
        "request",
        "fuzz.targets.request.resolve",
        after(lambda resolved: type(resolved)(resolved.mode, (), None, None, resolved.path, None, b"")),
    ),
    "both framings leave": (
        "request",
        "fuzz.leaving.render_request",
        after(lambda raw: raw.replace(b"Transfer-", b"Content-Length: 5\r\nTransfer-")),
    ),
    "a field that was dropped leaves": (
        "request",
        "fuzz.leaving.render_request",
        after(lambda raw: raw.removesuffix(b"\r\n") + b"X-Forwarded-For: 10.0.0.1\r\n\r\n"),
    ),
    "a line break leaves": (
        "request",
        "fuzz.leaving.render_request",
        after(lambda raw: raw.replace(b"X-A: ", b"X-A: \n")),
    ),
    "the key leaves": (
        "request",
        "fuzz.leaving.render_request",
        after(lambda raw: raw.removesuffix(b"\r\n") + b"X-Own: " + KEY + b"\r\n\r\n"),
    ),
    "a key is refused where keys belong": (
        "request",
        "fuzz.leaving.render_request",
        raises(GatewayError(Code.MALFORMED_REQUEST, "The key would leave.")),
    ),
    "the credential doesn't leave": (
        "request",
        "fuzz.leaving.render_request",
        after(lambda raw: raw.replace(b"the-upstream", b"")),
    ),
    "the caller's parameter stays beside the credential's": (
        "request",
        "fuzz.leaving.render_request",
        after(lambda raw: raw.replace(b"&key=", b"&key=mine&key=")),
    ),
    "a response may be framed twice": (
        "response",
        "fuzz.targets.response.parse_response",
        before(without_line(b"Content-L")),
    ),
    "a response's field is lost": ("response", "fuzz.targets.response.rewrite_urls", after(lambda fields: fields[:-1])),
    "a URL is mapped to two lines": (
        "response",
        "fuzz.targets.response.rewrite_urls",
        after(lambda fields: [line.replace(b"/api", b"/\r\nX: y") for line in fields]),
    ),
    "a response's status is misread": (
        "response",
        "fuzz.targets.response.parse_response",
        after(lambda head: response(head, status=next(counter))),
    ),
    "an echoed secret isn't seen": ("response", "fuzz.targets.response.echoes", after(lambda _: False)),
    "an echoed secret stays in the reason": (
        "response",
        "fuzz.targets.response.scrub_text",
        lambda _: lambda text, _: text,
    ),
    "content is lost": ("chunked", "fuzz.targets.chunked.ChunkedBody", lambda _: LosesLastByte),
    "a slice within a line is lost": ("chunked", "fuzz.targets.chunked.ChunkedBody", lambda _: ForgetsHalfALine),
    "what a reader left for its next turn is lost": (
        "chunked",
        "fuzz.targets.chunked.ChunkedBody",
        lambda _: LosesItsRest,
    ),
    "a body that was cut counts as whole": ("chunked", "fuzz.targets.chunked.ChunkedBody", lambda _: NeverDone),
    "a chunk's size is written in decimal": (
        "chunked",
        "fuzz.targets.chunked.render_chunk",
        lambda _: lambda content: b"%d\r\n%b\r\n" % (len(content), content),
    ),
    "trailers are lost": ("chunked", "fuzz.targets.chunked.render_last_chunk", lambda real: lambda _: real([])),
    "a call brings a line of its own": (
        "envelope",
        "fuzz.targets.envelope.render_call",
        after(lambda raw: raw + b"\r\nX-Admin: 1"),
    ),
    "a call's method is lost": (
        "envelope",
        "fuzz.targets.envelope.render_call",
        after(lambda raw: raw.replace(b"M-SEARCH", b"GET")),
    ),
    "a call's body is cut": (
        "envelope",
        "fuzz.targets.envelope.render_call",
        after(lambda raw: raw.replace(b"Content-Length: ", b"Content-Length: 1")),
    ),
    "an envelope reads in two ways": (
        "envelope",
        "fuzz.targets.envelope.parse_envelope",
        after(lambda envelope: ([call._replace(path=b"/%d" % next(counter)) for call in envelope[0]], envelope[1])),
    ),
    "an envelope's call goes elsewhere": (
        "envelope",
        "fuzz.targets.envelope.by_name",
        lambda real: lambda mode, name, _, query, places: real(mode, name, b"/elsewhere", query, places),
    ),
    "an envelope ends in another refusal": (
        "envelope",
        "fuzz.targets.envelope.parse_envelope",
        raises(AssertionError("not a refusal")),
    ),
    "a host stays as it was written": (
        "target",
        "fuzz.targets.target.parse_host",
        lambda _: lambda text: text.decode(),
    ),
    "an address is made of another spelling": (
        "target",
        "fuzz.targets.target.parse_url",
        after(lambda target: target._replace(origin=target.origin._replace(host="127.0.0.1"))),
    ),
    "a call brings framing of its own": (
        "envelope",
        "fuzz.targets.envelope.parse_envelope",
        after(lambda envelope: ([call._replace(fields=[b"Host: x\r\n"]) for call in envelope[0]], envelope[1])),
    ),
    "a target is another host": (
        "target",
        "fuzz.targets.target.parse_url",
        after(lambda target: target._replace(origin=target.origin._replace(host="other.test"))),
    ),
    "dot segments are let through": (
        "target",
        "fuzz.targets.target.parse_url",
        after(lambda target: target._replace(path=target.path + b"/%2e.")),
    ),
    "another mode finds another place": (
        "target",
        "fuzz.targets.target.resolve",
        after(lambda resolved: type(resolved)("url", (), None, None, resolved.path, resolved.query, b"")),
    ),
    "a problem tells a secret": ("document", "fuzz.targets.document.load", tells_secret),
    "a document is refused without a reason": ("document", "fuzz.targets.document.load", raises(DocumentError([]))),
    "the same document has another revision": (
        "document",
        "fuzz.targets.document.load",
        after(lambda loaded: replace(loaded, snapshot=replace(loaded.snapshot, revision=str(next(counter))))),
    ),
    "the shown document holds a secret": (
        "document",
        "fuzz.targets.document.load",
        after(lambda loaded: replace(loaded, document={"a": document.IN_FILE})),
    ),
    "a worker gets another snapshot": (
        "document",
        "fuzz.targets.document.loads",
        after(lambda snapshot: replace(snapshot, revision="")),
    ),
}


def is_fine(target: str, seed: bytes) -> bool:
    try:
        check_of(target)(seed)
    except Exception:  # noqa: BLE001 - whatever leaves a check is a finding
        return False
    return True


@pytest.mark.parametrize("defect", DEFECTS)
def test_finds_that(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target whose parser has the defect raises for an input of its corpus."""
    target, place, plant = DEFECTS[defect]
    module, _, attribute = place.rpartition(".")
    seeds = [seed.read_bytes() for seed in sorted((FUZZ / "corpus" / target).iterdir())]
    harmless = [seed for seed in seeds if is_fine(target, seed)]
    monkeypatch.setattr(place, plant(getattr(import_module(module), attribute)))
    assert not all(is_fine(target, seed) for seed in harmless)


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("request", "fuzz.targets.request.parse_request"),
        ("response", "fuzz.targets.response.parse_response"),
        ("envelope", "fuzz.targets.envelope.parse_envelope"),
        ("target", "fuzz.targets.target.parse_url"),
        ("document", "fuzz.targets.document.load"),
    ],
)
@pytest.mark.parametrize("error", [ValueError("odd"), RecursionError(), GatewayError(Code.INTERNAL, "Odd.")])
def test_finds_other_exceptions(target: str, place: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that a parser doesn't document leaves the check, so that the engine sees it."""
    check = check_of(target)
    monkeypatch.setattr(place, raises(error)(print))
    with pytest.raises(type(error)):
        check(b"x")
