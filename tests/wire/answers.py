"""Heads of answers that hypothesis makes: valid ones, odd ones, and ones in which a byte has changed."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.wire.grammar import ODD_LINES, VALUE, fields, of_bytes, spaces

METHODS = (b"GET", b"GET", b"HEAD", b"POST")

statuses: SearchStrategy[int] = st.sampled_from([100, 102, 103, 200, 201, 204, 205, 206, 301, 304, 404, 500, 599])
reasons: SearchStrategy[bytes] = st.sampled_from([b"OK", b""]) | of_bytes(VALUE)
framings: SearchStrategy[bytes] = st.sampled_from(
    [b"", b"Content-Length: 0", b"Content-Length: 5", b"content-length:00005", b"Transfer-Encoding: chunked"]
)


@st.composite
def answer_heads(draw: st.DrawFn) -> tuple[int, bytes, list[tuple[bytes, bytes]], bytes]:
    """A valid head: status, reason, its free fields, and the head as bytes with white space where it may be."""
    status, reason, free, framing = draw(statuses), draw(reasons), draw(fields), draw(framings)
    lines = [name + b":" + draw(spaces) + value + draw(spaces) for name, value in free]
    if framing:
        lines.insert(draw(st.integers(0, len(lines))), framing)
    return status, reason, free, b"\r\n".join([b"HTTP/1.1 %d " % status + reason, *lines])


ODD_STARTS = (
    *(b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"),
    *(b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200  two spaces", b"HTTP/1.1 200 \xe9", b"HTTP/1.1 200 \t"),
    *(b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 199 Odd"),
    *(b"HTTP/1.1 099 Odd", b"HTTP/1.1 600 Odd", b"HTTP/1.1 999 Odd", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK"),
    *(b"HTTP/1.2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK", b"HTTP/2 200", b"HTTP/11 200 OK", b"http/1.1 200 OK"),
    *(b"HTTP/1.1  200 OK", b" HTTP/1.1 200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 \xb2\xb2\xb2 OK"),
    *(b"HTTP/1.1 200 \x00", b"HTTP/1.1 200 \x07", b"HTTP/1.1 200 a\rb", b"HTTP/1.1 200 a\nb", b"HTTP/1.1 200OK"),
    *(b"ICY 200 OK", b"SSH-2.0-OpenSSH", b"", b"GET / HTTP/1.1"),
)
odd_answer_heads: SearchStrategy[bytes] = st.builds(
    lambda start, lines: b"\r\n".join([start, *lines]),
    st.sampled_from(ODD_STARTS[:4]) | st.sampled_from(ODD_STARTS),
    st.lists(st.sampled_from(ODD_LINES), max_size=4),
)


@st.composite
def mutated_answer_heads(draw: st.DrawFn) -> bytes:
    """A valid head in which one byte was replaced, inserted or left out."""
    head = draw(answer_heads())[3]
    place = draw(st.integers(0, len(head)))
    byte = draw(st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b":", b"\t", b" ", b"\x7f", b"\x80", b"1", b""]))
    return head[:place] + byte + head[place + draw(st.integers(0, 1)) :]
