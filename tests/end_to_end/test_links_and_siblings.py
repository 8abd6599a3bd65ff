"""An API like GitHub's, over TLS: pages by fields and by bodies, uploads to a sibling, and what is shown to whom."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller

BASE = "/api/v3"
SECRET = "ghp_secret/of+the-upstream"
PAGES = 3


class Place(NamedTuple):
    """A gateway, the API, its host for uploads, its host for files, another upstream's host, and a key."""

    gateway: Gateway
    api: Origin
    uploads: Origin
    files: Origin
    key: MadeKey


def page(peer: Peer, request: Request, uploads: str, files: str) -> None:
    """The API: a list in pages, a release with a template and a file, an echo."""
    peer.read_body(request)
    here = f"https://{request.values('host')[0]}{BASE}"
    url = urlsplit(request.target)
    kind = "Content-Type: application/json; charset=utf-8"
    if url.path == f"{BASE}/items":
        number = int(parse_qs(url.query).get("page", ["1"])[0])
        following = f"{here}/items?page={number + 1}" if number < PAGES else None
        body = {"paging": {"next": following, "n": number}, "items": [{"url": f"{here}/items/{number}", "size": 1.50}]}
        peer.answer(json.dumps(body).encode(), kind)
    elif url.path == f"{BASE}/release":
        body = {"upload_url": f"{uploads}/up{{?name,label}}", "url": f"{files}/f", "html_url": "https://x.example/"}
        peer.answer(gzip.compress(json.dumps(body).encode()), kind, "Content-Encoding: gzip")
    else:
        peer.answer(request.raw, "Content-Type: text/plain")


@pytest.fixture(scope="module")
def place(authority: Authority) -> Iterator[Place]:
    """Three hosts of one API, of which one isn't shown the credential."""
    key = make_key()
    with ExitStack() as stack:
        context = authority.server_context()
        uploads, files = (stack.enter_context(Origin(context=context)) for _ in range(2))
        api = stack.enter_context(Origin(lambda peer, request: page(peer, request, uploads.url, files.url), context))
        entry = api.entry(
            authority.file,
            BASE,
            credential={"kind": "bearer", "secret": SECRET},
            siblings=[uploads.authority, {"host": files.url, "credential": False}],
            links=["url", "upload_url", "$.paging.next"],
            scrub_bodies=True,
        )
        consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["hub"]}}
        gateway = stack.enter_context(Gateway({"upstreams": {"hub": entry}, "consumers": consumers}, workers=2))
        yield Place(gateway, api, uploads, files, key)


def call(place: Place, method: str, target: str, *lines: str, body: bytes = b"", host: str | None = None) -> Answer:
    with RawCaller(place.gateway.port) as caller:
        host = host or f"127.0.0.1:{place.gateway.port}"
        return caller.call(method, target, f"Exeat-Key: {place.key.key}", *lines, body=body, host=host)


def follow(url: str) -> str:
    """What a client sends for a URL, after it has seen that the URL leads to the gateway."""
    parts = urlsplit(url)
    assert parts.hostname in {"127.0.0.1", "hub.gateway.internal"}, url
    return parts.path + (f"?{parts.query}" if parts.query else "")


def at(place: Place, mode: str) -> tuple[str, str]:
    """What paths begin with, and the Host."""
    here = f"127.0.0.1:{place.gateway.port}"
    known = {
        "path": ("/hub", here),
        "host": ("", "hub.gateway.internal"),
        "url": (f"/{place.api.url}{BASE}", here),
    }
    return known[mode]


@pytest.mark.parametrize("mode", ["path", "host", "url"])
def test_paging_by_bodies(place: Place, mode: str) -> None:
    """A client that follows what stands in a body gets every page, and its numbers come as they were sent."""
    prefix, host = at(place, mode)
    target, seen = f"{prefix}/items", []
    while True:
        answer = call(place, "GET", target, "Accept-Encoding: gzip, br", host=host)
        assert answer.status == 200, answer
        assert b'"size": 1.5' in answer.body
        body = json.loads(answer.body)
        seen.append(body["paging"]["n"])
        assert follow(body["items"][0]["url"]) == f"{prefix}/items/{seen[-1]}"
        if body["paging"]["next"] is None:
            break
        target = follow(body["paging"]["next"])
    assert seen == [1, 2, 3]
    assert all(request.values("accept-encoding") == ["identity"] for request in place.api.requests)


@pytest.mark.parametrize("mode", ["path", "host", "url"])
def test_an_upload_to_a_sibling(place: Place, mode: str) -> None:
    """A template in a body leads to the sibling, which is shown the credential; the key stays here."""
    prefix, host = at(place, mode)
    release = json.loads(call(place, "GET", f"{prefix}/release", host=host).body)
    assert release["html_url"] == "https://x.example/"
    template = release["upload_url"]
    assert template.endswith("/up{?name,label}")
    target = follow(template.replace("{?name,label}", "?name=a.txt"))
    answer = call(place, "POST", target, "Content-Type: text/plain", body=b"content", host=host)
    assert answer.status == 200, answer
    sent = place.uploads.requests[-1]
    assert (sent.method, sent.target) == ("POST", "/up?name=a.txt")
    assert sent.values("authorization") == [f"Bearer {SECRET}"]
    assert sent.values("host") == [place.uploads.authority]
    assert place.key.key.encode() not in sent.raw
    line = place.gateway.access_line(answer.field("exeat-request-id"))
    assert (line["upstream"], line["status"]) == ("hub", 200)


def test_a_sibling_without_the_credential(place: Place) -> None:
    """The host of files is called in the same way, and sees neither credential nor key."""
    release = json.loads(call(place, "GET", "/hub/release").body)
    answer = call(place, "GET", follow(release["url"]), f"Authorization: Bearer {place.key.key}")
    assert answer.status == 200, answer
    sent = place.files.requests[-1]
    assert sent.values("authorization") == []
    assert SECRET.encode() not in sent.raw
    assert place.key.key.encode() not in sent.raw


def test_the_envelope_knows_siblings(place: Place) -> None:
    """In an envelope a sibling is the beginning of a path as well."""
    item = {"upstream": "hub", "path": f"/~{place.files.authority}/x"}
    answer = json.loads(call(place, "POST", "/-/call", body=json.dumps(item).encode()).body)
    assert answer["ok"], answer
    assert place.files.requests[-1].target == "/x"


def test_another_host_is_no_sibling(place: Place) -> None:
    """A host that isn't listed is a path of the upstream, and never called itself."""
    answer = call(place, "GET", "/hub/~127.0.0.1:1/x")
    assert answer.status == 200
    assert place.api.requests[-1].target == f"{BASE}/~127.0.0.1:1/x"


def test_an_echo_loses_the_secret(place: Place) -> None:
    """What the upstream, or a sibling, says of the credential is covered, in its length."""
    for target in ("/hub/echo", f"/hub/~{place.uploads.authority}/echo"):
        answer = call(place, "GET", target)
        assert re.search(rb"Authorization: Bearer \*{%d}\r\n" % len(SECRET), answer.body), answer
        assert SECRET.encode() not in answer.body
