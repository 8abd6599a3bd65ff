"""TLS to upstreams: who is refused, who is not, and what a connection may be used for."""

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from exeat.errors import Code
from tests.support import forge
from tests.support.forge import DAY, NOW, Issued, issue, write, write_certificate
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import Answer, RawCaller

HERE = ("127.0.0.1", "localhost")


class Server(NamedTuple):
    """An upstream's server, and the name that it is verified by where that isn't the URL's host."""

    context: ssl.SSLContext
    server_name: str | None = None


class Authorities:
    """A trusted root, and what it and others have signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = issue("root", by=None, is_authority=True)
        self.file = write_certificate(self.root, folder / "root.pem")
        self.between = issue("between", by=self.root, is_authority=True)

    def server(self, label: str, issued: Issued, *, chain: bool = True) -> ssl.SSLContext:
        """A server that shows a certificate."""
        return forge.server(write(issued, self.folder / f"{label}.pem", chain=chain))

    def good(self) -> dict[str, Server]:
        """Servers to be accepted."""
        wildcard = self.server("wildcard", issue("w", by=self.root, names=["*.api.test"]))
        older = self.server("older", issue("o", by=self.root, names=HERE))
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        newer = self.server("newer", issue("n", by=self.root, names=HERE))
        newer.minimum_version = ssl.TLSVersion.TLSv1_3
        return {
            "by-address": Server(self.server("by-address", issue("a", by=self.root, names=["127.0.0.1"]))),
            "by-name": Server(self.server("by-name", issue("b", by=self.between, names=["x.test"])), "x.test"),
            "by-wildcard": Server(wildcard, "one.api.test"),
            "tls-1-2": Server(older),
            "tls-1-3": Server(newer),
        }

    def bad(self) -> dict[str, Server]:
        """Servers to be refused."""
        root = self.root
        stranger = issue("stranger", by=None, is_authority=True)
        narrow = issue("narrow", by=root, is_authority=True, permitted="api.test")
        leaf = issue("leaf", by=root, names=["leaf.test"])
        wildcard = self.server("wildcard", issue("w", by=root, names=["*.api.test"]))
        weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is weak is the point
        plain = write(issue("p", by=root, names=HERE), self.folder / "plain.pem")
        contexts = {
            "other-host": self.server("other", issue("127.0.0.1", by=root, names=["other.test"])),
            "address-as-name": self.server("named", issue("127.0.0.1", by=root, names=["localhost"])),
            "expired": self.server("expired", issue("e", by=root, names=HERE, starts=NOW - 2 * DAY, ends=NOW - DAY)),
            "not-yet": self.server("early", issue("y", by=root, names=HERE, starts=NOW + DAY, ends=NOW + 2 * DAY)),
            "self-signed": self.server("self", issue("s", by=None, names=HERE)),
            "strangers-root": self.server("stranger", issue("t", by=stranger, names=HERE)),
            "no-intermediate": self.server("between", issue("i", by=self.between, names=HERE), chain=False),
            "common-name-only": self.server("cn", issue("127.0.0.1", by=root)),
            "for-clients": self.server(
                "client", issue("c", by=root, names=HERE, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
            ),
            "constrained": self.server("narrow", issue("q", by=narrow, names=["x.example"])),
            "signed-by-a-leaf": self.server("leaf", issue("l", by=leaf, names=HERE)),
            "rsa-1024": self.server("weak", issue("r", by=root, names=HERE, key=weak)),
            "sha-1": forge.server(forge.sha1(self.folder, root)),
            "tls-1-1": forge.obsolete(plain),
            "no-encryption": forge.unencrypted(plain),
        }
        names = {"constrained": "x.example"}
        return {
            **{label: Server(context, names.get(label)) for label, context in contexts.items()},
            "wildcard-two-labels": Server(wildcard, "a.b.api.test"),
            "wildcard-apex": Server(wildcard, "api.test"),
            "common-name-only-name": Server(self.server("cn2", issue("cn.test", by=root)), "cn.test"),
        }


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """The authorities of this module."""
    return Authorities(Path(tmp_path_factory.mktemp("tls")))


class Place(NamedTuple):
    """A gateway, its upstreams by label, and a key for them all."""

    gateway: Gateway
    origins: dict[str, Origin]
    key: MadeKey

    def call(self, label: str, target: str = "/") -> Answer:
        """Call an upstream on a connection of its own."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call("GET", f"/{label}{target}", f"Exeat-Key: {self.key.key}")


def document(upstreams: dict[str, object], key: MadeKey) -> dict[str, object]:
    consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
    return {"upstreams": upstreams, "consumers": consumers}


GOOD = ("by-address", "by-name", "by-wildcard", "tls-1-2", "tls-1-3")
# Whom to refuse, and a word of why, so that none is refused for another reason than its own.
BAD = {
    "other-host": "mismatch",
    "address-as-name": "mismatch",
    "expired": "expired",
    "not-yet": "not yet valid",
    "self-signed": "self-signed certificate",
    "strangers-root": "self-signed certificate in certificate chain",
    "no-intermediate": "local issuer",
    "common-name-only": "mismatch",
    "common-name-only-name": "mismatch",
    "for-clients": "purpose",
    "constrained": "subtree",
    "signed-by-a-leaf": "CA certificate",
    "rsa-1024": "key too weak",
    "sha-1": "digest algorithm too weak",
    "tls-1-1": "PROTOCOL_VERSION",
    "no-encryption": "HANDSHAKE_FAILURE",
    "wildcard-two-labels": "mismatch",
    "wildcard-apex": "mismatch",
}


@pytest.fixture(scope="module")
def place(authorities: Authorities) -> Iterator[Place]:
    """A gateway before servers that show a certificate each."""
    key = make_key()
    servers = authorities.good() | authorities.bad()
    with ExitStack() as stack:
        origins = {label: stack.enter_context(Origin(context=server.context)) for label, server in servers.items()}
        upstreams: dict[str, object] = {}
        for label, server in servers.items():
            tls = {"ca": str(authorities.file)}
            if server.server_name is not None:
                tls["server_name"] = server.server_name
            upstreams[label] = origins[label].entry(tls=tls)
        yield Place(stack.enter_context(Gateway(document(upstreams, key))), origins, key)


def test_the_lists_are_whole(authorities: Authorities) -> None:
    """Every server that is made is called."""
    assert (set(authorities.good()), set(authorities.bad())) == (set(GOOD), set(BAD))


@pytest.mark.parametrize("label", GOOD)
def test_accepted(place: Place, label: str) -> None:
    """A valid certificate for the name is accepted, over TLS 1.2 and 1.3."""
    assert place.call(label).status == 200


@pytest.mark.parametrize("label", BAD)
def test_refused(place: Place, label: str) -> None:
    """A certificate or protocol that isn't good enough is `tls-failed`, and no byte of the request leaves."""
    problem = check_problem(place.call(label), Code.TLS_FAILED, label)
    assert BAD[label] in str(problem["detail"])
    assert problem["attempts"] == 1
    assert place.origins[label].requests == []


class TestOtherServers:
    @pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail ESMTP\r\n", b"", b"\x16\x03\x01"])
    def test_no_tls(self, says: bytes, authorities: Authorities) -> None:
        """A port that speaks something else, or ends at once, fails; plaintext is never tried instead."""
        heard: list[bytes] = []

        def speak(peer: Peer) -> None:
            heard.append(peer.sock.recv(100))
            peer.send(says)
            peer.drop()

        key = make_key()
        with Origin(greeting=speak) as origin:
            entry = origin.entry() | {"url": f"https://{origin.authority}", "tls": {"ca": str(authorities.file)}}
            entry.pop("plaintext")
            with Gateway(document({"odd": entry}, key)) as gateway:
                answer = Place(gateway, {}, key).call("odd")
        assert answer.field("exeat-error") in {"tls-failed", "connect-failed"}
        assert all(data.startswith(b"\x16\x03") for data in heard)

    def test_alpn_and_sni(self, authorities: Authorities) -> None:
        """HTTP/1.1 is asked for by ALPN; the name is sent as SNI, an address isn't."""
        seen: list[tuple[str | None, str | None]] = []
        names: list[str | None] = []

        def note(peer: Peer, request: Request) -> None:
            del request
            assert isinstance(peer.sock, ssl.SSLSocket)
            seen.append((peer.sock.selected_alpn_protocol(), peer.sock.version()))
            peer.answer(b"fine")

        context = authorities.server("alpn", issue("a", by=authorities.root, names=[*HERE, "x.test"]))
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.sni_callback = lambda _sock, given, _context: names.append(given)
        key = make_key()
        with Origin(note, context) as origin:
            ca = {"ca": str(authorities.file)}
            upstreams: dict[str, object] = {
                "address": origin.entry(tls=ca),
                "name": origin.entry(tls=ca | {"server_name": "x.test"}),
            }
            with Gateway(document(upstreams, key)) as gateway:
                place = Place(gateway, {}, key)
                assert (place.call("address").status, place.call("name").status) == (200, 200)
        assert {protocol for protocol, _ in seen} == {"http/1.1"}
        assert names == [None, "x.test"]

    def test_only_http_2(self, authorities: Authorities) -> None:
        """A server that knows only h2 is an upstream that doesn't speak HTTP/1.1, not a crash."""
        context = authorities.server("h2", issue("h", by=authorities.root, names=HERE))
        context.set_alpn_protocols(["h2"])
        key = make_key()

        def goaway(peer: Peer) -> None:
            peer.send(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64")
            peer.has_ended(2)

        with (
            Origin(context=context, greeting=goaway) as origin,
            Gateway(document({"h2": origin.entry(authorities.file)}, key)) as gateway,
        ):
            answer = Place(gateway, {}, key).call("h2")
        assert answer.field("exeat-error") in {"upstream-malformed", "connect-failed", "upstream-closed"}


class TestClientCertificates:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_mutual(self, authorities: Authorities, version: ssl.TLSVersion) -> None:
        """With `tls.certificate` and `tls.key` the server knows the gateway; without, or with others, it refuses."""
        folder = authorities.folder
        client = ExtendedKeyUsageOID.CLIENT_AUTH
        mine = issue("exeat", by=authorities.root, usage=client)
        other = issue("other", by=issue("stranger", by=None, is_authority=True), usage=client)
        context = authorities.server("mutual", issue("m", by=authorities.root, names=HERE))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authorities.file)
        context.minimum_version = context.maximum_version = version
        shown: list[object] = []

        def note(peer: Peer, request: Request) -> None:
            del request
            assert isinstance(peer.sock, ssl.SSLSocket)
            shown.append(peer.sock.getpeercert())
            peer.answer(b"fine")

        key = make_key()
        certificates = {
            "mine": {
                "certificate": str(write_certificate(mine, folder / "mine.pem")),
                "key": str(write(mine, folder / "mine.key")),
            },
            "other": {
                "certificate": str(write_certificate(other, folder / "other.pem")),
                "key": str(write(other, folder / "other.key")),
            },
        }
        with Origin(note, context) as origin:
            ca = {"ca": str(authorities.file)}
            upstreams: dict[str, object] = {
                "mine": origin.entry(tls=ca | certificates["mine"]),
                "other": origin.entry(tls=ca | certificates["other"]),
                "without": origin.entry(tls=ca),
            }
            with Gateway(document(upstreams, key)) as gateway:
                place = Place(gateway, {}, key)
                for _ in range(3):
                    assert place.call("mine").status == 200
                    for label in ("other", "without"):
                        check_problem(place.call(label), Code.TLS_FAILED, label)
                assert "PRIVATE KEY" not in gateway.stderr() + gateway.stdout()
        assert shown == [shown[0]] * 3
        assert "exeat" in json.dumps(shown[0])


class TestIdentities:
    def test_unverified_is_one_upstreams_own(self, authorities: Authorities) -> None:
        """`verify: false` accepts anything for that upstream, and its connections serve no other."""
        key = make_key()
        context = authorities.server("self", issue("s", by=None, names=HERE))
        with Origin(context=context) as origin:
            upstreams: dict[str, object] = {
                "lax": origin.entry(tls={"verify": False}),
                "strict": origin.entry(authorities.file),
            }
            with Gateway(document(upstreams, key)) as gateway:
                place = Place(gateway, {}, key)
                assert place.call("lax").status == 200
                check_problem(place.call("strict"), Code.TLS_FAILED, "strict")
                assert place.call("lax").status == 200

    def test_another_authority_counts_at_once(self, authorities: Authorities, tmp_path: Path) -> None:
        """When `tls.ca` has other content, connections that the old one vouched for are used no more."""
        file = tmp_path / "ca.pem"
        file.write_bytes(authorities.file.read_bytes())
        stranger = write_certificate(issue("stranger", by=None, is_authority=True), tmp_path / "stranger.pem")
        key = make_key()
        context = authorities.server("ca", issue("s", by=authorities.root, names=HERE))
        with Origin(context=context) as origin, Gateway(document({"api": origin.entry(file)}, key)) as gateway:
            place = Place(gateway, {}, key)
            assert place.call("api").status == 200
            with gateway.expect("in force"):
                file.write_bytes(stranger.read_bytes())
            check_problem(place.call("api"), Code.TLS_FAILED, "api")
            with gateway.expect("in force"):
                file.write_bytes(authorities.file.read_bytes())
            assert place.call("api").status == 200

    def test_trust_store_of_the_process(self, authorities: Authorities) -> None:
        """SSL_CERT_FILE is whom upstreams without a `tls.ca` are judged by."""
        key = make_key()
        context = authorities.server("store", issue("s", by=authorities.root, names=HERE))
        with Origin(context=context) as origin:
            for env, status in (({"SSL_CERT_FILE": str(authorities.file)}, 200), ({}, 502)):
                with Gateway(document({"api": origin.entry()}, key), env) as gateway:
                    assert Place(gateway, {}, key).call("api").status == status
