"""Messages that hypothesis makes: valid ones, and ones that are a little off."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
VISIBLE = bytes(range(0x21, 0x7F))
VALUE = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])

# Names that mean nothing to the gateway: what they carry is passed on.
FREE_NAMES = ("Accept", "accept-language", "User-Agent", "Cookie", "X-Request-Id", "Content-Type", "If-Match", "x~y!")


def of_bytes(alphabet: bytes, least: int = 0, most: int = 20) -> SearchStrategy[bytes]:
    """Byte strings over an alphabet."""
    return st.lists(st.sampled_from(alphabet), min_size=least, max_size=most).map(bytes)


methods: SearchStrategy[bytes] = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]).map(
    str.encode
) | st.text(TOKEN, min_size=1, max_size=8).map(str.encode)
targets: SearchStrategy[bytes] = of_bytes(VISIBLE, 0, 30).map(lambda rest: b"/" + rest)
names: SearchStrategy[bytes] = st.sampled_from(FREE_NAMES).map(str.encode)
values: SearchStrategy[bytes] = of_bytes(VALUE).map(lambda value: value.strip(b" \t"))
fields: SearchStrategy[list[tuple[bytes, bytes]]] = st.lists(st.tuples(names, values), max_size=6)
spaces: SearchStrategy[bytes] = st.sampled_from([b"", b" ", b"\t", b"  \t"])


@st.composite
def request_heads(draw: st.DrawFn) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    """A valid head: method, target, its free fields, and the head as bytes with white space where it may be."""
    method, target, free = draw(methods), draw(targets), draw(fields)
    lines = [name + b":" + draw(spaces) + value + draw(spaces) for name, value in free]
    lines.insert(draw(st.integers(0, len(lines))), b"Host: gateway.test")
    return method, target, free, b"\r\n".join([method + b" " + target + b" HTTP/1.1", *lines])


ODD_LINES = (
    b"Host: gateway.test",
    b"Host: a.test, b.test",
    b"Host: user@a.test",
    b"Host: a.test:80",
    b"Host: a.test:x",
    b"Host:",
    b"host: [::1]:8080",
    b"Content-Length: 5",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 0x5",
    b"Content-Length: 1_0",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 000000000000000000005",
    b"Content-Length:",
    b"Content-Length : 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked",
    b"transfer-encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer_Encoding: chunked",
    b"Connection: close",
    b"Connection: keep-alive, X-A",
    b"Connection: Content-Length",
    b"Connection: host",
    b"Expect: 100-continue",
    b"Authorization: Basic YTpi",
    b"Exeat-Key: x",
    b"X-A: 1",
    b"X-A: \x00",
    b"X-A: \x07",
    b"X-A: caf\xe9",
    b"X-A: a\rb",
    b"X-A: a\nX-B: b",
    b" folded",
    b"\tfolded",
    b"X A: 1",
    b"X-A\t: 1",
    b": 1",
    b"no colon",
    b"",
)
ODD_STARTS = (
    b"GET / HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET / HTTP/1.2",
    b"GET / HTTP/2.0",
    b"GET / HTTP/0.9",
    b"GET /",
    b"GET  / HTTP/1.1",
    b"GET / HTTP/1.1 ",
    b" GET / HTTP/1.1",
    b"GET\t/ HTTP/1.1",
    b"get / HTTP/1.1",
    b"GET / http/1.1",
    b"G@T / HTTP/1.1",
    b"GET /caf\xe9 HTTP/1.1",
    b"GET /\x00 HTTP/1.1",
    b"GET * HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT a.test:443 HTTP/1.1",
    b"POST http://a.test/ HTTP/1.1",
    b"PRI * HTTP/2.0",
    b"\x16\x03\x01\x02",
    b"",
)
odd_heads: SearchStrategy[bytes] = st.builds(
    lambda start, lines: b"\r\n".join([start, *lines]),
    st.sampled_from(ODD_STARTS[:2]) | st.sampled_from(ODD_STARTS),
    st.lists(st.sampled_from(ODD_LINES), max_size=4).map(lambda lines: [b"Host: gateway.test", *lines])
    | st.lists(st.sampled_from(ODD_LINES), max_size=5),
)


@st.composite
def mutated_heads(draw: st.DrawFn) -> bytes:
    """A valid head in which one byte was replaced, inserted or left out."""
    head = draw(request_heads())[3]
    place = draw(st.integers(0, len(head)))
    byte = draw(st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b":", b"\t", b" ", b"\x7f", b"\x80", b"a", b""]))
    return head[:place] + byte + head[place + draw(st.integers(0, 1)) :]
