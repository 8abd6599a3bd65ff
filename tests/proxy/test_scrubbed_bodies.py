"""Conversations about bodies that are searched for the credential: it is covered, and all else passes."""

import gzip
from base64 import b64encode
from dataclasses import replace

from exeat.model.credential import Bearer, Caller
from exeat.model.links import Links
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from tests.support.playbook import CHUNKED, GATEWAY, KEYED, UPSTREAM, Party, Stage, chunks, conversation, scene
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
SECRET = "s3cret/token+1"
COVER = "*" * len(SECRET)
TEXT = "Content-Type: text/plain"


def scrubbed() -> Snapshot:
    """An upstream whose bodies are searched, one that also has links, and one without a secret."""
    kind = Bearer(Secret(SECRET))
    return snapshot(
        replace(upstream("api", "http://api.test", kind=kind), scrubs_bodies=True),
        replace(upstream("both", "http://both.test", kind=kind), scrubs_bodies=True, links=Links(("next",), ())),
        replace(upstream("open", "http://open.test", kind=Caller()), scrubs_bodies=True),
        upstream("off", "http://off.test", kind=kind),
    )


def ask(stage: Stage, target: str = "/api/a", *lines: str, start: str = "GET") -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(f"{start} {target} HTTP/1.1", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


@conversation(scrubbed)
def test_a_body_with_a_length(stage: Stage) -> None:
    """The secret is covered by as many asterisks, so that the length stays true."""
    caller, api = ask(stage)
    body = f"You sent {SECRET}, and again: {SECRET}{SECRET}s3cret/"
    covered = body.replace(SECRET, COVER)
    length = f"Content-Length: {len(body)}"
    api.says("HTTP/1.1 200 OK", TEXT, length, body=body)
    caller.hears("HTTP/1.1 200 OK", TEXT, length, UPSTREAM, body=covered)


@conversation(scrubbed)
def test_a_secret_across_chunks(stage: Stage) -> None:
    """The secret is found where a chunk ends in its middle."""
    caller, api = ask(stage, "/api/a", "TE: trailers")
    api.says("HTTP/1.1 400 Bad Request", TEXT, CHUNKED)
    api.sends(chunks("Bad token: s3cr", "et/tok", "en+1!", trailers=("X-Echo: s3cret/token+1",)))
    covered = chunks(f"Bad token: {COVER}!", trailers=("X-Echo: [redacted]",))
    caller.hears("HTTP/1.1 400 Bad Request", TEXT, CHUNKED, UPSTREAM, body=covered)


@conversation(scrubbed)
def test_other_spellings(stage: Stage) -> None:
    """Percent-encoded, in base64, and escaped as JSON does, it is covered as well."""
    caller, api = ask(stage)
    encoded = b64encode(b"xy" + SECRET.encode() + b"z").decode()
    body = f'{{"a": "s3cret%2Ftoken%2B1", "b": "s3cret%2ftoken%2b1", "c": "s3cret\\/token+1", "d": "{encoded}"}}'
    api.says("HTTP/1.1 200 OK", TEXT, f"Content-Length: {len(body)}", body=body)
    heard = caller.takes().partition(b"\r\n\r\n")[2].decode()
    assert len(heard) == len(body)
    assert heard.startswith(f'{{"a": "{"*" * 18}", "b": "{"*" * 18}", "c": "{"*" * 15}", "d": "{encoded[:2]}')
    assert heard.count("*") >= 18 + 18 + 15 + 17


@conversation(scrubbed)
def test_a_secret_at_the_very_end(stage: Stage) -> None:
    """What was held back at the end of a body leaves with it, covered where it has to be."""
    caller, api = ask(stage)
    for body in (f"x{SECRET}", "x" + SECRET[:-1], SECRET[:1]):
        api.says("HTTP/1.1 200 OK", TEXT, CHUNKED)
        api.sends(chunks(body))
        expected = chunks(body.replace(SECRET, COVER))
        caller.hears("HTTP/1.1 200 OK", TEXT, CHUNKED, UPSTREAM, body=expected)
        caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
        api.takes()
    api.says("HTTP/1.1 204 No Content")


@scene(scrubbed)
def test_an_event_is_not_held_back(stage: Stage) -> None:
    """A stream of events isn't delayed: what can't be the beginning of the secret leaves at once."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Type: text/event-stream", CHUNKED)
    caller.takes()
    for event in ("data: 1\n\n", "data: 2\n\n"):
        api.sends(f"{len(event):x}\r\n{event}\r\n")
        assert event.encode() in caller.takes_raw()
    api.sends("9\r\ndata: s3c\r\n")
    assert b"s3c" not in caller.takes_raw()
    api.sends("f\r\nret/token+1\n\n..\r\n0\r\n\r\n")
    heard = caller.takes_raw()
    assert COVER.encode() in heard
    assert b"s3c" not in heard
    assert stage.records[-1]["bytes_out"] == 9 + 9 + 9 + 15


@conversation(scrubbed)
def test_what_is_asked_for(stage: Stage) -> None:
    """Neither a coding nor a part is asked for: neither could be searched."""
    caller = stage.caller()
    caller.says(
        "GET /api/a HTTP/1.1", HOST, KEYED, "Accept-Encoding: gzip", "Range: bytes=0-2", 'If-Range: "x"', "X-A: 1"
    )
    authorization = f"Authorization: Bearer {SECRET}"
    stage.upstream().hears("GET /a HTTP/1.1", "Host: api.test", "X-A: 1", "Accept-Encoding: identity", authorization)


@scene(scrubbed)
def test_a_compressed_body(stage: Stage) -> None:
    """An upstream that compresses nevertheless: its body is unpacked and searched."""
    caller, api = ask(stage)
    packed = gzip.compress(f"Bad token: {SECRET}".encode())
    api.says("HTTP/1.1 200 OK", TEXT, "Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    api.sends(packed[:20])
    api.sends(packed[20:])
    caller.hears("HTTP/1.1 200 OK", TEXT, CHUNKED, UPSTREAM, body=chunks(f"Bad token: {COVER}"))


@conversation(scrubbed)
def test_a_coding_that_cannot_be_undone(stage: Stage) -> None:
    """A body in another coding isn't passed on: nobody could say what is in it."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", TEXT, "Content-Encoding: br", "Content-Length: 3", body="abc")
    problem = caller.hears_problem(502, "upstream-malformed")
    assert "content coding" in str(problem["detail"])
    api.sees_it_dropped()


@conversation(scrubbed)
def test_answers_without_a_body(stage: Stage) -> None:
    """Where there is no body there is nothing to search, whatever its coding would be."""
    caller, api = ask(stage, start="HEAD")
    api.says("HTTP/1.1 200 OK", "Content-Encoding: br", "Content-Length: 3")
    caller.hears("HTTP/1.1 200 OK", "Content-Encoding: br", "Content-Length: 3", UPSTREAM)


@conversation(scrubbed)
def test_links_and_secrets(stage: Stage) -> None:
    """Both at once: links lead through the gateway, and the secret is nowhere."""
    caller, api = ask(stage, "/both/a")
    api.says("HTTP/1.1 200 OK", "Content-Type: application/json", CHUNKED)
    api.sends(chunks(f'{{"next": "http://both.test/?k={SECRET}", "t": "{SECRET}"}}'))
    covered = chunks(f'{{"next": "http://gateway.test/both/?k=[redacted]", "t": "{COVER}"}}')
    caller.hears("HTTP/1.1 200 OK", "Content-Type: application/json", CHUNKED, UPSTREAM, body=covered)


@conversation(scrubbed)
def test_no_secret_is_shown(stage: Stage) -> None:
    """Where Exeat shows no secret, there is none to look for."""
    caller, api = ask(stage, "/open/a", "Authorization: Basic eDp5")
    api.says("HTTP/1.1 200 OK", TEXT, "Content-Encoding: br", "Content-Length: 3", body="abc")
    caller.hears("HTTP/1.1 200 OK", TEXT, "Content-Encoding: br", "Content-Length: 3", UPSTREAM, body="abc")


@conversation(scrubbed)
def test_off(stage: Stage) -> None:
    """Without the switch, bodies pass as they are sent, in the coding that the caller asked for."""
    caller = stage.caller()
    caller.says("GET /off/a HTTP/1.1", HOST, KEYED, "Accept-Encoding: gzip")
    api = stage.upstream()
    assert b"Accept-Encoding: gzip\r\n" in api.takes()
    api.says("HTTP/1.1 200 OK", TEXT, f"Content-Length: {len(SECRET)}", body=SECRET)
    caller.hears("HTTP/1.1 200 OK", TEXT, f"Content-Length: {len(SECRET)}", UPSTREAM, body=SECRET)


@conversation(scrubbed)
def test_a_problem_of_the_gateway(stage: Stage) -> None:
    """What the gateway says itself isn't searched."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.1", HOST)
    assert GATEWAY.encode() in caller.takes()
