"""Makes the run's test CA and server certificates (ECDSA P-256) with the openssl command."""

import subprocess
from pathlib import Path

from testbed import UPSTREAM_NAME, Certificates

# A complete configuration of our own: the machine's openssl.cnf would add its defaults to ours.
_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = exeat bench
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def make_certificates(openssl: str, folder: Path) -> Certificates:
    """One CA, and three server certificates that share a private key."""
    folder.mkdir()
    good = f"DNS:{UPSTREAM_NAME},IP:127.0.0.1"
    key = folder / "server.key"
    _make_key(openssl, key)
    authority = _make_authority(openssl, folder, "authority")
    stranger = _make_authority(openssl, folder, "stranger")
    return Certificates(
        authority=authority,
        server=_issue(openssl, key, authority, "server", good),
        wrong_name=_issue(openssl, key, authority, "wrong-name", "DNS:somebody-else.test"),
        wrong_issuer=_issue(openssl, key, stranger, "wrong-issuer", good),
        key=key,
    )


def _make_authority(openssl: str, folder: Path, name: str) -> Path:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    _make_key(openssl, key)
    _request(openssl, key, certificate, "authority", names=f"DNS:{name}.test", signer=None)
    return certificate


def _issue(openssl: str, key: Path, authority: Path, name: str, names: str) -> Path:
    certificate = authority.with_name(f"{name}.pem")
    _request(openssl, key, certificate, "server", names=names, signer=authority)
    return certificate


def _make_key(openssl: str, path: Path) -> None:
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    _run(openssl, "genpkey", *curve, "-out", str(path))


def _request(openssl: str, key: Path, certificate: Path, section: str, *, names: str, signer: Path | None) -> None:
    config = certificate.with_suffix(".cnf")
    config.write_text(_CONFIG.format(names=names))
    signing = ("-CA", str(signer), "-CAkey", str(signer.with_suffix(".key"))) if signer else ()
    what = ("-config", str(config), "-extensions", section, "-days", "2", "-key", str(key))
    _run(openssl, "req", "-x509", "-new", *what, *signing, "-out", str(certificate))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
