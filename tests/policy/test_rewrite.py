"""What comes back: URLs in the caller's form, and no spelling of the secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.credential import Bearer
from exeat.model.secret import Secret
from exeat.policy.inject import prepare
from exeat.policy.rewrite import (
    REDACTED,
    Form,
    Other,
    echoes,
    names_urls,
    rewrite_url,
    rewrite_urls,
    scrub,
    scrub_text,
)
from exeat.wire.http1 import parse_response
from tests.support.values import origin

API = origin("https://api.test")
GATEWAY = b"http://gateway.test"
BY_PATH = Form(GATEWAY, b"/api", ((API, b""),))
BASED = Form(GATEWAY, b"/api", ((API, b"/v1"), (origin("https://other.test:8443"), b"")))
BY_HOST = Form(GATEWAY, b"", ((API, b"/v1"),))
BY_URL = Form(GATEWAY, b"/https://api.test", ((API, b""),))
BY_FIELD = Form(GATEWAY, b"", ((API, b""),))
NEEDLES = prepare(Bearer(Secret("s3cret/token+1")), frozenset({API})).needles


@pytest.mark.parametrize(
    ("form", "url", "mapped"),
    [
        (BY_PATH, b"https://api.test/a?b=c#d", b"http://gateway.test/api/a?b=c#d"),
        (BY_PATH, b"https://api.test", b"http://gateway.test/api/"),
        (BY_PATH, b"HTTPS://API.test:443/a", b"http://gateway.test/api/a"),
        (BY_PATH, b"/a/b?c", b"/api/a/b?c"),
        (BY_PATH, b"/", b"/api/"),
        (BY_PATH, b"http://api.test/a", b"http://api.test/a"),
        (BY_PATH, b"https://api.test:8443/a", b"https://api.test:8443/a"),
        (BY_PATH, b"https://api.test.evil.test/", b"https://api.test.evil.test/"),
        (BY_PATH, b"https://user@api.test/", b"https://user@api.test/"),
        (BY_PATH, b"a/b", b"a/b"),
        (BY_PATH, b"?a=b", b"?a=b"),
        (BY_PATH, b"", b""),
        (BY_PATH, b"#x", b"#x"),
        (BY_PATH, b"mailto:a@b", b"mailto:a@b"),
        (BASED, b"https://api.test/v1/a", b"http://gateway.test/api/a"),
        (BASED, b"https://api.test/v1", b"http://gateway.test/api"),
        (BASED, b"https://api.test/v1?x", b"http://gateway.test/api?x"),
        (BASED, b"https://api.test/v1beta", b"https://api.test/v1beta"),
        (BASED, b"https://api.test/other", b"https://api.test/other"),
        (BASED, b"https://other.test:8443/a", b"http://gateway.test/api/a"),
        (BASED, b"/v1/a", b"/api/a"),
        (BASED, b"/v1", b"/api"),
        (BASED, b"/v1?x=1", b"/api?x=1"),
        (BASED, b"/v1#x", b"/api#x"),
        (BASED, b"/v1beta", b"/v1beta"),
        (BY_HOST, b"https://api.test/v1/a", b"http://gateway.test/a"),
        (BY_HOST, b"/v1/a", b"/a"),
        (BY_HOST, b"/v1", b"/"),
        (BY_HOST, b"/v1?x=1", b"/?x=1"),
        (BY_HOST, b"/v1#x", b"/#x"),
        (BY_HOST, b"https://api.test/v1?x=1", b"http://gateway.test/?x=1"),
        (BY_HOST, b"/v1//evil.test/a", b"http://gateway.test//evil.test/a"),
        (BASED, b"/v1//evil.test/a", b"/api//evil.test/a"),
        (BY_HOST, b"//evil.test/v1/a", b"//evil.test/v1/a"),
        (BY_URL, b"https://api.test/a", b"http://gateway.test/https://api.test/a"),
        (BY_URL, b"/a", b"/https://api.test/a"),
        (BY_URL, b"https://else.test/a", b"https://else.test/a"),
        (BY_FIELD, b"https://api.test/a", b"http://gateway.test/a"),
        (BY_FIELD, b"/a", b"/a"),
        (Form(GATEWAY, b"/api", ()), b"/a", b"/api/a"),
    ],
)
def test_urls(form: Form, url: bytes, mapped: bytes) -> None:
    """A URL of the upstream leads back through the gateway in the caller's form; every other one stays."""
    assert rewrite_url(url, form) == mapped


@pytest.mark.parametrize(
    ("line", "mapped"),
    [
        (b"Location: /a\r\n", b"Location: /api/a\r\n"),
        (b"location: https://api.test/a\r\n", b"location: http://gateway.test/api/a\r\n"),
        (b"Content-Location: /a\r\n", b"Content-Location: /api/a\r\n"),
        (
            b'Link: </a?page=2>; rel="next", <https://api.test/a>; rel=first,<https://else.test>;x="</b>"\r\n',
            b'Link: </api/a?page=2>; rel="next", <http://gateway.test/api/a>; rel=first,<https://else.test>;x="</api/b>"\r\n',
        ),
        (b"Link: no brackets\r\n", b"Link: no brackets\r\n"),
        (b"Refresh: 0;url=/a\r\n", b"Refresh: 0;url=/a\r\n"),
        (b"X-Location: /a\r\n", b"X-Location: /a\r\n"),
        (b"", b""),
    ],
)
def test_which_fields_hold_urls(line: bytes, mapped: bytes) -> None:
    """Location, Content-Location and Link are mapped, the name as it was sent; nothing else is touched."""
    assert rewrite_urls([line], BY_PATH) == [mapped]


@pytest.mark.parametrize("name", ["Location", "content-location", "LINK"])
def test_whether_there_is_anything_to_map(name: str) -> None:
    """A response without such a field is left alone."""
    assert names_urls(parse_response(f"HTTP/1.1 200 OK\r\n{name}: /a".encode()))
    assert not names_urls(parse_response(b"HTTP/1.1 200 OK\r\nX-Location: /a"))


@given(url=st.binary(max_size=40))
def test_any_reference(url: bytes) -> None:
    """Any bytes are mapped or left; what doesn't name the upstream is left."""
    for form in (BY_PATH, BASED, BY_HOST, BY_URL, BY_FIELD):
        mapped = rewrite_url(url, form)
        if not url.startswith(b"/") and b"://" not in url:
            assert mapped == url


@given(rest=st.from_regex(rb"/[a-z0-9/._~-]{0,20}(\?[a-z=&]{0,10})?", fullmatch=True))
def test_paging_works_in_every_mode(rest: bytes) -> None:
    """An absolute URL and an absolute path of one place lead to the same place at the gateway."""
    for form in (BY_PATH, BASED, BY_HOST, BY_URL, BY_FIELD):
        base = form.bases[0][1]
        if (base + rest).startswith(b"//"):
            continue  # names another host
        absolute = rewrite_url(b"https://api.test" + base + rest, form)
        if absolute.startswith(GATEWAY):
            assert absolute == GATEWAY + rewrite_url(base + rest, form).removeprefix(GATEWAY)


@pytest.mark.parametrize(
    "echo", [b"s3cret/token+1", b"s3cret%2Ftoken%2B1", b"czNjcmV0L3Rva2VuKzE", b"czNjcmV0L3Rva2VuKzE="]
)
def test_the_secret_is_replaced_in_every_spelling(echo: bytes) -> None:
    """Wherever a field's value or a reason holds the secret, plain or encoded, it is replaced."""
    assert echoes(b"HTTP/1.1 200 OK\r\nX: a" + echo + b"b", NEEDLES)
    lines = [b"X-Echo: a" + echo + b"b\r\n", b"", b"X-Plain: 1\r\n"]
    replaced = scrub(lines, NEEDLES)
    assert replaced[-1] == b"X-Plain: 1\r\n"
    assert not any(echo.rstrip(b"=") in line for line in replaced)
    assert replaced[0].startswith(b"X-Echo: a" + REDACTED)
    assert scrub_text(b"no " + echo, NEEDLES).startswith(b"no " + REDACTED)


def test_nothing_to_replace() -> None:
    """Without an echo nothing is searched twice, and nothing changes."""
    assert not echoes(b"HTTP/1.1 200 OK\r\nX: y", NEEDLES)
    assert scrub([b"X: y\r\n"], NEEDLES) == [b"X: y\r\n"]
    assert not echoes(b"anything", ())


KEY = frozenset({b"key"})
UP = origin("https://up.test")
FAMILY = Form(GATEWAY, b"/api", ((API, b"/v1"),), (Other(UP, b"", b"/api/~up.test"), Other(API, b"/v2", b"/x")))
KEYED = Form(GATEWAY, b"/api", ((API, b"/v1"),), (Other(UP, b"", b"/up"), Other(API, b"/v2", b"/x", KEY)), KEY)
KEYED_BY_HOST = Form(GATEWAY, b"", ((API, b""),), parameters=frozenset({b"key", b"api key"}))


@pytest.mark.parametrize(
    ("url", "mapped"),
    [
        (b"https://up.test/a?b#c", b"http://gateway.test/api/~up.test/a?b#c"),
        (b"https://up.test", b"http://gateway.test/api/~up.test/"),
        (b"https://up.test:8443/a", b"https://up.test:8443/a"),
        (b"https://api.test/v1/a", b"http://gateway.test/api/a"),
        (b"https://api.test/v2/a{?b,c}", b"http://gateway.test/x/a{?b,c}"),
        (b"https://api.test/v3/a", b"https://api.test/v3/a"),
        (b"/v1/a", b"/api/a"),
        (b"/v2/a", b"/v2/a"),
    ],
)
def test_urls_of_siblings(url: bytes, mapped: bytes) -> None:
    """A URL of a sibling leads to it; the upstream's own come first, and relative ones are those of who was called."""
    assert rewrite_url(url, FAMILY) == mapped


@pytest.mark.parametrize(
    ("form", "url", "mapped"),
    [
        (KEYED, b"https://api.test/v1/a?page=2&key=[redacted]", b"http://gateway.test/api/a?page=2"),
        (KEYED, b"https://api.test/v1/a?key=%5Bredacted%5D&page=2#x", b"http://gateway.test/api/a?page=2#x"),
        (KEYED, b"https://api.test/v1/a?key=[redacted]#x", b"http://gateway.test/api/a#x"),
        (KEYED, b"https://api.test/v1/a?key=1&key=2&keys=3&Key=4", b"http://gateway.test/api/a?keys=3&Key=4"),
        (KEYED, b"https://api.test/v1/a?%6bey=short&&a", b"http://gateway.test/api/a?&a"),
        (KEYED, b"https://api.test/v1/a?", b"http://gateway.test/api/a?"),
        (KEYED, b"https://api.test/v1/a{?key,page}", b"http://gateway.test/api/a{?key,page}"),
        (KEYED, b"https://api.test/v2/a?key=1", b"http://gateway.test/x/a"),
        (KEYED, b"https://up.test/a?key=theirs", b"http://gateway.test/up/a?key=theirs"),
        (KEYED, b"https://else.test/a?key=theirs", b"https://else.test/a?key=theirs"),
        (KEYED, b"//else.test/a?key=theirs", b"//else.test/a?key=theirs"),
        (KEYED, b"mailto:a@b?key=theirs", b"mailto:a@b?key=theirs"),
        (KEYED, b"/v1/a?key=1&b", b"/api/a?b"),
        (KEYED, b"/v1?key=1#?key=2", b"/api#?key=2"),
        (KEYED, b"/v3/a?key=1", b"/v3/a"),
        (KEYED, b"a/b:c?key=1&page=2", b"a/b:c?page=2"),
        (KEYED, b"?key=1&page=2", b"?page=2"),
        (KEYED, b"", b""),
        (KEYED_BY_HOST, b"/a?key=1&b", b"/a?b"),
        (KEYED_BY_HOST, b"https://api.test/a?api+key=1&api%20key=2&key=3", b"http://gateway.test/a"),
        (FAMILY, b"/v1/a?key=1", b"/api/a?key=1"),
    ],
)
def test_urls_with_the_credentials_parameter(form: Form, url: bytes, mapped: bytes) -> None:
    """Where a credential fills a parameter, URLs that lead to it have none: who follows one has its own key there."""
    assert rewrite_url(url, form) == mapped


@given(url=st.from_regex(rb"[a-z:/?#&=%2B+.-]{0,30}", fullmatch=True))
def test_any_reference_without_the_parameter(url: bytes) -> None:
    """Where the parameter isn't there, nothing depends on whether a credential fills it."""
    if b"k" not in url and b"%" not in url:
        assert rewrite_url(url, KEYED) == rewrite_url(url, KEYED._replace(parameters=frozenset()))
