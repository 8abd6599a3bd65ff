"""Certificates that a careful client must refuse, and the few beside them that it must accept."""

import datetime as dt
import ipaddress
import ssl
import subprocess
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
WEAK = "DEFAULT:@SECLEVEL=0"


class Issued(NamedTuple):
    """A certificate with its key, and what a server sends beside it."""

    certificate: x509.Certificate
    key: Private
    chain: tuple[x509.Certificate, ...] = ()


def name(common: str) -> x509.Name:
    """A subject or issuer."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def issue(
    common: str,
    *,
    by: Issued | None,
    names: Iterable[str] = (),
    is_authority: bool = False,
    starts: dt.datetime = NOW - DAY,
    ends: dt.datetime = NOW + DAY,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    key: Private | None = None,
    permitted: str | None = None,
) -> Issued:
    """Issue a certificate; self-signed without `by`. `permitted` is a name constraint of an authority."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = key if by is None else by.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(name(common) if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    alternatives = [_alternative(text) for text in names]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    if permitted is not None:
        constraint = x509.NameConstraints([x509.DNSName(permitted)], None)
        builder = builder.add_extension(constraint, critical=True)
    chain = () if by is None else (by.certificate, *by.chain)
    return Issued(builder.sign(signer, hashes.SHA256()), key, chain)


def _alternative(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def write(issued: Issued, file: Path, *, chain: bool = True) -> Path:
    """Write a certificate, with its chain if asked, and its key into one PEM file."""
    certificates = [issued.certificate, *(issued.chain if chain else ())]
    text = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)
    key = issued.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(key + text)
    return file


def write_certificate(issued: Issued, file: Path) -> Path:
    """Write a certificate alone, as it is given to others."""
    file.write_bytes(issued.certificate.public_bytes(serialization.Encoding.PEM))
    return file


def server(file: Path) -> ssl.SSLContext:
    """A server's context that shows what is in a file, however weak."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(WEAK)
    context.load_cert_chain(file)
    return context


def obsolete(file: Path) -> ssl.SSLContext:
    """A server that speaks nothing newer than TLS 1.1."""
    context = server(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is deprecated is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def unencrypted(file: Path) -> ssl.SSLContext:
    """A server whose only ciphers encrypt nothing."""
    context = server(file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("eNULL:@SECLEVEL=0")
    return context


def sha1(folder: Path, authority: Issued) -> Path:
    """A certificate signed with SHA-1, which the library refuses to make."""
    issuer = write(authority, folder / "sha1-issuer.pem", chain=False)
    request, made = folder / "sha1.csr", folder / "sha1.crt"
    key, extensions = folder / "sha1.key", folder / "sha1.ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")
    made_by = f"-CA {issuer} -CAkey {issuer} -CAcreateserial -sha1 -days 1 -extfile {extensions}"
    for command in (
        f"openssl req -new -newkey rsa:2048 -nodes -subj /CN=sha1 -keyout {key} -out {request}",
        f"openssl x509 -req -in {request} {made_by} -out {made}",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    whole = folder / "sha1.pem"
    whole.write_bytes(key.read_bytes() + made.read_bytes())
    return whole
