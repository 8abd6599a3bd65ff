"""A certificate that the gateway makes for itself: ECDSA P-256, kept in the data directory and used until it is old."""

import contextlib
import os
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=397)  # the most that browsers accept
RENEW = timedelta(days=30)
CERTIFICATE = "self-signed.pem"
KEY = "self-signed.key"
ALWAYS = ("localhost", "127.0.0.1", "::1")


def ensure_pair(folder: Path, names: list[str], now: datetime | None = None) -> tuple[Path, Path]:
    """The files of a certificate for this machine and these names; what is there is kept while it will do."""
    now = now or datetime.now(UTC)
    wanted = list(dict.fromkeys([*ALWAYS, socket.gethostname(), *names]))
    general = [name for name in map(_general_name, wanted) if name is not None]
    certificate, key = folder / CERTIFICATE, folder / KEY
    if not _will_do(certificate, key, general, now):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_pair(certificate, key, general, now)
    return certificate, key


def _will_do(certificate: Path, key: Path, names: list[x509.GeneralName], now: datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        listed = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    is_fresh = found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEW
    return is_fresh and set(names) <= set(listed) and _has_key(key, found)


def _has_key(key: Path, certificate: x509.Certificate) -> bool:
    """Whether a key is there and is the certificate's: a crash may have come between the two files."""
    try:
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return False
    return private.public_key() == certificate.public_key()


def _write_pair(certificate: Path, key: Path, names: list[x509.GeneralName], now: datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Exeat, self-signed")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .sign(private, SHA256())
    )
    _write(key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(certificate, made.public_bytes(Encoding.PEM))
    certificate.chmod(0o644)


def _write(file: Path, content: bytes) -> None:
    """Write a file whole, readable by its owner alone."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
        os.replace(temporary, file)  # noqa: PTH105 - of two paths as text
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - as above
        raise


def _general_name(name: str) -> x509.GeneralName | None:
    """A name or address as a certificate lists it; None for what can't be listed."""
    try:
        address = ip_address(name)
    except ValueError:
        return x509.DNSName(name) if name and name.isascii() else None
    return None if address.is_unspecified else x509.IPAddress(address)
