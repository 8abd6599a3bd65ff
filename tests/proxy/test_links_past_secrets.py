"""Conversations about URLs in which an upstream expects its secret: they come back without it, and can be followed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exeat.config.sibling_entries import Sibling
from exeat.config.siblings import with_siblings
from exeat.model.credential import Bearer, Kind, Pool, Query, Segment, Share
from exeat.model.links import Links, SignedLinks
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach, TlsIdentity
from exeat.policy.inject import prepare
from tests.support.playbook import KEYED, UPSTREAM, Party, Stage, conversation, on_stage
from tests.support.values import KEY, origin, snapshot, upstream

HOST = "Host: gateway.test"
TOKEN = "123:the-secret"
UPLOADS, CDN = "http://uploads.test", "http://cdn.test"
SHORT = "k1"  # too short to be looked for in what comes back
OTHER = Share(Bearer(Secret("another-secret")), 1, "other")
LINKS = Links(("next",), (), (SignedLinks(("upload_url",), (), b"POST", 900.0),))


def made(kind: Kind, url: str = "http://api.test/v1", hops: int = 0) -> Callable[[], Snapshot]:
    """An upstream with two siblings, of which one is shown the credential."""

    def family() -> Snapshot:
        api = replace(upstream("api", url, follow_redirects=hops), links=LINKS)
        api = replace(api, credential=prepare(kind, api.credential.origins | {origin(UPLOADS)}))
        siblings = [
            Sibling.model_validate({"host": UPLOADS}),
            Sibling.model_validate({"host": CDN, "credential": False}),
        ]
        return snapshot(with_siblings(api, siblings, TlsIdentity(), Reach()))

    return family


def answers(stage: Stage, target: str, location: str) -> str:
    """Make a call that is answered with a redirect; where the caller is sent to."""
    caller = stage.caller()
    caller.says(f"GET {target} HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.takes()
    api.says("HTTP/1.1 302 Found", f"Location: {location}", "Content-Length: 0")
    return caller.takes().decode().partition("Location: ")[2].partition("\r\n")[0]


def arrives(stage: Stage, url: str) -> str:
    """Follow a URL to `g`; where that arrives."""
    stage.caller().says(f"GET {url.removeprefix('http://gateway.test')} HTTP/1.1", HOST, KEYED)
    heard = b"".join(stage.upstream(number).takes() for number in range(1, stage.dialled + 1)).decode()
    (follower,) = [one for one in heard.split("GET ") if "/g" in one]
    host = follower.partition("Host: ")[2].partition("\r\n")[0]
    return f"http://{host}{follower.partition(' ')[0]}"


def arrived_at(called: str) -> str:
    """The host that a path at the gateway leads to."""
    return next((host for host in (UPLOADS, CDN) if host.removeprefix("http://") in called), "http://api.test")


BY_QUERY = made(Query("key", Secret(TOKEN)))
BY_SHORT_QUERY = made(Query("key", Secret(SHORT)))
BY_POOL = made(Pool((OTHER, Share(Query("key", Secret(TOKEN)), 1, "query"))))
BY_PATH = made(Segment(Secret(TOKEN), "/bot"))


@pytest.mark.parametrize("places", [BY_QUERY, BY_SHORT_QUERY, BY_POOL])
@pytest.mark.parametrize("echo", [TOKEN, "123%3Athe-secret", SHORT])
def test_pages_behind_a_parameter(places: Callable[[], Snapshot], echo: str) -> None:
    """An upstream that builds its next page from the whole URL: the caller gets that without the credential."""
    with on_stage(places()) as stage:
        caller = stage.caller()
        caller.says("GET /api/items?page=1 HTTP/1.1", HOST, KEYED)
        api = stage.upstream()
        api.takes()
        api.says(
            "HTTP/1.1 200 OK",
            f'Link: <http://api.test/v1/items?page=2&key={echo}>; rel="next", </v1/items?key={echo}>; rel="first",'
            f' <?key={echo}&page=9>; rel="last", <http://uploads.test/?key={echo}&a>; rel="a",'
            ' <http://cdn.test/?key=theirs>; rel="b"',
            f"Content-Location: /v1/items?page=1&key={echo}#top",
            "Content-Length: 0",
        )
        caller.hears(
            "HTTP/1.1 200 OK",
            'Link: <http://gateway.test/api/items?page=2>; rel="next", </api/items>; rel="first",'
            ' <?page=9>; rel="last", <http://gateway.test/api/~uploads.test/?a>; rel="a",'
            ' <http://gateway.test/api/~cdn.test/?key=theirs>; rel="b"',
            "Content-Location: /api/items?page=1#top",
            "Content-Length: 0",
            UPSTREAM,
        )


@conversation(BY_QUERY)
def test_a_page_is_followed_with_the_own_key(stage: Stage) -> None:
    """A client that shows the Exeat key as that parameter gets links without it, and adds its key again."""
    location = answers(stage, "/api/items", f"http://api.test/v1/items?page=2&key={TOKEN}")
    assert location == "http://gateway.test/api/items?page=2"
    caller = stage.caller()
    caller.says(f"GET /api/items?page=2&key={KEY.decode()} HTTP/1.1", HOST)
    assert f"GET /v1/items?page=2&key={TOKEN.replace(':', '%3A')} HTTP/1.1".encode() in stage.upstream().takes()


@conversation(BY_QUERY)
def test_pages_of_a_sibling_without_the_credential(stage: Stage) -> None:
    """There the parameter is the sibling's own, but in URLs that lead back to the upstream."""
    location = answers(stage, "/api/~cdn.test/a", "/b?key=theirs")
    assert location == "/api/~cdn.test/b?key=theirs"
    assert answers(stage, "/api/~cdn.test/a", "http://api.test/v1/b?key=x&c") == "http://gateway.test/api/b?c"


@conversation(BY_QUERY)
def test_a_signed_link_without_the_parameter(stage: Stage) -> None:
    """A link is made of the URL as the caller gets it, so that it is good as it stands; the credential is shown."""
    stage.worker.signers.link_secrets = lambda: (Secret("of the keyring"),)
    caller = stage.caller()
    caller.says("POST /api/begin HTTP/1.1", HOST, KEYED)
    body = f'{{"next":"/v1/a?key={TOKEN}","upload_url":"http://api.test/v1/up?key={TOKEN}&id=1"}}'
    api = stage.upstream()
    api.takes()
    api.says("HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", body=body)
    content = caller.takes().decode()
    assert '"next":"/api/a"' in content
    link = content.partition('"upload_url":"')[2].partition('"')[0]
    assert link.startswith("http://gateway.test/api/up?id=1&exeat-link=")
    follower: Party = stage.caller()
    follower.says(f"POST {link.removeprefix('http://gateway.test')} HTTP/1.1", HOST, "Content-Length: 0")
    assert b"POST /v1/up?id=1&key=123%3Athe-secret HTTP/1.1" in api.takes()


@pytest.mark.parametrize(
    ("called", "location", "shown"),
    [
        ("/api/f", f"http://api.test/v1/bot{TOKEN}/g?a#b", "http://gateway.test/api/g?a#b"),
        ("/api/f", f"/v1/bot{TOKEN}/g", "/api/g"),
        ("/api/f", f"{UPLOADS}/bot{TOKEN}/g?a", "http://gateway.test/api/~uploads.test/g?a"),
        ("/api/f", f"{UPLOADS}/other/g", f"{UPLOADS}/other/g"),
        ("/api/f", f"{CDN}/g", "http://gateway.test/api/~cdn.test/g"),
        ("/api/~uploads.test/f", f"{UPLOADS}/bot{TOKEN}/g", "http://gateway.test/api/~uploads.test/g"),
        ("/api/~uploads.test/f", f"/bot{TOKEN}/g", "/api/~uploads.test/g"),
        ("/api/~uploads.test/f", f"http://api.test/v1/bot{TOKEN}/g", "http://gateway.test/api/g"),
        ("/api/~uploads.test/f", f"{CDN}/g", "http://gateway.test/api/~cdn.test/g"),
        ("/api/~cdn.test/f", "/g", "/api/~cdn.test/g"),
        ("/http://api.test/v1/f", f"{UPLOADS}/bot{TOKEN}/g", "http://gateway.test/http://uploads.test/g"),
        ("/http://uploads.test/f", f"http://api.test/v1/bot{TOKEN}/g", "http://gateway.test/http://api.test/v1/g"),
    ],
)
def test_links_among_siblings_behind_a_segment(called: str, location: str, shown: str) -> None:
    """Whichever host names whichever, its URLs come back without the secret, and lead where they led."""
    with on_stage(BY_PATH()) as stage:
        assert answers(stage, called, location) == shown
        if shown.startswith(("/", "http://gateway.test/")):
            url = location if location.startswith("http") else arrived_at(called) + location
            assert arrives(stage, shown.partition("#")[0]) == url.partition("#")[0]


@conversation(made(Segment(Secret(TOKEN), "/bot"), hops=2))
def test_redirects_among_siblings_behind_a_segment(stage: Stage) -> None:
    """A hop to a sibling has the secret in its path once."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    stage.upstream().takes()
    stage.upstream().says("HTTP/1.1 302 Found", f"Location: {UPLOADS}/bot{TOKEN}/b", "Content-Length: 0")
    uploads = stage.upstream(2)
    assert f"GET /bot{TOKEN}/b HTTP/1.1".encode() in uploads.takes()
    uploads.says("HTTP/1.1 302 Found", f"Location: http://api.test/v1/bot{TOKEN}/c", "Content-Length: 0")
    assert f"GET /v1/bot{TOKEN}/c HTTP/1.1".encode() in stage.upstream().takes()
