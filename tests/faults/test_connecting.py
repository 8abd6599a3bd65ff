"""Upstreams that can't be connected to, or whose TLS isn't what it should be: each fault of the table."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults import tls_peers
from tests.faults.checks import check_left
from tests.faults.family import Family
from tests.faults.stand import CALM, Seen, Way, observe
from tests.faults.table import CONNECTING
from tests.support import forge
from tests.support.blackhole import blackhole
from tests.support.forge import DAY, NOW, Issued, issue, write, write_certificate
from tests.support.gateway import Gateway, JsonObject, make_key
from tests.support.origins import Origin, Peer, Request
from tests.support.programs import free_port
from tests.support.raw_caller import RawCaller

HERE = ["127.0.0.1", "localhost"]
PRIVATE = {"network": {"private": ["127.0.0.0/8"]}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def truncates(peer: Peer, request: Request) -> None:
    """A body that ends with its connection, and an end that anybody could have made."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf.")
    peer.has_ended(0.1)
    peer.drop()


class Forged:
    """Servers that show what they shouldn't, and the file of the authority that is trusted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = issue("root", by=None, is_authority=True)
        self.authority = write_certificate(self._root, folder / "authority.pem")

    def good(self) -> ssl.SSLContext:
        """A server with nothing wrong."""
        return self._server(issue("good", by=self._root, names=HERE))

    def wanting(self) -> ssl.SSLContext:
        """A server that wants a certificate of its clients, and says so after the handshake."""
        context = self.good()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def bad(self) -> dict[str, ssl.SSLContext]:
        """A server for each fault of certificates and protocols."""
        root, stranger = self._root, issue("stranger", by=None, is_authority=True)
        expired = issue("expired", by=root, names=HERE, starts=NOW - 2 * DAY, ends=NOW - DAY)
        return {
            "expired": self._server(expired),
            "wrong-host": self._server(issue("other", by=root, names=["other.test"])),
            "self-signed": self._server(issue("self", by=None, names=HERE)),
            "unknown-authority": self._server(issue("strange", by=stranger, names=HERE), chain=False),
            "too-old": forge.obsolete(write(issue("old", by=root, names=HERE), self._folder / "old.pem")),
        }

    def _server(self, issued: Issued, *, chain: bool = True) -> ssl.SSLContext:
        return forge.server(write(issued, self._folder / f"{issued.certificate.serial_number}.pem", chain=chain))


def entry(port: int, authority: Path) -> JsonObject:
    """An upstream that speaks TLS, as far as the document knows."""
    return {"url": f"https://127.0.0.1:{port}", "tls": {"ca": str(authority)}, **PRIVATE}


def ways_of(forged: Forged, origins: ExitStack) -> dict[str, Way]:
    """How each fault is brought about."""
    good = forged.good()
    greetings = {
        "accepts-and-resets": tls_peers.resets,
        "hangs-up": tls_peers.hangs_up,
        "handshake-stalls": tls_peers.stalls,
        "no-tls": tls_peers.speaks_plaintext,
        "wants-certificate": tls_peers.wants_certificate(forged.wanting()),
        "alert-in-body": tls_peers.alert_in_body(good),
    }
    ports = {
        "refused": free_port(),
        "blackhole": origins.enter_context(blackhole()),
        CALM: origins.enter_context(Origin(context=good)).port,
        "truncated-body": origins.enter_context(Origin(truncates, good)).port,
        **{name: origins.enter_context(Origin(context=bad)).port for name, bad in forged.bad().items()},
        **{name: origins.enter_context(Origin(greeting=greeting)).port for name, greeting in greetings.items()},
    }
    return {name: Way(entry(port, forged.authority)) for name, port in ports.items()}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All of it, once."""
    folder = Path(tmp_path_factory.mktemp("connecting"))
    with ExitStack() as origins:
        yield observe(CONNECTING, ways_of(Forged(folder), origins), origins, folder)


@pytest.mark.parametrize("fault", CONNECTING, ids=lambda fault: fault.name)
class TestConnecting(Family):
    """Each row of the table."""


def test_nothing_is_left(seen: Seen) -> None:
    """When all is over, nothing of it is left."""
    check_left(seen.left)


def test_many_are_reset_at_once() -> None:
    """However busy a worker is, a connection that is reset before anybody looks at it has failed, and is no bug."""
    key = make_key()
    with Origin(greeting=tls_peers.resets) as origin:
        document = {
            "upstreams": {"api": origin.entry(retries="off", circuit="off")},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with Gateway(document) as gateway:

            def call(_: int) -> str | None:
                with RawCaller(gateway.port) as caller:
                    return caller.call("GET", "/api/", f"Exeat-Key: {key.key}").field("exeat-error")

            with ThreadPoolExecutor(30) as pool:
                met = set(pool.map(call, range(400)))
            assert met <= {"connect-failed", "upstream-closed"}
            assert [event for event in gateway.events() if event["level"] == "error"] == []
