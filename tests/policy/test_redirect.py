"""Redirects: which are followed, where they lead, and what stays behind."""

import pytest

from exeat.errors import Code, GatewayError
from exeat.policy.redirect import head_for, is_followed, next_target
from exeat.wire.fields import name_of
from exeat.wire.http1 import parse_request, parse_response
from exeat.wire.target import parse_url

BASE = parse_url(b"https://api.test/v1/a/b?q=1")
GET = parse_request(b"GET /api/a HTTP/1.1\r\nHost: g.test")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (b"https://api.test/x", "https://api.test/x"),
        (b"HTTPS://API.test:443/x?y=1", "https://api.test/x?y=1"),
        (b"https://api.test/x#part", "https://api.test/x"),
        (b"http://api.test/x", "http://api.test/x"),
        (b"//elsewhere.test/x", "https://elsewhere.test/x"),
        (b"/x/y", "https://api.test/x/y"),
        (b"c", "https://api.test/v1/a/c"),
        (b"./c?d", "https://api.test/v1/a/c?d"),
        (b"../c", "https://api.test/v1/c"),
        (b"../../../../c", "https://api.test/c"),
        (b"?r=2", "https://api.test/v1/a/b?r=2"),
    ],
)
def test_a_reference_is_resolved(location: bytes, url: str) -> None:
    """Absolute URLs, and references relative to the URL that was called (RFC 3986 §5.4)."""
    target = next_target(BASE, location)
    query = "" if target.query is None else f"?{target.query.decode()}"
    assert f"{target.origin}{target.path.decode()}{query}" == url


@pytest.mark.parametrize(
    "location",
    [
        b"",
        b"#part",
        b"https:/x",
        b"https:x",
        b"javascript:alert(1)",
        b"file:///etc/passwd",
        b"ftp://api.test/x",
        b"https://api.test/a, https://api.test/b",
        b"https://user@api.test/",
        b"https://api.test\\@elsewhere.test/",
        b"\\\\elsewhere.test/x",
        b"/x\\..\\y",
        b"/x y",
        b"/\xc3\xa9",
        b"https://2130706433/",
        b"https://0x7f.1/",
        b"https://[::1%25eth0]/",
        b"https://[::1/",
        b"//[/x",
        b"https://api.test/%2e%2e/x",
    ],
)
def test_what_is_no_clear_url_is_refused(location: bytes) -> None:
    """A Location that could be read in two ways is refused, as it would be in a caller's request."""
    with pytest.raises(GatewayError) as caught:
        next_target(BASE, location)
    assert caught.value.code is Code.UPSTREAM_MALFORMED


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 400])
def test_other_answers_are_no_redirects(status: int) -> None:
    """Only 301, 302, 303, 307 and 308 ask for another call."""
    assert not is_followed(GET, parse_response(b"HTTP/1.1 %d X\r\nLocation: /x" % status))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_is_followed(status: int) -> None:
    """GET and HEAD without a body, where a Location says where to."""
    response = parse_response(b"HTTP/1.1 %d X\r\nLocation: /x" % status)
    for method in (b"GET", b"HEAD"):
        assert is_followed(parse_request(method + b" / HTTP/1.1\r\nHost: g.test"), response)
        assert not is_followed(parse_request(method + b" / HTTP/1.1\r\nHost: g\r\nContent-Length: 1"), response)
    for method in (b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"get"):
        assert not is_followed(parse_request(method + b" / HTTP/1.1\r\nHost: g.test"), response)
    assert not is_followed(GET, parse_response(b"HTTP/1.1 %d X" % status))


def test_what_was_meant_for_one_origin_stays_there() -> None:
    """Another origin gets neither the caller's credentials nor its cookies, nor where it came from; the rest goes."""
    private = b"Authorization: a\r\nCookie: b\r\nX-Api-Key: c\r\nReferer: d\r\nOrigin: e\r\n"
    head = parse_request(b"GET / HTTP/1.1\r\nHost: g.test\r\n" + private + b"Accept: f\r\nRange: bytes=0-1")
    assert head_for(head, same_origin=True) is head
    other = head_for(head, same_origin=False)
    assert [name_of(line) for line in other.fields if line] == [b"accept", b"range"]
    assert set(other.known) == {b"host"}
    assert (other.method, other.is_1_1, other.has_body) == (b"GET", True, False)
