"""Token sources to try, and keys that sign: made once, and good for nothing else."""

from datetime import UTC, datetime
from functools import cache
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from exeat.model.origin import Origin, Target
from exeat.model.secret import Secret
from exeat.model.token_source import Grant, SigningKey, TokenSource
from exeat.model.upstream import Reach, TlsIdentity
from exeat.vault.tokens import TokenAnswer, TokenRequest, request_of
from exeat.vault.tokens.assertion import choose_algorithm

URL = "https://login.example.com/oauth2/token"
TARGET = Target(Origin("https", "login.example.com", 443), b"/oauth2/token", None)
NONCE = "c0ffee"
NOW = datetime.now(UTC).timestamp()  # libraries that verify look at the clock themselves


def private_key(kind: str = "rsa") -> str:
    """A private key in PEM, the same for all who ask for its kind."""
    return _made(kind)


@cache
def _made(kind: str) -> str:
    kind = kind.removesuffix("-other")
    made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    if kind.startswith("rsa"):
        made = rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or 2048))
    elif kind == "ed25519":
        made = ed25519.Ed25519PrivateKey.generate()
    else:
        curves: dict[str, ec.EllipticCurve] = {
            "p256": ec.SECP256R1(),
            "p384": ec.SECP384R1(),
            "p521": ec.SECP521R1(),
            "k256": ec.SECP256K1(),
        }
        made = ec.generate_private_key(curves[kind])
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def traditional_key() -> str:
    """A private key as GitHub gives it: `BEGIN RSA PRIVATE KEY`."""
    made = rsa.generate_private_key(65537, 2048)
    return made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def encrypted_key() -> str:
    """A private key that takes a password."""
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"long enough")).decode()


def public_key(kind: str = "rsa") -> str:
    """The public key that belongs to it."""
    made = load_pem_private_key(private_key(kind).encode(), None).public_key()
    return made.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signing_key(kind: str = "rsa", algorithm: str | None = None, key_id: str | None = None) -> SigningKey:
    """The key as a source has it."""
    key = Secret(private_key(kind))
    return SigningKey(key, choose_algorithm(key, algorithm), key_id)


def source_of(grant: Grant, target: Target = TARGET) -> TokenSource:
    """A source of tokens by this grant."""
    return TokenSource("orders", grant, target, Reach(), TlsIdentity())


def asked(grant: Grant, *, now: float | None = None, stored: Secret | None = None) -> TokenRequest:
    """The request that such a source makes, now unless told otherwise: whoever verifies it looks at the clock."""
    at = datetime.now(UTC).timestamp() if now is None else now
    return request_of(source_of(grant), now=at, nonce=NONCE, stored=stored)


def form_of(request: TokenRequest) -> list[tuple[str, str]]:
    """The fields of a request's form."""
    return parse_qsl(request.body.reveal(), keep_blank_values=True, strict_parsing=True)


def answered(status: int, body: bytes, *fields: str) -> TokenAnswer:
    """An answer in JSON, with more fields."""
    return TokenAnswer(
        status, [b"Content-Type: application/json\r\n", *(f"{one}\r\n".encode() for one in fields)], body
    )
