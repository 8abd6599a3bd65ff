"""TLS files of an upstream."""

import json
import shutil
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

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
    assert "upstreams.a.tls: certificate and key can't be used together: the key isn't that of the certificate" in line


def test_files_that_hold_something_else(signed: Desk) -> None:
    """A file without certificates is named, and its content isn't shown."""
    (signed.folder / "ca.pem").write_text("s3cr3t-marker")
    shutil.copy(signed.folder / "ca.pem", signed.folder / "me.key")
    lines = signed.problems(TEXT % "me.key")
    assert len(lines) == 2
    assert "upstreams.a.tls.ca: holds no certificates" in lines[0]
    assert "upstreams.a.tls.key: holds no private key in PEM form" in lines[1]
    assert "s3cr3t" not in "".join(lines)


def written(desk: Desk, way: str, name: str) -> str:
    """A file as a member of `tls` names it: by its name, by reference, or as the text itself."""
    if way == "inline":
        return (desk.folder / name).read_text()
    return name if way == "file" else f"${{file:{name}}}"


WAYS = pytest.mark.parametrize("way", ["file", "reference", "inline"])
IN_CERTIFICATE = "upstreams.a.tls.certificate: holds a private key, which belongs in 'key' alone"
IN_CA = "upstreams.a.tls.ca: holds a private key, and certificates are kept unsealed"
NOT_A_KEY = "upstreams.a.tls.key: holds no private key in PEM form"


@WAYS
@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"certificate": "both.pem", "key": "me.key"}, [IN_CERTIFICATE]),
        ({"certificate": "backwards.pem", "key": "me.key"}, [IN_CERTIFICATE]),
        ({"certificate": "both.pem", "key": "both.pem"}, [IN_CERTIFICATE]),
        ({"certificate": "me.key", "key": "me.pem"}, [IN_CERTIFICATE, NOT_A_KEY]),
        ({"certificate": "me.key", "key": "me.key"}, [IN_CERTIFICATE]),
        ({"certificate": "locked.key", "key": "me.key"}, [IN_CERTIFICATE]),
        ({"ca": "both.pem"}, [IN_CA]),
        ({"ca": "me.key"}, [IN_CA]),
        ({"ca": "crippled.pem"}, [IN_CA]),
        ({"certificate": "me.pem", "key": "ca.pem"}, [NOT_A_KEY]),
        ({"certificate": "empty.pem", "key": "me.key"}, ["upstreams.a.tls.certificate: holds no certificate in PEM"]),
        ({"certificate": "me.pem", "key": "locked.key"}, ["upstreams.a.tls.key: is encrypted; decrypt it first ("]),
        ({"certificate": "me.pem", "key": "old-locked.key"}, ["upstreams.a.tls.key: is encrypted; decrypt it first ("]),
    ],
)
def test_keys_and_certificates_in_wrong_places(
    signed: Desk, way: str, members: dict[str, str], said: list[str]
) -> None:
    """A private key where certificates belong would be kept unsealed and shown; nothing of it is said either."""
    own, key = ((signed.folder / name).read_text() for name in ("me.pem", "me.key"))
    loaded = load_pem_private_key(key.encode(), None)
    for name, form in (("locked.key", PrivateFormat.PKCS8), ("old-locked.key", PrivateFormat.TraditionalOpenSSL)):
        (signed.folder / name).write_bytes(loaded.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"word")))
    signed.write(own + key, "both.pem")
    signed.write(key + own, "backwards.pem")
    signed.write(f"-----BEGIN CERTIFICATE-----\nMII\n{key.replace('-----BEGIN', '----- begin')}", "crippled.pem")
    signed.write("-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----\n", "empty.pem")
    tls = {member: written(signed, way, name) for member, name in members.items()}
    lines = signed.problems(json.dumps({"upstreams": {"a": {"url": "https://a.com", "tls": tls}}}))
    assert len(lines) == len(said)
    assert all(words in line for line, words in zip(lines, said, strict=True)), lines
    secret = max(key.splitlines(), key=len)
    assert secret not in "".join(lines)


@WAYS
def test_a_key_beside_its_certificate_in_the_keys_place(signed: Desk, way: str) -> None:
    """What holds both may stand where keys are sealed."""
    signed.write((signed.folder / "me.pem").read_text() + (signed.folder / "me.key").read_text(), "both.pem")
    tls = {"certificate": written(signed, way, "me.pem"), "key": written(signed, way, "both.pem")}
    found = identity(signed, json.dumps({"upstreams": {"a": {"url": "https://a.com", "tls": tls}}}))
    assert found.certificate is not None
    assert "PRIVATE" not in found.certificate


def test_the_word_in_a_comment(signed: Desk) -> None:
    """Text beside a certificate may speak of a private key."""
    signed.write(f"# without its private key\n{(signed.folder / 'me.pem').read_text()}", "me.pem")
    assert identity(signed, TEXT % "me.key").certificate is not None


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
