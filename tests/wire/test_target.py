"""Targets: one spelling of a place, and every other one is refused or becomes it."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.origin import Origin
from exeat.wire.target import check_path, parse_authority, parse_host, parse_url

PUNY = b"xn--bcher-kva.example"


def refused(text: bytes) -> str:
    """Why a URL is refused."""
    with pytest.raises(GatewayError) as caught:
        parse_url(text)
    assert caught.value.code is Code.MALFORMED_TARGET
    return caught.value.detail


@pytest.mark.parametrize(
    ("url", "origin", "path", "query"),
    [
        (b"https://api.example.com", "https://api.example.com", b"/", None),
        (b"https://api.example.com/", "https://api.example.com", b"/", None),
        (b"https://api.example.com?", "https://api.example.com", b"/", b""),
        (b"https://api.example.com?a?b", "https://api.example.com", b"/", b"a?b"),
        (b"HTTPS://API.Example.Com.:443/a%2Fb?c=%zz", "https://api.example.com", b"/a%2Fb", b"c=%zz"),
        (b"http://api.example.com:80/", "http://api.example.com", b"/", None),
        (b"http://api.example.com:443/", "http://api.example.com:443", b"/", None),
        (b"https://api.example.com:8443//a//b", "https://api.example.com:8443", b"//a//b", None),
        (b"https://api.example.com/a@b:c", "https://api.example.com", b"/a@b:c", None),
        (b"https://8.8.8.8/", "https://8.8.8.8", b"/", None),
        (b"https://[2606:2800:0:0::1]:8080/", "https://[2606:2800::1]:8080", b"/", None),
        (b"https://b\xc3\xbccher.example/", "https://xn--bcher-kva.example", b"/", None),
        (b"https://B\xc3\x9cCHER.example/", "https://xn--bcher-kva.example", b"/", None),
        (b"https://" + PUNY + b"/", "https://xn--bcher-kva.example", b"/", None),
        (b"https://a_b.example.com/", "https://a_b.example.com", b"/", None),
        (b"https://10.example.com/", "https://10.example.com", b"/", None),
        (b"https://a/", "https://a", b"/", None),
    ],
)
def test_urls_that_are_fine(url: bytes, origin: str, path: bytes, query: bytes | None) -> None:
    """Scheme and host become canonical; path and query stay as they are."""
    target = parse_url(url)
    assert (str(target.origin), target.path, target.query) == (origin, path, query)


@pytest.mark.parametrize(
    "url",
    [
        b"",
        b"/path",
        b"//host/path",
        b"api.example.com/",
        b"ftp://a/",
        b"file:///etc/passwd",
        b"https:/a/",
        b"https:a",
        b"https://",
        b"https:///path",
        b"https://:443/",
        b"https://a#b",
        b"https://a/b#c",
        b"https://a?b#c",
        b"https://user@a/",
        b"https://user:password@a/",
        b"https://@a/",
        b"https://good\\@evil/",
        b"https://a\\b/",
        b"https://a/b\\c",
        b"https://a b/",
        b" https://a/",
        b"https://a/ b",
        b"https://a/\r\nX: y",
        b"https://a\t/",
        b"https://a\x00.b/",
        b"https://a/\x00",
        b"https://a/caf\xc3\xa9",
        b"https://a/?caf\xc3\xa9",
        b"https://a:b/",
        b"https://a:0/",
        b"https://a:65536/",
        b"https://a:123456/",
        b"https://a:443:80/",
        b"https://a:+80/",
        b"https://a: 80/",
        b"https://a:\xc2\xb2/",
        b"https://a%2eb/",
        b"https://%61/",
        b"https://a..b/",
        b"https://.a/",
        b"https://./",
        b"https://a../",
        b"https://-a/",
        b"https://a-/",
        b"https://" + b"a" * 64 + b".com/",
        b"https://" + b"a." * 130 + b"com/",
        b"https://*.a/",
        b"https://a,b/",
        b"https://[::1/",
        b"https://::1/",
        b"https://[::1]x/",
        b"https://[::1]]/",
        b"https://x[::1]/",
        b"https://[::1%25eth0]/",
        b"https://[127.0.0.1]/",
        b"https://[v1.a]/",
        b"https://[]/",
        b"https://[::g]/",
        b"https://xn--\xff/",
        b"https://xn--a/",
        b"https://\xff\xfe/",
        b"https://a\xe3\x80\x82b\xc2\xad/\xff",
    ],
)
def test_urls_that_are_refused(url: bytes) -> None:
    """What two programs could read in two ways is refused, with a reason."""
    assert refused(url).startswith("The ")


@pytest.mark.parametrize(
    "host",
    [
        b"127.1",
        b"2130706433",
        b"0x7f000001",
        b"0x7f.1",
        b"0177.0.0.1",
        b"127.0.0.01",
        b"0",
        b"0x",
        b"1.2.3.4.5",
        b"1.2.3",
        b"1.2.3.256",
        b"1.2.3.4.",
        b"a.b.1",
        b"a.0x1f",
        "１２７.0.0.1".encode(),  # noqa: RUF001 - full-width digits are the case
        "①②⑦.0.0.1".encode(),
        "127。0。0。1".encode(),
        "127.0.0.１".encode(),  # noqa: RUF001
    ],
)
def test_addresses_in_disguise(host: bytes) -> None:
    """A host that ends in a number is a dotted quad or nothing (WHATWG URL §3.5); 1.2.3.4. is that quad."""
    if host == b"1.2.3.4.":
        assert parse_host(host) == "1.2.3.4"
    else:
        refused(b"https://" + host + b"/")


@given(address=st.ip_addresses(v=4))
def test_every_ipv4_address(address: IPv4Address) -> None:
    """An address in four decimal parts is itself."""
    assert parse_host(str(address).encode()) == str(address)


@given(address=st.ip_addresses(v=6))
def test_every_ipv6_address(address: IPv6Address) -> None:
    """An address in brackets has one spelling, from any."""
    for text in (address.compressed, address.exploded, address.exploded.upper()):
        assert parse_host(f"[{text}]".encode()) == str(address)


labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?", fullmatch=True)


@given(
    names=st.lists(labels, min_size=1, max_size=4),
    port=st.integers(1, 65535),
    rest=st.from_regex(r"[A-Za-z0-9/~:@!$&'()*+,;=_-]{0,20}", fullmatch=True),
    query=st.none() | st.from_regex(r"[A-Za-z0-9/?=&%-]{0,20}", fullmatch=True),
)
def test_what_is_parsed_is_canonical(names: list[str], port: int, rest: str, query: str | None) -> None:
    """A target written out again is parsed to the same target: its form is the one form."""
    host = ".".join(names)
    text = f"https://{host}:{port}/{rest}" + ("" if query is None else f"?{query}")
    with suppress(GatewayError):
        target = parse_url(text.encode())
        assert target.origin == parse_url(str(target.origin).encode()).origin
        assert target.origin.host == host.lower()
        assert target.path == f"/{rest}".encode()
        again = b"%b%b" % (str(target.origin).encode(), target.path) + (b"" if query is None else b"?" + query.encode())
        assert parse_url(again) == target


@given(text=st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_any_bytes_are_a_target_or_refused(text: bytes) -> None:
    """Whatever stands there is a value or a GatewayError; a host that is accepted is plain ASCII."""
    for read in (parse_host, lambda raw: parse_url(b"https://" + raw), lambda raw: parse_authority(raw, "http")):
        with suppress(GatewayError):
            value = read(text)
            host = value if isinstance(value, str) else value.host if isinstance(value, Origin) else value.origin.host
            assert host.isascii()
            assert host == host.lower()
            assert not set(host) & set("/?#@\\ %[]\t\r\n\0")


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"//",
        b"/a/b",
        b"/.well-known/x",
        b"/...",
        b"/.a",
        b"/a.",
        b"/a..b",
        b"/%20",
        b"/%2F",
        b"/%2ea",
        b"/a;b",
        b"/a/..b/",
    ],
)
def test_paths_that_are_fine(path: bytes) -> None:
    """A path is visible ASCII without dot segments."""
    check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"a",
        b"*",
        b"/a b",
        b"/\x00",
        b"/\x7f",
        b"/\xc3\xa9",
        b"/a\\b",
        b"/.",
        b"/..",
        b"/./a",
        b"/../a",
        b"/a/..",
        b"/a/./b",
        b"/a/../b",
        b"/%2e",
        b"/%2E%2e/a",
        b"/.%2e/a",
        b"/%2e./a",
        b"/..;/a",
        b"/a/..;x=y/b",
        b"/.;a/b",
        b"/a/%2e%2e;/b",
        b"/..%2fa",
        b"/a%2f..%2fb",
        b"/a%2f../b",
        b"/a/..%5cb",
        b"/a%5C%2e%2E%5cb",
        b"/a#b",
    ],
)
def test_paths_that_servers_read_in_different_ways(path: bytes) -> None:
    """Dot segments in every spelling, backslashes, fragments and what isn't visible ASCII are refused."""
    with pytest.raises(GatewayError) as caught:
        check_path(path)
    assert caught.value.code is Code.MALFORMED_TARGET


def test_an_origin_in_words() -> None:
    """The port is left out where it is the scheme's own, an IPv6 address stands in brackets."""
    assert Origin("https", "a.test", 443).authority == "a.test"
    assert str(Origin("https", "a.test", 80)) == "https://a.test:80"
    assert str(Origin("http", "::1", 80)) == "http://[::1]"
    assert Origin("http", "::1", 8080).authority == "[::1]:8080"
