"""Conversations about URLs in JSON bodies: they lead back through the gateway, and nothing else changes."""

import gzip
from collections.abc import Iterable
from dataclasses import replace

from exeat.config.sibling_entries import Sibling
from exeat.config.siblings import with_siblings
from exeat.model.credential import Nothing
from exeat.model.json_path import parse_json_path
from exeat.model.links import Links
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach, TlsIdentity
from tests.support.playbook import CHUNKED, CREDENTIAL, KEYED, UPSTREAM, Party, Stage, chunks, conversation, scene
from tests.support.values import SECRET, snapshot, upstream

HOST = "Host: gateway.test"
JSON = "Content-Type: application/json; charset=utf-8"
PLAIN = "Accept-Encoding: identity"
PAGE = '{"items": [1.10, {"url": "http://api.test/v1/a?b=c"}],\n "next": "/v1/x"}'
REWRITTEN = '{"items": [1.10, {"url": "http://gateway.test/api/a?b=c"}],\n "next": "/api/x"}'


def linked() -> Snapshot:
    """An upstream of whose JSON two members are links, and one more at a place of its own."""
    links = Links(("next", "url"), (parse_json_path("$.paging.more"),))
    api = replace(upstream("api", "http://api.test/v1"), links=links)
    sibling = Sibling.model_validate({"host": "http://uploads.test", "credential": False})
    other = replace(upstream("plain", "http://plain.test", kind=Nothing()), links=links)
    return snapshot(with_siblings(api, [sibling], TlsIdentity(), Reach()), other)


def ask(stage: Stage, target: str = "/api/a", *lines: str, start: str = "GET") -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(f"{start} {target} HTTP/1.1", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


@conversation(linked)
def test_links_of_a_whole_body(stage: Stage) -> None:
    """The members that were named are rewritten; a body that comes in one piece keeps a length."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", JSON, f"Content-Length: {len(PAGE)}", body=PAGE)
    heard = caller.takes()
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n" + JSON.encode())
    content = REWRITTEN.encode()
    framed = {b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content): CHUNKED, content: f"Content-Length: {len(content)}"}
    assert framed[body].encode() in head.split(b"\r\n")


@conversation(linked)
def test_links_of_a_chunked_body(stage: Stage) -> None:
    """The same for a chunked body, wherever a chunk ends; its trailers come after it."""
    caller, api = ask(stage, "/api/a", "TE: trailers")
    contents = [PAGE[:20], PAGE[20:45], PAGE[45:]]
    trailers = ("X-After: 1", "Content-Digest: sha-256=:AAAA:")
    api.says("HTTP/1.1 200 OK", JSON, CHUNKED)
    api.sends(chunks(*contents, trailers=trailers))
    caller.hears("HTTP/1.1 200 OK", JSON, CHUNKED, UPSTREAM, body=chunks(REWRITTEN, trailers=("X-After: 1",)))


@conversation(linked)
def test_a_body_that_ends_with_its_connection(stage: Stage) -> None:
    """A body without framing is rewritten as well."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", JSON)
    api.sends(PAGE)
    api.finishes()
    caller.hears("HTTP/1.1 200 OK", JSON, CHUNKED, UPSTREAM, body=chunks(REWRITTEN))


@conversation(linked)
def test_what_is_asked_for(stage: Stage) -> None:
    """No coding is asked for, whatever the caller takes; all else leaves as it was sent."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED, "Accept-Encoding: gzip, br", "Range: bytes=0-9", "X-A: 1")
    stage.upstream().hears("GET /v1/a HTTP/1.1", "Host: api.test", "Range: bytes=0-9", "X-A: 1", PLAIN, CREDENTIAL)


@scene(linked)
def test_a_body_in_a_coding_that_can_be_undone(stage: Stage) -> None:
    """An upstream that compresses nevertheless: its body is unpacked, rewritten, and sent as it is."""
    caller, api = ask(stage)
    packed = gzip.compress(PAGE.encode())
    api.says("HTTP/1.1 200 OK", JSON, "Content-Encoding: gzip", CHUNKED)
    api.sends(b"%x\r\n%b\r\n" % (15, packed[:15]))
    api.sends(b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed) - 15, packed[15:]))
    caller.hears("HTTP/1.1 200 OK", JSON, CHUNKED, UPSTREAM, body=chunks(REWRITTEN))


@scene(linked)
def test_a_broken_coding(stage: Stage) -> None:
    """Where that can't be undone in the middle, the answer breaks off; it never ends as if it were whole."""
    caller, api = ask(stage)
    packed = gzip.compress(PAGE.encode())
    api.says("HTTP/1.1 200 OK", JSON, "Content-Encoding: gzip", CHUNKED)
    api.sends(b"%x\r\n%b\r\n" % (15, packed[:15]))
    api.sends(b"4\r\nnope\r\n0\r\n\r\n")
    assert not caller.takes().endswith(b"0\r\n\r\n")
    caller.sees_it_closed()
    api.sees_it_dropped()
    assert stage.records[-1]["error"] == "upstream-malformed"


@scene(linked)
def test_a_coding_that_ends_too_early(stage: Stage) -> None:
    """A compressed body that is cut within its framing breaks off, too."""
    caller, api = ask(stage)
    packed = gzip.compress(PAGE.encode())[:-4]
    api.says("HTTP/1.1 200 OK", JSON, "Content-Encoding: gzip", CHUNKED)
    api.sends(b"%x\r\n%b\r\n" % (len(packed), packed))
    api.sends(b"0\r\n\r\n")
    assert not caller.takes().endswith(b"0\r\n\r\n")
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "upstream-malformed"


@conversation(linked)
def test_a_coding_that_cannot_be_undone(stage: Stage) -> None:
    """Links are no secret: a body in another coding passes as it is."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", JSON, "Content-Encoding: br", "Content-Length: 6", body=b"\x01\x02\xffabc")
    caller.hears(
        "HTTP/1.1 200 OK", JSON, "Content-Encoding: br", "Content-Length: 6", UPSTREAM, body=b"\x01\x02\xffabc"
    )


@conversation(linked)
def test_other_bodies(stage: Stage) -> None:
    """What isn't JSON passes untouched, and so does a part of JSON."""
    caller, api = ask(stage)
    length = f"Content-Length: {len(PAGE)}"
    api.says("HTTP/1.1 200 OK", "Content-Type: text/plain", length, body=PAGE)
    caller.hears("HTTP/1.1 200 OK", "Content-Type: text/plain", length, UPSTREAM, body=PAGE)
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    api.takes()
    api.says("HTTP/1.1 206 Partial Content", JSON, length, body=PAGE)
    caller.hears("HTTP/1.1 206 Partial Content", JSON, length, UPSTREAM, body=PAGE)


@conversation(linked)
def test_answers_without_a_body(stage: Stage) -> None:
    """A HEAD has no length then, since nobody knows it; an empty body keeps its own."""
    caller, api = ask(stage, start="HEAD")
    api.says("HTTP/1.1 200 OK", JSON, "Content-Length: 100", 'ETag: "x"')
    caller.hears("HTTP/1.1 200 OK", JSON, 'ETag: "x"', UPSTREAM)
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    api.takes()
    api.says("HTTP/1.1 200 OK", JSON, "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", JSON, "Content-Length: 0", UPSTREAM)
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    api.takes()
    api.says("HTTP/1.1 304 Not Modified", JSON)
    caller.hears("HTTP/1.1 304 Not Modified", JSON, UPSTREAM)


@conversation(linked)
def test_digests_of_what_was(stage: Stage) -> None:
    """Digests of a body that is rewritten are left out."""
    caller, api = ask(stage)
    body = '{"next": "http://api.test/v1/"}'
    digests = ("Content-MD5: AAAA", "Digest: SHA-256=AAAA", "Content-Digest: a=:AAAA:", "Repr-Digest: a=:AAAA:")
    api.says("HTTP/1.1 200 OK", JSON, *digests, CHUNKED, body=chunks(body))
    heard = caller.takes()
    assert b"igest" not in heard
    assert b"MD5" not in heard
    assert b"http://gateway.test/api/" in heard


SIBLING = '{"url": "http://uploads.test/up{?name,label}", "paging": {"more": "/v1/m"}}'


@conversation(linked)
def test_links_to_siblings_and_templates(stage: Stage) -> None:
    """A sibling's URL, a template in it (RFC 6570), and a link at its place."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", JSON, CHUNKED)
    api.sends(chunks(SIBLING))
    expected = '{"url": "http://gateway.test/api/~uploads.test/up{?name,label}", "paging": {"more": "/api/m"}}'
    caller.hears("HTTP/1.1 200 OK", JSON, CHUNKED, UPSTREAM, body=chunks(expected))


@conversation(linked)
def test_a_secret_in_a_link(stage: Stage) -> None:
    """A link that holds the credential loses it, whether or not bodies are searched."""
    caller, api = ask(stage)
    body = f'{{"next": "http://api.test/v1/?key={SECRET}", "other": "kept"}}'
    api.says("HTTP/1.1 200 OK", "Content-Type: application/hal+json", CHUNKED)
    api.sends(chunks(body))
    expected = '{"next": "http://gateway.test/api/?key=[redacted]", "other": "kept"}'
    caller.hears("HTTP/1.1 200 OK", "Content-Type: application/hal+json", CHUNKED, UPSTREAM, body=chunks(expected))


@conversation(linked)
def test_a_body_that_breaks_off(stage: Stage) -> None:
    """A body that is cut stays visibly cut."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", JSON, CHUNKED)
    api.sends('8\r\n{"next":\r\n')
    api.vanishes()
    assert not caller.takes().endswith(b"0\r\n\r\n")
    caller.sees_it_closed()


def pieces(text: bytes, size: int) -> Iterable[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


@scene(linked)
def test_a_large_body_is_not_gathered(stage: Stage) -> None:
    """A body of any size streams: what came leaves, but for the end that may be a part of a link."""
    caller, api = ask(stage)
    item = b'{"id": 1, "url": "http://api.test/v1/items/1", "text": "some words"},'
    api.says("HTTP/1.1 200 OK", JSON, CHUNKED)
    caller.takes()
    sent = got = 0
    for _ in range(400):
        block = item * 800
        api.sends(b"%x\r\n%b\r\n" % (len(block), block))
        sent += 800
        got += caller.takes_raw().count(b"http://gateway.test/api/items/1")
        assert sent - got <= 1
    api.sends(b"0\r\n\r\n")
    assert got + caller.takes_raw().count(b"http://gateway.test/api/items/1") == sent


@scene(linked)
def test_a_slow_caller_stops_the_upstream(stage: Stage) -> None:
    """A caller that doesn't read holds the upstream back, as for any other body."""
    caller, api = ask(stage, "/plain/a")
    caller.stops_reading()
    api.says("HTTP/1.1 200 OK", JSON, CHUNKED)
    for block in pieces(b'{"next":"http://plain.test/x"}' * 10000, 60000):
        api.sends(b"%x\r\n%b\r\n" % (len(block), block))
    assert api.is_held_back()
    caller.reads_on()
    assert not api.is_held_back()
    api.sends(b"0\r\n\r\n")
    assert caller.takes().count(b"http://gateway.test/plain/x") == 10000


@scene(linked)
def test_links_in_an_envelope(stage: Stage) -> None:
    """In an envelope's answer, URLs lead to where the caller of the envelope can call them."""
    call = '{"upstream": "api", "path": "/a"}'
    caller = stage.caller()
    caller.says("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(call)}", body=call)
    api = stage.upstream()
    api.takes()
    api.says("HTTP/1.1 200 OK", JSON, CHUNKED)
    api.sends(chunks(PAGE[:30], PAGE[30:]))
    heard = caller.takes().partition(b"\r\n\r\n")[2]
    assert b'"http://gateway.test/api/a?b=c"' in heard
    assert b'"/api/x"' in heard
