"""Chunked bodies that hypothesis makes: valid ones with what is in them, and ones that two readers could end apart."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from exeat.wire.body import BodyReader
from tests.wire.grammar import TOKEN, names, of_bytes, spaces, values

QUOTABLE = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])


@dataclass(frozen=True)
class Chunked:
    """A valid chunked body: its bytes, the content and the trailers in it."""

    raw: bytes
    content: bytes
    trailers: list[tuple[bytes, bytes]]


def take(reader: BodyReader, data: bytes) -> bytes:
    """Feed a reader, and again for as long as it has more; GatewayError if it refuses the bytes."""
    content = reader.feed(data)
    while reader.has_more:
        content += reader.feed(b"")
    return content


tokens: SearchStrategy[bytes] = st.text(TOKEN, min_size=1, max_size=6).map(str.encode)
quoted: SearchStrategy[bytes] = st.lists(st.sampled_from(QUOTABLE), max_size=8).map(
    lambda text: b'"' + b"".join(b"\\%c" % byte if byte in b'"\\' else b"%c" % byte for byte in text) + b'"'
)


@st.composite
def extensions(draw: st.DrawFn) -> bytes:
    """Some chunk extensions (RFC 9112 §7.1.1)."""
    made = b""
    for _ in range(draw(st.integers(0, 3))):
        made += draw(spaces) + b";" + draw(spaces) + draw(tokens)
        if draw(st.booleans()):
            made += draw(spaces) + b"=" + draw(spaces) + draw(tokens | quoted)
    return made


@st.composite
def size_lines(draw: st.DrawFn, size: int) -> bytes:
    """The first line of a chunk: the size in any case, with leading zeros, with extensions."""
    digits = draw(st.sampled_from([b"%x", b"%X"])) % size
    return b"0" * draw(st.integers(0, 8)) + digits + draw(extensions()) + b"\r\n"


@st.composite
def chunked_bodies(draw: st.DrawFn) -> Chunked:
    """A valid chunked body."""
    contents = draw(st.lists(st.binary(min_size=1, max_size=20) | st.just(b"0\r\n\r\n"), max_size=4))
    trailers = draw(st.lists(st.tuples(names.filter(lambda name: name[:1] == b"x"), values), max_size=3))
    raw = b"".join(draw(size_lines(len(content))) + content + b"\r\n" for content in contents)
    raw += draw(size_lines(0))
    raw += b"".join(name + b":" + draw(spaces) + value + draw(spaces) + b"\r\n" for name, value in trailers)
    return Chunked(raw + b"\r\n", b"".join(contents), trailers)


# Pieces of which odd bodies are put together. Among them are the families of "funky chunks": a line end within an
# extension, that one reader takes for the end of the line and another for a part of it, and the same the other way
# round (TERM.EXT, EXT.TERM), and bytes between a chunk's content and the next line, that one reader skips and another
# doesn't (TERM.SPILL, SPILL.TERM).
ODD_PIECES = (
    *(b"5\r\nhello\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\n", b"\r\n", b"\n", b"\r"),
    *(b"00\r\n\r\n", b"00000005\r\nhello\r\n", b"0000000000000005\r\nhello\r\n", b"00000000000000005\r\nhello\r\n"),
    *(b"0x5\r\nhello\r\n", b"+5\r\nhello\r\n", b"-5\r\nhello\r\n", b"5_0\r\n", b"5.0\r\n", b"\xb2\r\n", b"G\r\n"),
    *(b"-0\r\n\r\n", b" 5\r\nhello\r\n", b"5 \r\nhello\r\n", b"5\t\r\nhello\r\n", b"5\x0b\r\nhello\r\n"),
    *(b"5\xa0\r\nhello\r\n", b"5\x00\r\n", b"100000000\r\n", b"fffffffffffffffb\r\n"),
    *(b"10000000000000005\r\nhello\r\n", b"\r\n\r\n", b" 0\r\n\r\n", b"5;a\r\nhello\r\n", b"5;a=b\r\nhello\r\n"),
    *(b'5;a="b\\"c"\r\nhello\r\n', b"5 ; a = b\r\nhello\r\n", b"5;;a\r\nhello\r\n", b"5;\r\nhello\r\n"),
    *(b"5;a=\r\nhello\r\n", b"5; =b\r\nhello\r\n", b'5;a="b\r\nhello\r\n', b"5;a b\r\nhello\r\n", b"5,a\r\n"),
    *(b"5;a\x00\r\nhello\r\n", b"5;a\x80\r\nhello\r\n", b'5;a="\x00"\r\nhello\r\n', b"0;a\r\n\r\n"),
    *(b'5;a="b"c\r\nhello\r\n', b"5;a\nhello\r\n", b"2;\nxx\r\n4c\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n"),
    *(b"5\nhello\r\n", b"5\rhello\r\n", b"5;\n\r\nhello\r\n", b"5\r\nhelloXX", b"5\r\nhello\n", b"5\r\nhello\rX"),
    *(b"5\r\nhello\n\n", b"5\r\nhello", b"5\r\nhello0\r\n\r\n", b"5\r\nhello\r\r", b"0\r\n\n", b"0\n\r\n", b"0\n\n"),
    *(b"0\r\r\n", b"0\r\nX", b"0\r\n\rX", b"0\r\n\r\r\n", b"X-A: 1\r\n", b"x-b:2\r\n", b"X-A : 1\r\n"),
    *(b" folded\r\n", b"X-A: 1\n", b"X-A: a\rb\r\n", b"X-A: \x00\r\n", b": 1\r\n", b"Content-Length: 5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n", b"Content-Length: x\r\n", b"exeat_key: x\r\n"),
    *(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"hello", b"no colon\r\n", b"X-A: \x07\r\n", b"X-A: caf\xe9\r\n"),
)  # fmt: skip
odd_bodies: SearchStrategy[bytes] = st.lists(st.sampled_from(ODD_PIECES), min_size=1, max_size=6).map(b"".join)


@st.composite
def mutated_bodies(draw: st.DrawFn) -> bytes:
    """A valid chunked body in which one byte was replaced, inserted or left out."""
    raw = draw(chunked_bodies()).raw
    place = draw(st.integers(0, len(raw)))
    byte = draw(st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b";", b"\t", b" ", b"0", b"\x80", b"a", b'"', b""]))
    return raw[:place] + byte + raw[place + draw(st.integers(0, 1)) :]


small_bodies: SearchStrategy[bytes] = of_bytes(b'05a;=" :X\r\n\x00\xe9', 0, 14).map(lambda text: b"1\r\na\r\n" + text)
