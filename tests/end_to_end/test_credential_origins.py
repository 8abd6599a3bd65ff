"""A credential goes to its origins alone: every kind, to siblings, other upstreams, destinations, along redirects.

Each upstream has an API, a sibling that its credential goes to, and one that it doesn't. Beside them are another
upstream and a destination. Every server takes down all that it receives, the client's certificate included, and what
makes a kind of credential recognisable is looked for in all of it.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exeat.errors import Code
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller
from tests.support.secret_search import basic, holds
from tests.support.token_server import TokenServer

CERTIFIED = b"\nclient certificate"  # what stands behind a request that came with one
BODY = b'{"a": 1}'
RSA_KEY = MARKERS.add(
    "a private key",
    rsa.generate_private_key(65537, 2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode("ascii"),
)


def secret(name: str) -> str:
    return MARKERS.make(f"secret of {name}")


SECRETS = {
    name: secret(name)
    for name in (
        *("bearer", "basic", "header", "query", "path", "cookie", "body", "form", "hmac", "aws-sigv4", "pool"),
        *("several field", "several query", "mtls"),
    )
}
OWN = "Authorization: Basic " + "d2hvZXZlcjpjYWxscw=="  # the caller's own


def kinds(server: TokenServer) -> Mapping[str, object]:
    """A credential of every kind."""
    client = {"token_url": server.url, "client_id": "me", "client_secret": secret("a client")}
    account = {
        "type": "service_account",
        "client_email": "robot@project.test",
        "private_key_id": "1",
        "private_key": RSA_KEY,
        "token_uri": server.url,
    }
    aws = {"access_key": "AKIAIOSFODNN7EXAMPLE", "region": "eu-west-1", "service": "sqs"}
    pooled = [
        {"kind": "bearer", "secret": SECRETS["pool"]},
        {"kind": "header", "name": "X-K", "secret": SECRETS["pool"]},
    ]
    return {
        "bearer": {"kind": "bearer", "secret": SECRETS["bearer"]},
        "basic": {"kind": "basic", "username": "someone", "password": SECRETS["basic"]},
        "header": {"kind": "header", "name": "X-Token", "secret": SECRETS["header"]},
        "query": {"kind": "query", "name": "key", "secret": SECRETS["query"]},
        "path": {"kind": "path", "prefix": "/bot", "secret": SECRETS["path"]},
        "cookie": {"kind": "cookie", "name": "session", "secret": SECRETS["cookie"]},
        "body": {"kind": "body", "name": "token", "secret": SECRETS["body"]},
        "form": {"kind": "body", "name": "token", "secret": SECRETS["form"], "format": "form"},
        "hmac": {"kind": "hmac", "secret": SECRETS["hmac"], "headers": {"X-Sum-Of-It": "{signature}"}},
        "aws-sigv4": {"kind": "aws-sigv4", "secret_key": SECRETS["aws-sigv4"], **aws},
        "pool": {"kind": "pool", "members": pooled},
        "several": [
            {"kind": "header", "name": "X-Id", "secret": SECRETS["several field"]},
            {"kind": "query", "name": "id", "secret": SECRETS["several query"]},
        ],
        "oauth2-client-credentials": {"kind": "oauth2-client-credentials", **client},
        "oauth2-refresh-token": {"kind": "oauth2-refresh-token", **client, "refresh_token": secret("a refresh")},
        "jwt-bearer": {"kind": "jwt-bearer", "token_url": server.url, "issuer": "me", "private_key": RSA_KEY},
        "github-app": {
            "kind": "github-app",
            "app_id": "1",
            "installation_id": "2",
            "private_key": RSA_KEY,
            "url": server.base,
        },
        "google-service-account": {
            "kind": "google-service-account",
            "key": json.dumps(account),
            "scope": "all",
            "token_url": server.url,
        },
        "mtls": {"kind": "header", "name": "X-Too", "secret": SECRETS["mtls"]},
        "caller": "caller",
        "none": "none",
    }


NAMES = (
    *("bearer", "basic", "header", "query", "path", "cookie", "body", "form", "hmac", "aws-sigv4", "pool", "several"),
    *("oauth2-client-credentials", "oauth2-refresh-token", "jwt-bearer", "github-app", "google-service-account"),
    *("mtls", "caller", "none"),
)
WITH_BODY = frozenset({"body", "form"})


class Server:
    """An upstream that takes down what it receives, and redirects where the query's `to` says."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.origin = Origin(self._behave, context)
        self.heard: list[bytes] = []

    def _behave(self, peer: Peer, request: Request) -> None:
        body = peer.read_body(request)
        assert isinstance(peer.sock, ssl.SSLSocket)
        certified = CERTIFIED if peer.sock.getpeercert() else b""
        self.heard.append(request.raw + body + certified)
        _, mark, where = request.target.partition("to=")
        if mark:
            peer.answer(b"", f"Location: {where.partition('&')[0]}", status="302 Found")
        else:
            peer.answer(b"fine")

    def url(self, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.origin.port}"


@dataclass(frozen=True)
class Place:
    """The gateway, the servers by kind and role, and the token server."""

    gateway: Gateway
    key: MadeKey
    apis: Mapping[str, Server]
    siblings: Mapping[str, Server]
    strangers: Mapping[str, Server]
    other: Server
    files: Server
    tokens: TokenServer

    def call(self, kind: str, target: str, *lines: str, host: str = "gateway") -> Answer:
        """Call with a method and a body that the kind can use."""
        method, body = ("POST", BODY if kind == "body" else b"a=1") if kind in WITH_BODY else ("GET", b"")
        own = (OWN,) if kind == "caller" else ()
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, target, f"Exeat-Key: {self.key.key}", *own, *lines, body=body, host=host)

    def servers(self) -> list[Server]:
        return [*self.apis.values(), *self.siblings.values(), *self.strangers.values(), self.other, self.files]

    def listeners(self, kind: str) -> dict[str, Server]:
        """Whoever could be told something in a call to a kind's upstream, by role."""
        return {
            "api": self.apis[kind],
            "sibling": self.siblings[kind],
            "stranger": self.strangers[kind],
            "other": self.other,
            "files": self.files,
        }


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("pair")
    authority.write_pair(folder / "client.pem", folder / "client.key", "gateway.test")
    MARKERS.add_input(folder / "client.pem", folder / "client.key")
    key = make_key()

    def server() -> Server:
        context = authority.server_context()
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_OPTIONAL
        made = Server(context)
        stack.enter_context(made.origin)
        return made

    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer(authority))
        apis, siblings, strangers = ({kind: server() for kind in NAMES} for _ in range(3))
        other, files = server(), server()
        shown = kinds(tokens)
        assert tuple(shown) == NAMES
        upstreams: dict[str, object] = {}
        for kind, credential in shown.items():
            family = [siblings[kind].url(), {"host": strangers[kind].url(), "credential": False}]
            entry = apis[kind].origin.entry(
                authority.file, base="/base", credential=credential, siblings=family, follow_redirects=3
            )
            if kind == "mtls":
                entry["tls"] = _pair(authority, folder)
            upstreams[kind] = entry
        document = {
            "upstreams": {
                **upstreams,
                "other": other.origin.entry(authority.file, credential={"kind": "bearer", "secret": secret("other")}),
            },
            "destinations": [{"host": f"localhost:{files.origin.port}", "private": ["127.0.0.0/8", "::1/128"]}],
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        env = {"SSL_CERT_FILE": str(authority.file)}
        with Gateway(document, env) as gateway:
            yield Place(gateway, key, apis, siblings, strangers, other, files, tokens)


def _pair(authority: Authority, folder: Path) -> dict[str, object]:
    return {
        "ca": str(authority.file),
        "certificate": str(folder / "client.pem"),
        "key": f"${{file:{folder / 'client.key'}}}",
    }


def marks(place: Place, kind: str) -> list[bytes]:
    """What makes a kind's credential recognisable in what a server has heard."""
    match kind:
        case "hmac":
            return [b"\r\nX-Sum-Of-It: "]
        case "aws-sigv4":
            return [b"AWS4-HMAC-SHA256", b"AKIAIOSFODNN7EXAMPLE"]
        case "several":
            return [SECRETS["several field"].encode(), SECRETS["several query"].encode()]
        case "basic":
            return [basic("someone", SECRETS["basic"]).encode()]
        case "mtls":
            return [CERTIFIED, SECRETS["mtls"].encode()]
        case "caller":
            return [OWN.encode()]
        case "none":
            return [b"\r\nAuthorization: "]
        case _ if kind in SECRETS:
            return [SECRETS[kind].encode()]
        case _:
            return [f"Authorization: Bearer {token}".encode() for token in place.tokens.tokens]


def shows(place: Place, kind: str, heard: bytes) -> bool:
    """Whether a request shows a kind's credential."""
    found = [mark in heard for mark in marks(place, kind)]
    return all(found) if kind in {"several", "aws-sigv4", "mtls"} else any(found)


def told(place: Place, kind: str, target: str, *lines: str, host: str = "gateway") -> tuple[Answer, dict[str, bytes]]:
    """The answer to a call, and what it made each listener hear last; a role that heard nothing is left out."""
    before = {role: len(server.heard) for role, server in place.listeners(kind).items()}
    answer = place.call(kind, target, *lines, host=host)
    after = place.listeners(kind)
    return answer, {role: after[role].heard[-1] for role, count in before.items() if len(after[role].heard) > count}


@pytest.mark.parametrize("kind", NAMES)
class TestWhereItGoes:
    def test_to_its_own_api(self, place: Place, kind: str) -> None:
        """The upstream's own API gets it, by name and by URL, and nobody else hears of the call."""
        for target in (f"/{kind}/x", f"/{place.apis[kind].url()}/base/x"):
            answer, heard = told(place, kind, target)
            assert answer.status == 200
            assert list(heard) == ["api"]
            assert shows(place, kind, heard["api"]) is (kind != "none")

    @pytest.mark.parametrize("host", ["files", "other", "evil.example"])
    def test_whatever_host_the_caller_writes(self, place: Place, kind: str, host: str) -> None:
        """A Host, or a field that names one, changes nothing: the call goes to the upstream's own."""
        named = {"files": place.files.url("localhost"), "other": place.other.url()}.get(host, "https://evil.example")
        authority = named.removeprefix("https://")
        lines = (f"X-Forwarded-Host: {authority}", f"Forwarded: host={authority}", f"X-Original-Url: {named}")
        answer, heard = told(place, kind, f"/{kind}/x", *lines, host=authority)
        assert answer.status == 200
        assert list(heard) == ["api"]
        assert f"\r\nHost: {place.apis[kind].origin.authority}\r\n".encode() in heard["api"]

    def test_to_siblings(self, place: Place, kind: str) -> None:
        """A sibling gets it, one that isn't to see it doesn't."""
        for server, role in ((place.siblings[kind], "sibling"), (place.strangers[kind], "stranger")):
            for target in (f"/{kind}/~{server.origin.authority}/x", f"/{server.url()}/x"):
                answer, heard = told(place, kind, target)
                assert answer.status == 200, answer.body
                assert list(heard) == [role]
                if kind == "caller":
                    continue  # the caller's own Authorization, at a place that it named
                assert shows(place, kind, heard[role]) is (role == "sibling" and kind != "none")

    def test_not_to_destinations(self, place: Place, kind: str) -> None:
        """A destination gets nothing of any upstream; the caller's own Authorization is the caller's."""
        answer, heard = told(place, kind, f"/{place.files.url('localhost')}/x")
        assert answer.status == 200
        assert list(heard) == ["files"]
        assert shows(place, kind, heard["files"]) is (kind == "caller")

    def test_not_to_another_upstream(self, place: Place, kind: str) -> None:
        """Another upstream has its own and nothing else."""
        for target in ("/other/x", f"/{place.other.url()}/x"):
            answer, heard = told(place, kind, target)
            assert answer.status == 200
            assert list(heard) == ["other"]
            assert not shows(place, kind, heard["other"]) or kind == "none"

    def test_not_by_address(self, place: Place, kind: str) -> None:
        """An address of the destination is no destination, and no upstream's either."""
        answer, heard = told(place, kind, f"/{place.files.url()}/x")
        check_problem(answer, Code.TARGET_NOT_ALLOWED)
        assert heard == {}


@pytest.mark.parametrize("kind", [kind for kind in NAMES if kind not in WITH_BODY])
class TestAlongRedirects:
    def redirected(self, place: Place, kind: str, where: str) -> tuple[Answer, dict[str, bytes]]:
        return told(place, kind, f"/{kind}/x?to={quote(where, safe=':/')}")

    def test_within_the_api(self, place: Place, kind: str) -> None:
        """A hop within the API shows it again, once."""
        before = len(place.apis[kind].heard)
        answer, heard = self.redirected(place, kind, f"{place.apis[kind].url()}/base/y")
        assert answer.status == 200
        assert list(heard) == ["api"]
        assert len(place.apis[kind].heard) == before + 2
        assert all(shows(place, kind, each) is (kind != "none") for each in place.apis[kind].heard[before:])

    def test_to_siblings(self, place: Place, kind: str) -> None:
        """A hop to a sibling shows it there, if it is shown there at all."""
        for server, role in ((place.siblings[kind], "sibling"), (place.strangers[kind], "stranger")):
            answer, heard = self.redirected(place, kind, f"{server.url()}/y")
            assert answer.status == 200, answer.body
            assert list(heard) == ["api", role]
            expected = role == "sibling" and kind not in {"none", "caller"}
            assert shows(place, kind, heard[role]) is expected

    def test_to_a_destination(self, place: Place, kind: str) -> None:
        """A hop to a destination takes nothing along."""
        answer, heard = self.redirected(place, kind, f"{place.files.url('localhost')}/y")
        assert answer.status == 200
        assert list(heard) == ["api", "files"]
        assert not shows(place, kind, heard["files"])

    def test_to_another_upstream(self, place: Place, kind: str) -> None:
        """No hop leads to another upstream."""
        answer, heard = self.redirected(place, kind, f"{place.other.url()}/y")
        check_problem(answer, Code.TARGET_NOT_ALLOWED, kind)
        assert list(heard) == ["api"]

    @pytest.mark.parametrize("where", ["https://evil.example/", "http://127.0.0.1:{port}/y", "//localhost:1/"])
    def test_to_nowhere(self, place: Place, kind: str, where: str) -> None:
        """Nor to a place that isn't allowed, the API's own port without TLS included."""
        answer, heard = self.redirected(place, kind, where.format(port=place.apis[kind].origin.port))
        assert answer.status == 403, answer.body
        assert list(heard) == ["api"]


@pytest.mark.parametrize("kind", sorted(WITH_BODY))
@pytest.mark.parametrize("role", ["files", "other", "stranger"])
def test_a_redirected_body_goes_nowhere(place: Place, kind: str, role: str) -> None:
    """The redirect of a request with a body is the caller's to follow: nobody else is told what stands in the body."""
    server = place.listeners(kind)[role]
    answer, heard = told(place, kind, f"/{kind}/x?to={server.url('localhost')}/y")
    assert answer.status == 302
    assert list(heard) == ["api"]


def test_after_all_of_it(place: Place) -> None:
    """In all that every server has heard, in any spelling, stands nothing but what that server may be shown."""
    for kind in NAMES:
        for target in (
            "x",
            f"~{place.siblings[kind].origin.authority}/x",
            f"~{place.strangers[kind].origin.authority}/x",
        ):
            assert place.call(kind, f"/{kind}/{target}").status == 200
        assert (
            place.call(kind, "/other/x").status == place.call(kind, f"/{place.files.url('localhost')}/x").status == 200
        )
    allowed = {id(place.other): set[str](), id(place.files): set[str]()}
    for kind in NAMES:
        allowed[id(place.apis[kind])] = allowed[id(place.siblings[kind])] = {kind}
        allowed[id(place.strangers[kind])] = set()
    owners = {"several field": "several", "several query": "several"}
    heard = {id(server): b"\n".join(server.heard) for server in place.servers()}
    assert all(heard.values())
    for name, text in SECRETS.items():
        for server, everything in heard.items():
            if owners.get(name, name) in allowed[server] and name not in {"hmac", "aws-sigv4"}:
                assert holds(everything, text)
            else:
                assert not holds(everything, text)
    tokened = {kind for kind in NAMES if kind.startswith(("oauth2", "jwt", "github", "google"))}
    assert len(place.tokens.tokens) >= len(tokened)
    for token in place.tokens.tokens:
        for server, everything in heard.items():
            assert token.encode() not in everything or tokened & allowed[server]
    for server, everything in heard.items():
        assert (CERTIFIED in everything) is ("mtls" in allowed[server])
        assert b"exeat_" not in everything
