"""TLS on the gateway's own listeners: self-signed, from files, and rotated."""

import socket
import ssl
import subprocess
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, run_exeat, wait_until

EMPTY = "upstreams: {}\n"


def certificate_shown(port: int, trusted: Path) -> bytes:
    """The certificate that a new connection gets, verified."""
    context = ssl.create_default_context(cafile=trusted)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def test_self_signed_is_verified_by_curl() -> None:
    """The certificate that Exeat makes is one that a strict client accepts once it is told to trust it."""
    with Gateway(EMPTY, tls=True) as gateway:
        assert gateway.url.startswith("https://")
        for host in ("127.0.0.1", "localhost"):
            command = ["curl", "-sS", "--fail", "--max-time", "10", "--cacert", str(gateway.certificate)]
            result = subprocess.run(
                [*command, f"https://{host}:{gateway.port}/-/ready"], capture_output=True, text=True, check=False
            )
            assert (result.returncode, result.stdout) == (0, "ready\n"), result.stderr


def test_self_signed_is_kept() -> None:
    """It is made once, its key readable by nobody else, in a folder that nobody else can open."""
    with Gateway(EMPTY, tls=True) as gateway:
        first = certificate_shown(gateway.port, gateway.certificate)
        folder = gateway.certificate.parent
        assert folder == gateway.folder / "exeat-data"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "self-signed.key").stat().st_mode & 0o777 == 0o600
        gateway.stop()
        gateway.start()
        assert certificate_shown(gateway.port, gateway.certificate) == first


def test_no_certificate_is_made_without_need() -> None:
    """A gateway that speaks plaintext keeps its records, but no certificate and no private key."""
    with Gateway(EMPTY) as gateway:
        kept = {path.name for path in (gateway.folder / "exeat-data").iterdir()}
    assert {"instance", "journal"} <= kept
    assert not {name for name in kept if "self-signed" in name}


def test_a_rotated_certificate_is_picked_up(tmp_path: Path) -> None:
    """New connections get the new certificate without a restart, from every worker, restarted ones included."""
    authority = Authority(tmp_path)
    pair = tmp_path / "server.pem", tmp_path / "server.key"
    authority.write_pair(*pair)
    env = {"EXEAT_TLS_CERTIFICATE": str(pair[0]), "EXEAT_TLS_KEY": str(pair[1])}
    with Gateway(EMPTY, env, workers=2) as gateway:
        first = certificate_shown(gateway.port, authority.file)
        with gateway.expect("certificate changed"):
            replace(authority, tmp_path, pair)
        wait_until(
            lambda: {certificate_shown(gateway.port, authority.file) for _ in range(20)} & {first} == set(), "new"
        )
        shown = {certificate_shown(gateway.port, authority.file) for _ in range(20)}
        assert len(shown) == 1
        with gateway.expect("worker is ready"):
            gateway.kill_worker(gateway.worker_pids()[0])
        assert {certificate_shown(gateway.port, authority.file) for _ in range(20)} == shown


def replace(authority: Authority, folder: Path, pair: tuple[Path, Path]) -> None:
    new = folder / "new.pem", folder / "new.key"
    authority.write_pair(*new)
    for source, target in zip(new, pair, strict=True):
        source.replace(target)


def test_a_bad_certificate_leaves_the_one_before(tmp_path: Path) -> None:
    """A pair that doesn't fit is said to be wrong, and the last good one is shown on, by a new worker too."""
    authority = Authority(tmp_path)
    pair = tmp_path / "server.pem", tmp_path / "server.key"
    authority.write_pair(*pair)
    env = {"EXEAT_TLS_CERTIFICATE": str(pair[0]), "EXEAT_TLS_KEY": str(pair[1])}
    with Gateway(EMPTY, env) as gateway:
        first = certificate_shown(gateway.port, authority.file)
        with gateway.expect("the certificate can't be used; the one before stays"):
            authority.write_pair(pair[0], tmp_path / "other.key")
        assert certificate_shown(gateway.port, authority.file) == first
        with gateway.expect("worker is ready"):
            gateway.kill_worker(gateway.worker_pids()[0])
        assert certificate_shown(gateway.port, authority.file) == first


def test_a_useless_certificate_stops_the_start(tmp_path: Path) -> None:
    """A key that isn't the certificate's, or no PEM at all, is one line, before anything listens."""
    authority = Authority(tmp_path)
    authority.write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    authority.write_pair(tmp_path / "b.pem", tmp_path / "b.key")
    (tmp_path / "c.key").write_text("not PEM\n")
    for key, reason in (("b.key", "the key isn't that of the certificate"), ("c.key", "no PEM private key")):
        env = {"EXEAT_TLS_CERTIFICATE": "a.pem", "EXEAT_TLS_KEY": key, "EXEAT_LISTEN": "127.0.0.1:0"}
        result = run_exeat("serve", cwd=tmp_path, env=env)
        assert result.returncode == 2
        assert result.stderr.count("\n") == 1
        assert reason in result.stderr


def test_an_encrypted_key_asks_nothing(tmp_path: Path) -> None:
    """A key with a passphrase is refused in words; no question waits on a terminal that nobody sees."""
    authority = Authority(tmp_path)
    authority.write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    subprocess.run(
        ["openssl", "pkey", "-aes128", "-passout", "pass:x1234", "-in", "a.key", "-out", "e.key"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    env = {"EXEAT_TLS_CERTIFICATE": "a.pem", "EXEAT_TLS_KEY": "e.key", "EXEAT_LISTEN": "127.0.0.1:0"}
    result = run_exeat("serve", cwd=tmp_path, env=env)
    assert result.returncode == 2
    assert "the key is encrypted" in result.stderr
    assert result.stderr.count("\n") == 1
