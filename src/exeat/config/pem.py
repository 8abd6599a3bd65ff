"""PEM text as people give it: what is in it, and whether a certificate and a key go together.

Rule 1: a certificate is shown, and kept unsealed; so nothing that is expected to be one may hold a private key.
Rule 2: no text is quoted: it may be a key in a wrong place.
"""

import re
import ssl
import tempfile
from typing import Final

# As lenient as a reader may be: one dash too few makes no key harmless.
_PRIVATE: Final = re.compile(r"BEGIN[ \t]+(?:[A-Z0-9]+[ \t]+)*PRIVATE[ \t]+KEY", re.IGNORECASE)
_CERTIFICATE: Final = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_ENCRYPTED: Final = re.compile(r"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: *4, *ENCRYPTED")
_REASONS: Final = {
    "KEY_VALUES_MISMATCH": "the key isn't that of the certificate",
    "NO_START_LINE": "one of them can't be read; copy the whole file, with its first and last line",
    "PEM_LIB": "one of them can't be read; copy the whole file, with its first and last line",
}


def holds_private_key(text: str) -> bool:
    """Whether PEM text, or text that was meant to be such, holds a private key."""
    return _PRIVATE.search(text) is not None


def certificate_fault(text: str) -> str | None:
    """What is wrong with PEM text where a certificate and its chain are expected."""
    if holds_private_key(text):
        return (
            "holds a private key, which belongs in 'key' alone: certificates are kept unsealed and shown; take it out"
        )
    if not _CERTIFICATE.search(text):
        return "holds no certificate in PEM form ('-----BEGIN CERTIFICATE-----')"
    return None


def authorities_fault(text: str) -> str | None:
    """What is wrong with PEM text where certificates of authorities are expected."""
    if holds_private_key(text):
        return "holds a private key, and certificates are kept unsealed and shown; take it out"
    try:
        ssl.create_default_context(cadata=to_ascii(text))
    except (ssl.SSLError, ValueError):
        return "holds no certificates in PEM form"
    return None


def key_fault(text: str) -> str | None:
    """What is wrong with PEM text where a private key is expected."""
    if not holds_private_key(text):
        return "holds no private key in PEM form ('-----BEGIN … PRIVATE KEY-----')"
    if _ENCRYPTED.search(text):
        return "is encrypted; decrypt it first ('openssl pkey -in FILE -out NEW')"
    return None


def pair_fault(certificate: str, key: str) -> str | None:
    """Why a certificate and a key can't be used together; the ssl module takes them from a file only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="exeat-", suffix=".pem") as file:  # 0600
        file.write(f"{key}\n{certificate}\n")
        file.flush()
        try:
            context.load_cert_chain(file.name, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or "NO_START_LINE"
            return f"certificate and key can't be used together: {_REASONS.get(reason, reason)}"
    return None


def to_ascii(pem: str) -> str:
    """PEM text as the ssl module takes it: certificates are ASCII (RFC 7468 §3), comments beside them may not be."""
    return pem.encode("ascii", "replace").decode("ascii")


def _no_password() -> str:
    """An encrypted key fails instead of asking on the terminal."""
    raise ValueError("the key is encrypted")
