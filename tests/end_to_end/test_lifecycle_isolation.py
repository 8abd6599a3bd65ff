"""What stays apart: private networks, the gateway itself, web pages, and the secrets that an upstream was shown."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import quote

import pytest

from exeat.errors import Code
from tests.support.access import access_line
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller
from tests.support.secret_search import basic, holds

PAGE = "https://app.example"
NAMES = ("open.localhost", "shut.localhost", "r.localhost")
LOOPBACK = ["127.0.0.0/8", "::1/128"]


class Place(NamedTuple):
    """A gateway, a server that several names lead to, and a key for all of them."""

    gateway: Gateway
    origin: Origin
    key: MadeKey

    def call(self, method: str, target: str, *lines: str, body: bytes = b"") -> Answer:
        """Call with the key, on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, f"Exeat-Key: {self.key.key}", *lines, body=body)


@pytest.fixture(scope="module")
def place(authority: Authority) -> Iterator[Place]:
    """Upstreams and destinations whose names all resolve to loopback."""
    key = make_key()
    with Origin(context=authority.server_context("127.0.0.1", "localhost", *NAMES)) as origin:
        port, tls = origin.port, {"ca": str(authority.file)}
        document = {
            "upstreams": {
                "granted": origin.entry(authority.file, credential={"kind": "bearer", "secret": "secret-of-granted"}),
                "elsewhere": {
                    "url": f"https://localhost:{port}",
                    "network": {"private": ["10.0.0.0/8"]},
                    "tls": tls,
                },
                "reported": {"url": f"https://r.localhost:{port}", "network": {"mode": "report"}, "tls": tls},
            },
            "destinations": [
                {"host": f"open.localhost:{port}", "private": LOOPBACK},
                f"shut.localhost:{port}",
                {"host": "*.plain.localhost", "plaintext": True, "private": LOOPBACK},
            ],
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
            "cors": {"origins": [PAGE]},
        }
        with Gateway(document, {"SSL_CERT_FILE": str(authority.file)}) as gateway:
            yield Place(gateway, origin, key)


class TestPrivateNetworks:
    @pytest.mark.parametrize("target", ["/elsewhere/", "/https://shut.localhost:{port}/"])
    def test_refused(self, place: Place, target: str) -> None:
        """A name that leads to loopback is blocked where that network isn't granted: nothing is dialled."""
        connections = place.origin.connections
        answer = place.call("GET", target.format(port=place.origin.port))
        check_problem(answer, Code.ADDRESS_BLOCKED, "elsewhere" if "elsewhere" in target else None)
        assert place.origin.connections == connections

    def test_granted(self, place: Place) -> None:
        """Where it is granted, for an upstream or a destination, the same address is called."""
        assert place.call("GET", "/granted/").status == 200
        assert place.call("GET", f"/https://open.localhost:{place.origin.port}/").status == 200

    def test_reported(self, place: Place) -> None:
        """In report mode the call passes, and its access line says what would have been refused."""
        answer = place.call("GET", "/reported/")
        assert answer.status == 200
        line = access_line(place.gateway, answer.field("exeat-request-id"))
        assert (line["decision"], line["upstream"]) == ("report", "reported")

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "metadata.google.internal", "10.0.0.1", "0"],
    )
    def test_literals(self, place: Place, host: str) -> None:
        """No address is a destination, however it is spelled."""
        answer = place.call("GET", f"/https://{host}:9/")
        assert answer.field("exeat-error") in {"target-not-allowed", "malformed-target", "address-blocked"}

    def test_a_credential_stays_with_its_upstream(self, place: Place) -> None:
        """A bare destination gets the caller's own Authorization; no upstream's credential goes there."""
        answer = place.call("GET", f"/https://open.localhost:{place.origin.port}/", "Authorization: Basic b3duOndvcmQ=")
        assert b"Authorization: Basic b3duOndvcmQ=\r\n" in answer.body
        assert b"secret-of-granted" not in answer.body

    def test_a_url_of_an_upstream_is_that_upstream(self, place: Place) -> None:
        """A URL at a named upstream's origin is called with its credential, in any mode."""
        for target, line in ((f"/{place.origin.url}/x", "X: y"), ("/x", f"Exeat-Target: {place.origin.url}")):
            answer = place.call("GET", target, line, "Authorization: Basic b3duOndvcmQ=")
            assert b"Authorization: Bearer secret-of-granted\r\n" in answer.body
            assert b"b3duOndvcmQ" not in answer.body


class TestLoops:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
    def test_own_listener(self, place: Place, host: str) -> None:
        """The gateway never calls itself, by whatever name, even where loopback is granted."""
        key = make_key()
        with Gateway("upstreams: {}") as gateway:
            gateway.reload(
                {
                    "upstreams": {
                        "own": {
                            "url": f"http://{host}:{gateway.port}",
                            "plaintext": True,
                            "network": {"private": LOOPBACK},
                        }
                    },
                    "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
                }
            )
            answer = Place(gateway, place.origin, key).call("GET", "/own/own/own/")
        if host == "127.0.0.2":
            assert answer.field("exeat-error") == "connect-failed"  # another address: nobody listens there
        else:
            check_problem(answer, Code.LOOP_DETECTED, "own")

    def test_through_another(self) -> None:
        """With `via: true`, a request that comes back through somebody else is recognised."""
        key = make_key()
        ports: list[int] = []

        def forward(peer: Peer, request: Request) -> None:
            with RawCaller(ports[0]) as caller:
                lines = [f"{name}: {value}" for name, value in request.fields if name.lower() != "host"]
                answer = caller.call("GET", f"/round{request.target}", f"Exeat-Key: {key.key}", *lines)
            peer.answer(answer.body, status=f"{answer.status} Forwarded")

        with Origin(forward) as origin:
            document = {
                "upstreams": {"round": origin.entry(via=True)},
                "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
            }
            with Gateway(document) as gateway:
                ports.append(gateway.port)
                answer = Place(gateway, origin, key).call("GET", "/round/")
        assert (answer.status, json.loads(answer.body)["code"]) == (508, "loop-detected")
        assert len(origin.requests) == 1


class TestBrowsers:
    def test_preflight(self, place: Place) -> None:
        """A listed page's preflight is answered without a key, and nothing is sent to the upstream."""
        before = len(place.origin.requests)
        asks = ("Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: exeat-key,content-type")
        with RawCaller(place.gateway.port) as caller:
            answer = caller.call("OPTIONS", "/granted/x", f"Origin: {PAGE}", *asks)
            assert (answer.status, answer.body) == (204, b"")
            assert answer.field("access-control-allow-origin") == PAGE
            assert answer.field("access-control-allow-methods") == "PUT"
            assert answer.field("access-control-allow-headers") == "exeat-key,content-type"
            refused = caller.call("OPTIONS", "/granted/x", "Origin: https://evil.example", *asks)
            check_problem(refused, Code.KEY_MISSING)
            assert not [name for name, _ in refused.fields if name.startswith("access-control-")]
        assert len(place.origin.requests) == before

    def test_actual_request(self, place: Place) -> None:
        """The page may read the answer and the gateway's own fields, whatever the upstream says about pages."""

        def lax(peer: Peer, request: Request) -> None:
            peer.read_body(request)
            peer.answer(b"fine", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "X-A: 1")

        with place.origin.doing(lax):
            answer = place.call("GET", "/granted/", f"Origin: {PAGE}")
            allowed = [value for name, value in answer.fields if name == "access-control-allow-origin"]
            assert allowed == [PAGE]
            assert answer.field("access-control-allow-credentials") is None
            exposed = set((answer.field("access-control-expose-headers") or "").lower().split(", "))
            assert {"x-a", "exeat-request-id", "exeat-origin"} <= exposed
            assert "origin" in (answer.field("vary") or "").lower()
            other = place.call("GET", "/granted/", "Origin: https://evil.example")
            assert (other.status, other.field("access-control-allow-origin")) == (200, None)

    def test_refusals_can_be_read(self, place: Place) -> None:
        """A page may read why it was refused."""
        answer = place.call("GET", "/nothing/", f"Origin: {PAGE}")
        check_problem(answer, Code.UPSTREAM_UNKNOWN)
        assert answer.field("access-control-allow-origin") == PAGE
        exposed = (answer.field("access-control-expose-headers") or "").lower()
        assert "exeat-error" in exposed


SECRET = "s3cret/of+the upstream"
TOKEN = "s3cret-token-0123456789"
KINDS: dict[str, tuple[object, str]] = {
    "bearer": ({"kind": "bearer", "secret": TOKEN}, TOKEN),
    "basic": ({"kind": "basic", "username": "someone", "password": SECRET}, SECRET),
    "header": ({"kind": "header", "name": "X-Token", "secret": TOKEN}, TOKEN),
    "query": ({"kind": "query", "name": "api_key", "secret": "s3cret/of+the-upstream"}, "s3cret/of+the-upstream"),
}


@pytest.fixture(scope="module")
def echoing(authority: Authority) -> Iterator[tuple[Place, dict[str, Origin]]]:
    """A gateway before an upstream of each kind."""
    key = make_key()
    with ExitStack() as stack:
        origins = {name: stack.enter_context(Origin(context=authority.server_context())) for name in KINDS}
        upstreams = {
            name: origins[name].entry(authority.file, credential=credential) for name, (credential, _) in KINDS.items()
        }
        consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
        gateway = stack.enter_context(Gateway({"upstreams": upstreams, "consumers": consumers}))
        yield Place(gateway, origins["bearer"], key), origins


class TestEchoedSecrets:
    @staticmethod
    def spellings(kind: str) -> list[str]:
        secret = KINDS[kind][1]
        plain = base64.b64encode(secret.encode()).decode()
        urlsafe = base64.urlsafe_b64encode(secret.encode()).decode()
        return [
            secret,
            quote(secret, safe=""),
            plain,
            urlsafe,
            *([basic("someone", secret)] if kind == "basic" else []),
        ]

    @pytest.mark.parametrize("kind", KINDS)
    def test_in_fields(self, echoing: tuple[Place, dict[str, Origin]], kind: str) -> None:
        """In whatever field and spelling an upstream says the secret back, the caller doesn't get it."""
        place, origins = echoing
        secret = KINDS[kind][1]

        def echo(peer: Peer, request: Request) -> None:
            here = f"https://{request.values('host')[0]}"
            lines = [f"X-Echo-{n}: before {text} after" for n, text in enumerate(self.spellings(kind))]
            lines += [f"X-Raw: {line}" for line in request.raw.decode().split("\r\n")[:-2]]
            lines += [f"Location: {here}{request.target}&token={quote(secret, safe='')}"]
            lines += [f"Set-Cookie: token={quote(secret, safe='')}", f"Link: <{here}/?t={quote(secret, safe='')}>"]
            peer.answer(b"", *lines, status="302 Found")

        with origins[kind].doing(echo):
            answer = place.call("GET", f"/{kind}/x?y=1")
        said = "\r\n".join(f"{name}: {value}" for name, value in answer.fields).encode()
        assert not holds(said, secret)
        assert (answer.field("location") or "").startswith(f"http://gateway/{kind}/x?y=1")
        assert said.count(b"[redacted]") >= 6

    @pytest.mark.parametrize("kind", KINDS)
    def test_in_other_places_of_a_head(self, echoing: tuple[Place, dict[str, Origin]], kind: str) -> None:
        """Nor does the caller get it in an interim answer, in the reason phrase, or in a trailer."""
        place, origins = echoing
        secret = KINDS[kind][1]

        def echo(peer: Peer, request: Request) -> None:
            del request
            peer.send(f"HTTP/1.1 103 Hints {secret}\r\nLink: </{quote(secret, safe='')}>\r\n\r\n".encode())
            peer.send(f"HTTP/1.1 200 {secret}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            peer.send(f"0\r\nX-Sum: {secret}\r\n\r\n".encode())

        with origins[kind].doing(echo), RawCaller(place.gateway.port) as caller:
            caller.request("GET", f"/{kind}/", f"Exeat-Key: {place.key.key}", "TE: trailers", "Connection: TE")
            said = caller.read_until(b"X-Sum: ") + caller.read_until(b"\r\n\r\n")
        assert not holds(said, secret)

    @pytest.mark.parametrize("kind", KINDS)
    def test_in_an_envelope(self, echoing: tuple[Place, dict[str, Origin]], kind: str) -> None:
        """The fields within an envelope's answer are scrubbed the same."""
        place, origins = echoing
        secret = KINDS[kind][1]

        def echo(peer: Peer, request: Request) -> None:
            peer.read_body(request)
            peer.answer(b"{}", "Content-Type: application/json", f"X-Echo: {secret}")

        with origins[kind].doing(echo):
            answer = place.call("POST", "/-/call", body=json.dumps({"upstream": kind}).encode())
        assert json.loads(answer.body)["headers"]["x-echo"] == "[redacted]"
        assert not holds(answer.body, secret)
