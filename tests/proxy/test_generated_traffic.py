"""Generated requests through a gateway in memory: what is forwarded is what was asked, and nothing else."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from exeat.errors import GatewayError
from exeat.wire.target import check_path
from tests.proxy.traffic import Asked, Served, check, decide, serve
from tests.support.playbook import KEYED, on_stage, plain
from tests.wire.chunked import Chunked, chunked_bodies, mutated_bodies, odd_bodies
from tests.wire.differences import CHUNKED, REQUESTS
from tests.wire.grammar import ODD_LINES, fields, of_bytes, spaces
from tests.wire.mutations import smuggled

PATH = bytes(set(range(0x21, 0x7F)) - set(b"?#\\"))
QUERY = bytes(set(range(0x21, 0x7F)) - {0x23})  # not #
KEY = KEYED.encode()
HOST = b"Host: gateway.test"
HOP_BY_HOP = (
    *(b"Connection: keep-alive", b"X-Hop: 1\r\nConnection: X-Hop", b"Keep-Alive: 5", b"Proxy-Connection: x"),
    *(b"Upgrade: h2c", b"HTTP2-Settings: x", b"TE: gzip", b"X-Forwarded-For: 10.0.0.1", b"x_forwarded_for: 10.0.0.1"),
    *(b"Forwarded: for=a", b"X-Real-IP: a", b"Exeat-Consumer: admin", b"exeat_consumer: admin", b"Via: 1.1 a"),
)
CHUNKED_HEAD = b"\r\n".join([b"POST /api/chunked HTTP/1.1", HOST, KEY, b"Transfer-Encoding: chunked", b"", b""])
CANARY = b"GET /api/smuggled HTTP/1.1\r\n" + HOST + b"\r\n" + KEY + b"\r\n\r\n"


def is_plain(path: bytes) -> bool:
    try:
        check_path(path)
    except GatewayError:
        return False
    return True


methods: SearchStrategy[bytes] = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"get", b"X-ODD"])
paths: SearchStrategy[bytes] = of_bytes(PATH, 0, 20).map(lambda rest: b"/" + rest).filter(is_plain)
queries: SearchStrategy[bytes | None] = st.none() | of_bytes(QUERY, 0, 20)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Asked, bytes]:
    """A valid request: what it asks for, and its bytes."""
    method, path, query = draw(methods), draw(paths), draw(queries)
    target = path if query is None else path + b"?" + query
    free = draw(fields)
    lines = [name + b":" + draw(spaces) + value + draw(spaces) for name, value in free]
    others = [HOST, KEY, *draw(st.lists(st.sampled_from(HOP_BY_HOP), max_size=3))]
    framing = draw(st.sampled_from(["none", "length", "chunked"]))
    body = Chunked(b"", b"", [])
    if framing == "length":
        content = draw(st.binary(max_size=30) | st.just(CANARY))
        body = Chunked(content, content, [])
        others.append(b"Content-Length: %d" % len(content))
    elif framing == "chunked":
        body = draw(chunked_bodies())
        others.append(b"Transfer-Encoding: chunked")
    for line in others:
        lines.insert(draw(st.integers(0, len(lines))), line)
    raw = b"\r\n".join([method + b" /api" + target + b" HTTP/1.1", *lines]) + b"\r\n\r\n" + body.raw
    return Asked(method, b"/api" + target, free, body.content, body.trailers), raw


def play(raw: bytes, pieces: list[bytes]) -> Served:
    """Serve a stream in pieces, and check it against what it asks for."""
    asked, end = decide(raw)
    with on_stage(plain()) as stage:
        served = serve(stage, pieces, [one.method for one in asked])
    served.lines = len(stage.records)
    check(asked, end, served)
    return served


def bytewise(raw: bytes) -> list[bytes]:
    return [raw[place : place + 1] for place in range(len(raw))]


@given(made=st.lists(requests(), min_size=1, max_size=4), places=st.lists(st.integers(1, 2000), max_size=6))
def test_a_stream_of_requests(made: list[tuple[Asked, bytes]], places: list[int]) -> None:
    """Pipelined requests reach the upstream as they were made, each once and in order, however they are cut."""
    raw = b"".join(one for _, one in made)
    marks = sorted({0, len(raw), *(place for place in places if place < len(raw))})
    assert decide(raw) == ([asked for asked, _ in made], "open")
    whole = play(raw, [raw])
    assert [final.status for final in whole.finals] == [200] * len(made)
    assert play(raw, [raw[one:other] for one, other in pairwise(marks)]).essence == whole.essence
    assert play(raw, bytewise(raw)).essence == whole.essence


@st.composite
def odd_requests(draw: st.DrawFn) -> bytes:
    """A request with a key, one or two odd lines, and perhaps a body that doesn't fit."""
    lines = [HOST, KEY, *draw(st.lists(st.sampled_from(ODD_LINES), min_size=1, max_size=2))]
    head = b"\r\n".join([b"POST /api/odd HTTP/1.1", *draw(st.permutations(lines))])
    return head + b"\r\n\r\n" + draw(st.sampled_from([b"", b"hello", CANARY]) | odd_bodies)


@st.composite
def mutated_requests(draw: st.DrawFn) -> bytes:
    """A valid request in which one byte was replaced, inserted or left out."""
    raw = draw(requests())[1]
    place = draw(st.integers(0, len(raw)))
    byte = draw(st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b":", b"\t", b" ", b"\x7f", b"\x80", b"1", b""]))
    return raw[:place] + byte + raw[place + draw(st.integers(0, 1)) :]


chunked_requests: SearchStrategy[bytes] = (odd_bodies | mutated_bodies()).map(lambda body: CHUNKED_HEAD + body)


@settings(max_examples=150)
@given(
    before=st.lists(requests(), max_size=2),
    odd=odd_requests() | mutated_requests() | chunked_requests,
    places=st.lists(st.integers(1, 2000), max_size=4),
)
def test_a_stream_with_an_odd_request(before: list[tuple[Asked, bytes]], odd: bytes, places: list[int]) -> None:
    """An odd request among good ones is served as what it asks for, or refused, and then nothing is read after it."""
    raw = b"".join(one for _, one in before) + odd + CANARY
    marks = sorted({0, len(raw), *(place for place in places if place < len(raw))})
    whole = play(raw, [raw])
    play(raw, [raw[one:other] for one, other in pairwise(marks)])
    assert [call.body for call in whole.calls[: len(before)]] == [asked.body for asked, _ in before]


REFUSED = [
    *(rule.example + b"\r\n\r\n" for rule in REQUESTS if rule.status >= 400),
    *(CHUNKED_HEAD + rule.example for rule in CHUNKED if rule.status >= 400),
]
SMUGGLED = smuggled(b"POST /api/ HTTP/1.1\r\n" + HOST + b"\r\n" + KEY + b"\r\n")
GOOD = b"POST /api/good HTTP/1.1\r\n" + HOST + b"\r\n" + KEY + b"\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("hostile", REFUSED, ids=range(len(REFUSED)))
def test_nothing_after_a_refused_request_is_read(hostile: bytes) -> None:
    """After a refusal there is one final answer, nothing more goes upstream, and no more access lines are written."""
    raw = GOOD + GOOD + hostile + CANARY * 2
    for pieces in ([raw], [GOOD, GOOD, hostile, CANARY, CANARY], bytewise(raw) if len(hostile) < 400 else [raw]):
        served = play(raw, pieces)
        assert [final.status for final in served.finals[:2]] == [200, 200]
        assert len(served.finals) == served.lines == 3
        assert served.finals[2].status in {400, 414, 431}
        assert served.was_closed
        assert [call.target for call in served.calls] == [b"/good", b"/good"]


@pytest.mark.parametrize("first", range(7))
def test_nothing_is_smuggled(first: int) -> None:
    """A disguised second framing changes nothing: a request is what its plain framing says, or refused (a sample)."""
    for raw in SMUGGLED[first :: 7 * 5]:
        served = play(raw, [raw])
        assert b"/smuggled" not in [call.target for call in served.calls]
        assert play(raw, [raw[:-30], raw[-30:]]).essence == served.essence


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n\n", b"x\r\n", b"1\r\naX", b"1\r\na"])
@pytest.mark.parametrize("count", [1023, 1024, 1025, 5000])
def test_a_body_of_very_many_chunks(count: int, end: bytes) -> None:
    """A body that is read in several turns ends where it ends, and what follows it waits for its turn."""
    raw = GOOD + CHUNKED_HEAD + b"1\r\na\r\n" * count + end + GOOD + CANARY
    whole = play(raw, [raw])
    assert play(raw, [raw[:3000], raw[3000:-200], raw[-200:]]).essence[0] == whole.essence[0]
    if end.endswith(b"\r\n\r\n"):
        assert [call.body for call in whole.calls] == [b"hello", b"a" * count, b"hello", b""]
        assert [call.target for call in whole.calls] == [b"/good", b"/chunked", b"/good", b"/smuggled"]
    else:
        assert [call.body for call in whole.calls] == [b"hello"]
