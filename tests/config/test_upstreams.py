"""TLS files of an upstream."""

import shutil
from pathlib import Path

import pytest
import trustme

from exeat.model.upstream import TlsIdentity
from exeat.proxy.dial import Trust
from tests.config.conftest import Desk

TEXT = "upstreams: {a: {url: 'https://a.com', tls: {ca: ca.pem, certificate: me.pem, key: '%s'}}}\n"


@pytest.fixture
def signed(desk: Desk) -> Desk:
    """A desk with an authority and a client certificate."""
    authority = trustme.CA()
    mine = authority.issue_cert("me.example")
    authority.cert_pem.write_to_path(str(desk.folder / "ca.pem"))
    mine.cert_chain_pems[0].write_to_path(str(desk.folder / "me.pem"))
    mine.private_key_pem.write_to_path(str(desk.folder / "me.key"))
    return desk


def identity(desk: Desk, text: str) -> TlsIdentity:
    return desk.load(text).snapshot.upstreams[b"a"].endpoints[0].route.tls


@pytest.mark.parametrize("key", ["${file:me.key}", "me.key"])
def test_files_are_loaded(signed: Desk, key: str) -> None:
    """Certificate, key and authorities are read once, here: what was judged is what travels."""
    tls = identity(signed, TEXT % key)
    assert tls.ca == (signed.folder / "ca.pem").read_text()
    assert tls.certificate == (signed.folder / "me.pem").read_text()
    assert tls.key is not None
    assert tls.key.reveal().startswith("-----BEGIN")
    watched = {path.name for path in signed.load().watched}
    assert watched == {"exeat.yaml", ".env", "ca.pem", "me.pem", "me.key"}


def test_changed_file_is_another_identity(signed: Desk) -> None:
    """A renewed authority gives another fingerprint, pool and revision."""
    before = signed.load(TEXT % "me.key").snapshot
    trustme.CA().cert_pem.write_to_path(str(signed.folder / "ca.pem"))
    after = signed.load().snapshot
    routes = [snapshot.upstreams[b"a"].endpoints[0].route for snapshot in (before, after)]
    assert routes[0].tls.fingerprint != routes[1].tls.fingerprint
    assert routes[0].pool != routes[1].pool
    assert before.revision != after.revision


def test_key_of_another_certificate(signed: Desk) -> None:
    """A key that doesn't belong to the certificate is found here, not at the first call."""
    trustme.CA().issue_cert("other").private_key_pem.write_to_path(str(signed.folder / "me.key"))
    (line,) = signed.problems(TEXT % "me.key")
    assert "upstreams.a.tls: certificate and key can't be used together" in line


def test_files_that_hold_something_else(signed: Desk) -> None:
    """A file without certificates is named, and its content isn't shown."""
    (signed.folder / "ca.pem").write_text("s3cr3t-marker")
    shutil.copy(signed.folder / "ca.pem", signed.folder / "me.key")
    lines = signed.problems(TEXT % "me.key")
    assert len(lines) == 2
    assert "holds no certificates" in lines[1]
    assert "s3cr3t" not in "".join(lines)


def test_authorities_as_text(signed: Desk) -> None:
    """Authorities may be PEM text as well as a file; what is judged is what travels to the workers."""
    text = (signed.folder / "ca.pem").read_text()
    by_file = signed.load("upstreams: {a: {url: 'https://a.com', tls: {ca: ca.pem}}}\n").snapshot
    by_text = signed.load("upstreams: {a: {url: 'https://a.com', tls: {ca: '${file:ca.pem}'}}}\n").snapshot
    for snapshot in (by_file, by_text):
        identity = snapshot.upstreams[b"a"].endpoints[0].route.tls
        assert identity.ca is not None
        assert identity.ca.strip() == text.strip()


@pytest.mark.parametrize("written", ["ca.pem", "${file:ca.pem}"])
def test_a_bundle_with_comments(signed: Desk, written: str) -> None:
    """Text beside the certificates may be in any alphabet; both certificates are what the workers trust."""
    first, second = (signed.folder / "ca.pem").read_text(), trustme.CA().cert_pem.bytes().decode()
    (signed.folder / "ca.pem").write_text(f"# Főtanúsítvány\n{first}\n# 認証局 🔏\n{second}\n# konec — Ω\n", "utf-8")
    found = identity(signed, f"upstreams: {{a: {{url: 'https://a.com', tls: {{ca: '{written}'}}}}}}\n")
    assert len(Trust().context(found).get_ca_certs()) == 2


def test_a_certificate_that_is_not_ascii(signed: Desk) -> None:
    """A letter of another alphabet within a certificate is no comment: the document is refused."""
    text = (signed.folder / "ca.pem").read_text()
    (signed.folder / "ca.pem").write_text(text.replace("MII", "МII", 1), "utf-8")  # noqa: RUF001 - that is the case
    (line,) = signed.problems("upstreams: {a: {url: 'https://a.com', tls: {ca: ca.pem}}}\n")
    assert "holds no certificates" in line


def test_comments_beside_the_own_certificate(signed: Desk) -> None:
    """So may text beside a client's certificate and its key, in the workers too."""
    for name in ("me.pem", "me.key"):
        file = signed.folder / name
        file.write_text(f"# Ügyféltanúsítvány\n{file.read_text()}", "utf-8")
    context = Trust().context(identity(signed, TEXT % "me.key"))
    assert len(context.get_ca_certs()) == 1


def test_missing_listener_files_are_watched(tmp_path: Path) -> None:
    """The listener's own certificate is among what is watched, so that its renewal is seen."""
    (tmp_path / "c.pem").write_text("x")
    (tmp_path / "k.pem").write_text("x")
    loaded = Desk(tmp_path).load(EXEAT_TLS_CERTIFICATE="c.pem", EXEAT_TLS_KEY="k.pem")
    assert {tmp_path / "c.pem", tmp_path / "k.pem"} <= set(loaded.watched)
