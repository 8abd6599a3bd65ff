"""Response heads: one meaning or none, framed in one way, and the same when they are passed on, but for the secret."""

import re
from functools import partial
from urllib.parse import unquote_to_bytes

import orjson

from exeat.errors import Code
from exeat.model.credential import Bearer
from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.policy.envelope import answer_of, render_answers
from exeat.policy.inject import prepare
from exeat.policy.rewrite import Form, echoes, rewrite_urls, scrub, scrub_text
from exeat.wire.fields import name_of
from exeat.wire.http1 import ResponseHead, parse_response, render_response
from fuzz.refusals import value_of

FRAMING = (b"content-length", b"transfer-encoding")
URLS = {b"location", b"content-location", b"link"}
SECRET = "Hush+9F/1c"  # noqa: S105 - it opens nothing
NEEDLES = prepare(Bearer(Secret(SECRET)), frozenset()).needles
LAYERS = 4  # of percent-encoding
FORM = Form(b"https://gateway.test", b"/api", ((Origin("https", "api.test", 443), b"/v1"),))
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
DEEP = 500  # brackets; JSON that is nested deeper isn't read back here


def check(data: bytes) -> None:
    """Judge the head at the beginning of `data`; what follows it is its body."""
    raw, _, body = data.partition(b"\r\n\r\n")
    head = value_of(partial(parse_response, raw), {Code.UPSTREAM_MALFORMED})
    again = value_of(partial(parse_response, raw), {Code.UPSTREAM_MALFORMED})  # from the lines that were remembered
    if head is None or again is None:
        assert head is again
        return
    assert _values(head) == _values(again)
    framing = _check_framing(raw, head)
    _check_passed_on(raw, head, framing)
    _check_in_envelope(head, body)


def _values(head: ResponseHead) -> list[object]:
    return [getattr(head, name) for name in ResponseHead.__slots__]


def _check_framing(raw: bytes, head: ResponseHead) -> bytes:
    """An accepted head was framed in one way at most, and it is the one that was read; the line that says it anew."""
    names = [line.partition(b":")[0].lower() for line in raw.split(b"\r\n")[1:]]
    framings = [name for name in names if name in FRAMING]
    assert framings == [*FRAMING[:1] * (head.length is not None), *FRAMING[1:] * head.chunked]
    if head.chunked:
        return b"Transfer-Encoding: chunked\r\n"
    return b"" if head.length is None else b"Content-Length: %d\r\n" % head.length


def _check_passed_on(received: bytes, head: ResponseHead, framing: bytes) -> None:
    """What the caller gets reads as what the upstream sent, but for the secret, and for URLs of the upstream."""
    fields, reason = head.fields, head.reason
    is_told = echoes(received, NEEDLES)
    if is_told:
        fields, reason = scrub(fields, NEEDLES), scrub_text(reason, NEEDLES)
    raw = render_response(head.status, reason, rewrite_urls(fields, FORM), framing)
    assert not _is_told(raw), "the caller is told the secret"
    assert is_told == _is_told(received)
    assert raw.endswith(b"\r\n\r\n")
    lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert not any(CONTROL.search(line.replace(b"\t", b"")) for line in lines), "a control character is passed on"
    again = parse_response(raw.removesuffix(b"\r\n\r\n"))
    assert (again.status, again.reason) == (head.status, reason)
    assert (again.length, again.chunked) == (head.length, head.chunked)
    sent = [line for line in fields if line]
    passed = [line for line in again.fields if line]
    assert [name_of(line) for line in passed] == [name_of(line) for line in sent]
    assert [line for line in passed if name_of(line) not in URLS] == [
        line for line in sent if name_of(line) not in URLS
    ]


def _is_told(text: bytes) -> bool:
    """Whether a text holds the secret, whichever of its bytes are percent-encoded, and however often."""
    for _ in range(LAYERS):
        if any(needle.octets in text for needle in NEEDLES):
            return True
        text = unquote_to_bytes(text)
    return False


def _check_in_envelope(head: ResponseHead, body: bytes) -> None:
    """As the answer to a call, it is JSON that says the same status."""
    if body.count(b"[") + body.count(b"{") > DEEP:
        return
    answer = orjson.loads(render_answers([answer_of(head.status, head.fields, body, {})], batch=False))
    assert answer["status"] == head.status
