"""Signed assertions (JWT, RFC 7519), and whether a key can sign them."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exeat.model.secret import Secret
from exeat.model.token_source import ALGORITHMS, Algorithm, SigningKey

BACKDATED_S: Final = 60  # clocks differ: an assertion that begins in the endpoint's future is refused
_SMALLEST_RSA = 2048
_CURVES: Final[dict[str, Algorithm]] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_FILE_NAME: Final = re.compile(r"(?:~|\.{1,2})?/\S{1,250}|[\w.-]{1,250}\.(?:pem|key|p8|der|crt|json)")
_BEGINNING: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def sign(key: SigningKey, claims: Mapping[str, Any]) -> Secret:
    """A signed JWT of these claims."""
    head = {"kid": key.key_id} if key.key_id else None
    return Secret(jwt.encode(dict(claims), _load(key.private_key.reveal()), algorithm=key.algorithm, headers=head))


def sign_assertion(
    key: SigningKey, claims: Mapping[str, Any], *, now: float, nonce: str | None, lifetime_s: float
) -> Secret:
    """An assertion that holds from a minute ago for `lifetime_s` from now; claims that are None are left out."""
    times = {"iat": int(now) - BACKDATED_S, "exp": int(now + lifetime_s), "jti": nonce}
    return sign(key, {name: value for name, value in (times | dict(claims)).items() if value is not None})


def parse_private_key(text: str) -> Secret:
    """PEM text of a private key as it is used; ValueError says what is wrong with it, never quoting it.

    Variables of the environment often hold a backslash and an n for a line break, which is understood.
    """
    if "\n" not in text.strip():
        text = text.replace("\\n", "\n")
    if not _BEGINNING.search(text):
        kind = "a certificate or a public key" if "-----BEGIN" in text else "something else"
        if _FILE_NAME.fullmatch(text):
            kind = "the name of a file, as it looks; write ${file:PATH} for what the file holds"
        raise ValueError(f"is no private key in PEM form ('-----BEGIN … PRIVATE KEY-----') but {kind}")
    _load(text)
    return Secret(text)


def choose_algorithm(private_key: Secret, wanted: str | None) -> Algorithm:
    """The algorithm that goes with a key, or the wanted one if it does; ValueError if it doesn't."""
    try:
        possible = _possible(_load(private_key.reveal()))
    except ValueError as error:
        raise ValueError(f"has a private key that {error}") from None
    if wanted is None:
        return possible[0]
    for one in possible:
        if one == wanted:
            return one
    raise ValueError(f"needs {wanted}, which doesn't go with its private key; that signs {' or '.join(possible)}")


@lru_cache(maxsize=64)  # an RSA key is checked as it is read, which takes about 25 ms
def _load(text: str) -> Any:
    try:
        return load_pem_private_key(text.encode(), None)
    except TypeError:
        raise ValueError("is encrypted; decrypt it first ('openssl pkey -in FILE -out NEW')") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            "is no private key that can be read; copy the whole file, with its first and last line"
        ) from None


def _possible(key: Any) -> tuple[Algorithm, ...]:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _SMALLEST_RSA:
            raise ValueError(f"is an RSA key of {key.key_size} bits; make one of at least {_SMALLEST_RSA}")
        return tuple(one for one in ALGORITHMS if one[:2] in {"RS", "PS"})
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return (_CURVES[key.curve.name],)
    if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return ("EdDSA",)
    raise ValueError("is of a kind that signs no assertions; use RSA, P-256, P-384, P-521 or Ed25519")


def expiry_of(token: str) -> float | None:
    """When a JWT ends by its own word (s since 1970); None where it is no JWT or doesn't say. Nothing is verified."""
    try:
        end = jwt.decode(token, options={"verify_signature": False}).get("exp")
    except jwt.PyJWTError:
        return None
    return float(end) if isinstance(end, int | float) and not isinstance(end, bool) else None


def claims_of(text: str) -> dict[str, Any]:
    """The object of claims in a JwtBearer."""
    found = json.loads(text)
    return dict(found)
