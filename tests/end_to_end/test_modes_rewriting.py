"""URLs that an upstream names in its answers: in every mode they lead back through the gateway."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller

BASE = "/api/v3"
PAGES = 4


def paged(peer: Peer, request: Request) -> None:
    """A list in pages, linked by absolute URLs as GitHub does; and redirects of every form."""
    peer.read_body(request)
    here = f"https://{request.values('host')[0]}{BASE}"
    url = urlsplit(request.target)
    if url.path == f"{BASE}/items":
        page = int(url.query.removeprefix("page=") or 1)
        following = f'<{here}/items?page={page + 1}>; rel="next", <{here}/items?page={PAGES}>; rel="last"'
        lines = [f"Link: {following}"] if page < PAGES else []
        peer.answer(json.dumps({"page": page}).encode(), "Content-Type: application/json", *lines)
    elif url.path == f"{BASE}/absolute":
        peer.answer(b"", f"Location: {here}/items?page=2#top", status="302 Found")
    elif url.path == f"{BASE}/relative":
        peer.answer(b"", f"Location: {BASE}/items?page=3", f"Content-Location: {here}/it", status="303 See Other")
    elif url.path == f"{BASE}/outside":
        peer.answer(b"", f"Location: https://{request.values('host')[0]}/admin", status="302 Found")
    elif url.path == f"{BASE}/look-alike":
        location = f"https://{request.values('host')[0]}.evil.example{BASE}/x"
        peer.answer(b"", f"Location: {location}", f"Link: <{location}>; rel=next", status="302 Found")
    elif url.path == f"{BASE}/broken":
        peer.answer(b"", "Location: https://user@[::1/\\x", "Link: <>; rel=next, <not a url", status="302 Found")
    else:
        peer.answer(b"?", status="404 Not Found")


class Place(NamedTuple):
    """The gateway, the upstream, and a key."""

    gateway: Gateway
    origin: Origin
    key: MadeKey


@pytest.fixture(scope="module")
def place(authority: Authority) -> Iterator[Place]:
    """A gateway before a paged API whose URL has a path of its own."""
    key = make_key()
    with Origin(paged, authority.server_context()) as origin:
        upstreams = {"pages": origin.entry(authority.file, BASE, hosts=["api.pages.example"])}
        consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["pages"]}}
        with Gateway({"upstreams": upstreams, "consumers": consumers}) as gateway:
            yield Place(gateway, origin, key)


class Mode(NamedTuple):
    """How a caller writes a request: Host, what comes before the API's own path, and a field line."""

    host: str
    prefix: str
    line: str | None = None


def mode(name: str, place: Place) -> Mode:
    url, port = place.origin.url, place.gateway.port
    return {
        "path": Mode(f"127.0.0.1:{port}", "/pages"),
        "host": Mode("pages.gateway.internal", ""),
        "declared-host": Mode("api.pages.example:8080", ""),
        "url": Mode(f"localhost:{port}", f"/{url}{BASE}"),
        "collapsed-url": Mode(f"localhost:{port}", f"/https:/{place.origin.authority}{BASE}"),
        "header": Mode(f"127.0.0.1:{port}", BASE, f"Exeat-Target: {url}"),
    }[name]


MODES = ["path", "host", "declared-host", "url", "collapsed-url", "header"]


def get(place: Place, way: Mode, target: str) -> Answer:
    with RawCaller(place.gateway.port) as caller:
        lines = [f"Exeat-Key: {place.key.key}", *([way.line] if way.line else [])]
        return caller.call("GET", target, *lines, host=way.host)


def next_of(answer: Answer) -> str | None:
    found = re.search(r'<([^>]*)>; rel="next"', answer.field("link") or "")
    return found[1] if found else None


@pytest.mark.parametrize("name", MODES)
def test_paging(place: Place, name: str) -> None:
    """A client that follows `next` as it stands, with the Host and fields that it began with, gets every page."""
    way = mode(name, place)
    seen, target = [], f"{way.prefix}/items"
    while True:
        answer = get(place, way, target)
        assert answer.status == 200, answer
        seen.append(json.loads(answer.body)["page"])
        following = next_of(answer)
        if following is None:
            break
        url = urlsplit(following)
        assert (url.scheme, url.netloc) == ("http", way.host)
        assert place.origin.authority not in url.netloc
        target = f"{url.path}?{url.query}"
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("name", MODES)
def test_redirects(place: Place, name: str) -> None:
    """Location and Content-Location lead to the same place through the gateway, absolute, relative, with a fragment."""
    way = mode(name, place)
    canonical = f"/{place.origin.url}{BASE}" if "url" in name else way.prefix
    absolute = get(place, way, f"{way.prefix}/absolute").field("location")
    assert absolute == f"http://{way.host}{canonical}/items?page=2#top"
    relative = get(place, way, f"{way.prefix}/relative")
    assert relative.field("location") == f"{canonical}/items?page=3"
    assert relative.field("content-location") == f"http://{way.host}{canonical}/it"
    followed = get(place, way, str(relative.field("location")))
    assert json.loads(followed.body) == {"page": 3}


@pytest.mark.parametrize("name", MODES)
def test_other_places_stay(place: Place, name: str) -> None:
    """A host that only looks like the upstream's, and what is no URL, is passed on as it is."""
    way = mode(name, place)
    answer = get(place, way, f"{way.prefix}/look-alike")
    expected = f"https://{place.origin.authority}.evil.example{BASE}/x"
    assert (answer.field("location"), answer.field("link")) == (expected, f"<{expected}>; rel=next")
    assert get(place, way, f"{way.prefix}/broken").field("location") == "https://user@[::1/\\x"


@pytest.mark.parametrize("name", ["path", "host"])
def test_outside_the_upstreams_url(place: Place, name: str) -> None:
    """A URL of the same origin that lies outside the upstream's URL isn't turned into one inside it."""
    way = mode(name, place)
    location = get(place, way, f"{way.prefix}/outside").field("location")
    assert location == f"https://{place.origin.authority}/admin"


@pytest.mark.parametrize("by", ["upstream", "url"])
def test_envelope(place: Place, by: str) -> None:
    """In an envelope's answer too, what `next` says can be called through the gateway as it stands."""
    call = {"upstream": "pages", "path": "/items"} if by == "upstream" else {"url": f"{place.origin.url}{BASE}/items"}
    host = f"127.0.0.1:{place.gateway.port}"
    with RawCaller(place.gateway.port) as caller:
        line = f"Exeat-Key: {place.key.key}"
        answer = json.loads(caller.call("POST", "/-/call", line, body=json.dumps(call).encode(), host=host).body)
        link = re.search(r"<([^>]*)>", answer["headers"]["link"])
        assert link is not None
        url = urlsplit(link[1])
        assert url.netloc == host
        followed = caller.call("GET", f"{url.path}?{url.query}", line, host=host)
    assert json.loads(followed.body) == {"page": 2}
