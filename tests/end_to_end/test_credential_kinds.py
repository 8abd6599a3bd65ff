"""Credentials in the path, a cookie, the body, a signature and several places, in every way to call, over real TLS."""

import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import parse_qsl

import pytest
import stripe
from slack_sdk.signature import SignatureVerifier

from exeat.errors import Code
from tests.support.access import access_line, attempts_of
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller

PATH = MARKERS.make("secret of the path").replace("marker", "123:marker")
COOKIE = MARKERS.make("secret of the cookie")
BODY = MARKERS.make("secret of the body")
HMAC = MARKERS.make("secret of the signature")
FIELD = MARKERS.make("secret of one of several")
MIB = 1024 * 1024

KINDS: dict[str, object] = {
    "path": {"kind": "path", "prefix": "/bot", "secret": PATH},
    "cookie": {"kind": "cookie", "name": "session", "secret": COOKIE},
    "json": {"kind": "body", "name": "token", "secret": BODY},
    "form": {"kind": "body", "name": "token", "secret": BODY, "format": "form"},
    "slack": {"kind": "hmac", "style": "slack", "secret": HMAC},
    "stripe": {"kind": "hmac", "style": "stripe", "secret": HMAC},
    "head": {
        "kind": "hmac",
        "secret": HMAC,
        "template": "{timestamp}\n{method}\n{host}\n{target}\n{field:x-note}",
        "timestamp": "milliseconds",
    },
    "several": [
        {"kind": "header", "name": "X-Id", "secret": FIELD},
        {"kind": "query", "name": "key", "secret": FIELD},
        {"kind": "cookie", "name": "session", "secret": COOKIE},
        {"kind": "path", "secret": PATH},
        {"kind": "body", "name": "token", "secret": BODY},
        {"kind": "hmac", "secret": HMAC, "template": "{target}{body}", "headers": {"X-Sum": "{signature}"}},
    ],
}


@dataclass(frozen=True)
class Seen:
    """What an upstream received."""

    request: Request
    body: bytes

    @property
    def cookies(self) -> list[str]:
        return [pair for value in self.request.values("cookie") for pair in value.split("; ")]


@dataclass(frozen=True)
class Place:
    """A gateway before an upstream of each kind, whose URL has a path, and a key for all of them."""

    gateway: Gateway
    origins: dict[str, Origin]
    seen: dict[str, list[Seen]]
    key: MadeKey

    def call(
        self, kind: str, *lines: str, mode: str = "path", method: str = "POST", below: str = "/things?a=1", body: bytes
    ) -> Answer:
        """Call an upstream with the key in `Exeat-Key`, or where `lines` show it."""
        lines = lines or (f"Exeat-Key: {self.key.key}",)
        url, host = f"{self.origins[kind].url}/base", "gateway"
        target = f"/{kind}{below}"
        if mode == "host":
            target, host = below, f"{kind}.gateway.internal"
        elif mode == "url":
            target = f"/{url}{below}"
        elif mode == "header":
            target, lines = f"/base{below}", (*lines, f"Exeat-Target: {self.origins[kind].url}")
        elif mode == "envelope":
            where, _, query = below.partition("?")
            call = {"upstream": kind, "method": method, "path": where, "query": dict(parse_qsl(query))}
            shown = dict(line.split(": ", 1) for line in lines)
            media = "application/x-www-form-urlencoded" if kind == "form" else "application/json"
            call |= {"headers": {"Content-Type": media, **shown}, "text": body.decode()}
            lines = (f"Exeat-Key: {self.key.key}", "Content-Type: application/json")
            target, method, body = "/-/call", "POST", json.dumps(call).encode()
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, *lines, body=body, host=host)

    def arrived(self, kind: str, *lines: str, mode: str = "path", below: str = "/things?a=1", body: bytes) -> Seen:
        """What arrives of a call that succeeds; no key does."""
        before = len(self.seen[kind])
        answer = self.call(kind, *lines, mode=mode, below=below, body=body)
        assert answer.status == 200, answer.body
        assert len(self.seen[kind]) == before + 1, answer.body
        seen = self.seen[kind][-1]
        assert self.key.key[6:].encode() not in seen.request.raw + seen.body
        return seen


@pytest.fixture(scope="module")
def place(authority: Authority) -> Iterator[Place]:
    key = make_key()
    seen: dict[str, list[Seen]] = {kind: [] for kind in KINDS}

    def listening(kind: str) -> Callable[[Peer, Request], None]:
        def listen(peer: Peer, request: Request) -> None:
            seen[kind].append(Seen(request, peer.read_body(request)))
            peer.answer(b"fine")

        return listen

    with ExitStack() as stack:
        origins = {kind: stack.enter_context(Origin(listening(kind), authority.server_context())) for kind in KINDS}
        document = {
            "upstreams": {
                kind: origins[kind].entry(authority.file, base="/base", credential=entry)
                for kind, entry in KINDS.items()
            },
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        gateway = stack.enter_context(Gateway(document))
        yield Place(gateway, origins, seen, key)


def check(kind: str, seen: Seen, place: Place, target: str, body: bytes) -> None:
    """The credential of a kind is where it belongs, and all else is as the caller sent it."""
    request = seen.request
    expected = target
    if kind == "path":
        expected = f"/base/bot{PATH}{target.removeprefix('/base')}"
    elif kind == "several":
        expected = f"/base/{PATH}{target.removeprefix('/base')}&key={FIELD}"
    assert request.target == expected
    assert request.values("host") == [place.origins[kind].authority]
    if kind in {"json", "several"}:
        assert json.loads(seen.body) == {**json.loads(body), "token": BODY}
    elif kind == "form":
        assert parse_qsl(seen.body.decode()) == [*parse_qsl(body.decode()), ("token", BODY)]
    else:
        assert seen.body == body
    if kind in {"cookie", "several"}:
        assert seen.cookies[-1] == f"session={COOKIE}"
    if kind == "slack":
        assert SignatureVerifier(HMAC).is_valid_request(seen.body, dict(request.fields))
    elif kind == "stripe":
        header = request.values("stripe-signature")[0]
        assert stripe.WebhookSignature.verify_header(seen.body.decode(), header, HMAC, tolerance=60)
    elif kind == "head":
        timestamp = request.values("x-timestamp")[0]
        note = "".join(request.values("x-note"))
        text = f"{timestamp}\n{request.method}\n{request.values('host')[0]}\n{request.target}\n{note}"
        assert request.values("x-signature") == [hmac.new(HMAC.encode(), text.encode(), "sha256").hexdigest()]
    elif kind == "several":
        signed = request.target.encode() + seen.body
        assert request.values("x-sum") == [hmac.new(HMAC.encode(), signed, "sha256").hexdigest()]
        assert request.values("x-id") == [FIELD]


BODIES = {"form": b"b=2&c=%C3%A9"}
JSON = b'{"b": 1.0, "c": "\xc3\xa9"}'


@pytest.mark.parametrize("mode", ["path", "host", "url", "header", "envelope"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_in_every_mode(place: Place, kind: str, mode: str) -> None:
    """However the upstream is addressed, its credential is in its place."""
    body = BODIES.get(kind, JSON)
    check(kind, place.arrived(kind, mode=mode, body=body), place, "/base/things?a=1", body)


@pytest.mark.parametrize("mode", ["path", "host", "url", "header", "envelope"])
@pytest.mark.parametrize(
    ("kind", "lines", "before"),
    [
        ("path", "X-A: 1", "/bot{key}"),
        ("several", "X-A: 1", "/{key}"),
        ("cookie", "Cookie: a=1; session={key}; b=2", ""),
        ("several", "Cookie: session={key}", ""),
        ("several", "X-Id: {key}", ""),
    ],
)
def test_the_key_in_the_native_place(place: Place, kind: str, lines: str, before: str, mode: str) -> None:
    """The key may stand where the upstream expects its secret: that is what an SDK does with what it is given."""
    key = place.key.key
    below = f"{before.format(key=key)}/things?a=1"
    seen = place.arrived(kind, lines.format(key=key), mode=mode, below=below, body=JSON)
    check(kind, seen, place, "/base/things?a=1", JSON)
    if "a=1; session" in lines:
        assert seen.cookies == ["a=1", "b=2", f"session={COOKIE}"]


def test_a_body_is_no_place_for_a_key(place: Place) -> None:
    """A key isn't looked for in bodies: without one elsewhere the call is refused, and nothing leaves."""
    before = len(place.seen["json"])
    answer = place.call("json", "X-A: 1", body=json.dumps({"token": place.key.key}).encode())
    check_problem(answer, Code.KEY_MISSING)
    assert len(place.seen["json"]) == before


@pytest.mark.parametrize("kind", ["path", "several"])
def test_two_keys_are_refused(place: Place, kind: str) -> None:
    """A key in the path beside another one elsewhere is as wrong as two keys anywhere."""
    prefix = "/bot" if kind == "path" else "/"
    other = make_key()
    answer = place.call(kind, f"Exeat-Key: {other.key}", below=f"{prefix}{place.key.key}/things", body=JSON)
    check_problem(answer, Code.KEY_MALFORMED)


def test_a_key_in_the_path_is_in_no_record(place: Place) -> None:
    """What is recorded is the path as the upstream has it below its own secret."""
    key = place.key.key
    answer = place.call("path", "X-A: 1", below=f"/bot{key}/getMe", method="GET", body=b"")
    line = access_line(place.gateway, answer.field("exeat-request-id"))
    assert (line["path"], line["key"]) == ("/getMe", place.key.sha256[:12])
    stranger = place.call("path", "X-A: 1", below=f"/bot{make_key().key}/getMe", method="GET", body=b"")
    assert access_line(place.gateway, stranger.field("exeat-request-id"))["error"] == Code.KEY_UNKNOWN


class TestBodies:
    @pytest.mark.parametrize("kind", ["json", "slack", "several"])
    def test_chunks_are_gathered(self, place: Place, kind: str) -> None:
        """A body that comes in chunks, after 100 Continue, leaves whole with its length."""
        lines = (f"Exeat-Key: {place.key.key}", "Transfer-Encoding: chunked", "Expect: 100-continue")
        before = len(place.seen[kind])
        with RawCaller(place.gateway.port) as caller:
            caller.request("POST", f"/{kind}/things?a=1", *lines)
            assert b" 100 " in caller.read_until(b"\r\n\r\n")
            for piece in (JSON[:5], JSON[5:]):
                caller.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            caller.send(b"0\r\nX-Trailer: 1\r\n\r\n")
            assert caller.read("POST").status == 200
        assert len(place.seen[kind]) == before + 1
        seen = place.seen[kind][-1]
        assert seen.request.values("transfer-encoding") == []
        assert seen.request.values("expect") == []
        assert seen.request.values("content-length") == [str(len(seen.body))]
        check(kind, seen, place, "/base/things?a=1", JSON)

    def test_without_the_body_it_streams(self, place: Place) -> None:
        """A signature that isn't made of the body lets it stream past in its chunks."""
        lines = (f"Exeat-Key: {place.key.key}", "Transfer-Encoding: chunked")
        with RawCaller(place.gateway.port) as caller:
            caller.request("POST", "/head/things?a=1", *lines)
            caller.send(b"5\r\nhello\r\n0\r\n\r\n")
            assert caller.read("POST").status == 200
        seen = place.seen["head"][-1]
        assert seen.request.values("transfer-encoding") == ["chunked"]
        check("head", seen, place, "/base/things?a=1", b"hello")

    @pytest.mark.parametrize("kind", ["json", "slack"])
    def test_too_large(self, place: Place, kind: str) -> None:
        """A body of more than 10 MiB that is needed whole is refused before it is sent."""
        before = len(place.seen[kind])
        with RawCaller(place.gateway.port) as caller:
            key = f"Exeat-Key: {place.key.key}"
            caller.request("POST", f"/{kind}/", key, f"Content-Length: {10 * MIB + 1}", "Expect: 100-continue")
            check_problem(caller.read("POST"), Code.BODY_TOO_LARGE, kind)
        assert len(place.seen[kind]) == before

    def test_the_largest(self, place: Place) -> None:
        """One of 10 MiB is signed and sent."""
        body = b"x" * (10 * MIB)
        seen = place.arrived("stripe", body=body)
        check("stripe", seen, place, "/base/things?a=1", body)

    @pytest.mark.parametrize(("method", "body"), [("GET", b""), ("DELETE", b""), ("POST", b"[1]"), ("POST", b"{")])
    def test_nothing_leaves_without_the_credential(self, place: Place, method: str, body: bytes) -> None:
        """A request that can't hold the credential is refused, once."""
        before = len(place.seen["json"])
        answer = place.call("json", method=method, body=body)
        problem = check_problem(answer, Code.MALFORMED_REQUEST, "json")
        assert "credential goes into the body" in str(problem["detail"])
        assert len(attempts_of(access_line(place.gateway, answer.field("exeat-request-id")))) <= 1
        assert len(place.seen["json"]) == before

    def test_an_empty_post_gets_a_body(self, place: Place) -> None:
        """A POST without a body gets one that holds the credential."""
        seen = place.arrived("json", body=b"")
        assert json.loads(seen.body) == {"token": BODY}
        assert seen.request.values("content-type") == ["application/json"]
        seen = place.arrived("form", body=b"")
        assert (seen.body, seen.request.values("content-type")) == (
            f"token={BODY}".encode(),
            ["application/x-www-form-urlencoded"],
        )


@pytest.mark.parametrize(
    ("mode", "there", "here"),
    [
        ("path", "{url}/base/bot{secret}/next?x=1", "http://gateway/path/next?x=1"),
        ("path", "/base/bot{secret}/next", "/path/next"),
        ("path", "{url}/base/other/{secret}", "{url}/base/other/[redacted]"),
        ("host", "{url}/base/bot{secret}/next", "http://path.gateway.internal/next"),
        ("url", "{url}/base/bot{secret}/next", "http://gateway/{url}/base/next"),
    ],
)
def test_links_with_the_secret_in_them(place: Place, mode: str, there: str, here: str) -> None:
    """A URL of the upstream that has the secret in its path is the caller's without it, and works as it is."""
    url = place.origins["path"].url

    def link(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        target = there.format(url=url, secret=PATH)
        peer.answer(b"", f"Location: {target}", f'Link: <{target}>; rel="next"', status="302 Found")

    with place.origins["path"].doing(link):
        answer = place.call("path", mode=mode, method="GET", body=b"")
    assert answer.field("location") == here.format(url=url)
    assert answer.field("link") == f'<{here.format(url=url)}>; rel="next"'
    assert PATH not in str(answer.fields)


def test_each_attempt_is_signed_anew(place: Place) -> None:
    """A call that is tried again has a new time and a signature for it; its body is the same."""
    seen: list[Seen] = []

    def fail_once(peer: Peer, request: Request) -> None:
        seen.append(Seen(request, peer.read_body(request)))
        if len(seen) == 1:
            peer.answer(b"", status="503 Busy")
        else:
            peer.answer(b"fine")

    with place.origins["head"].doing(fail_once):
        assert place.call("head", method="PUT", body=JSON).status == 200
    assert len(seen) == 2
    for one in seen:
        check("head", one, place, "/base/things?a=1", JSON)
    first, second = (one.request.values("x-timestamp")[0] for one in seen)
    assert first != second
