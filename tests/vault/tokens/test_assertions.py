"""Signed assertions, verified by joserfc; and keys that can't sign any."""

from typing import Any

import pytest
from joserfc import jwk, jwt

from exeat.model.secret import Secret
from exeat.model.token_source import ALGORITHMS, JwtBearer
from exeat.vault.tokens.assertion import choose_algorithm, expiry_of, parse_private_key, sign_assertion
from tests.vault.tokens import made

KINDS = {"RS": "rsa", "PS": "rsa", "ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed25519"}


def key_of(algorithm: str) -> str:
    """A kind of key that signs by this algorithm."""
    return KINDS.get(algorithm) or KINDS[algorithm[:2]]


def verified(token: str, kind: str, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Head and claims of a token that joserfc finds well signed."""
    family: Any = {"r": jwk.RSAKey, "p": jwk.ECKey, "e": jwk.OKPKey}[kind[0]]
    found = jwt.decode(token, family.import_key(made.public_key(kind)), algorithms=[algorithm])
    return dict(found.header), dict(found.claims)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 9864 renames it; servers know the old name
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signature_is_good(algorithm: str) -> None:
    """Every algorithm signs what another library verifies."""
    kind = key_of(algorithm)
    key = made.signing_key(kind, algorithm, "the-key")
    token = sign_assertion(key, {"iss": "me", "sub": None}, now=1000.9, nonce="n", lifetime_s=300)
    head, claims = verified(token.reveal(), kind, algorithm)
    assert head == {"alg": algorithm, "kid": "the-key", "typ": "JWT"}
    assert claims == {"iss": "me", "iat": 940, "exp": 1300, "jti": "n"}


def test_begins_a_minute_ago() -> None:
    """Where the endpoint's clock is up to a minute behind, the assertion isn't from its future."""
    token = made.asked(JwtBearer("me", made.URL, made.signing_key()), now=5000).secrets[0].reveal()
    assert verified(token, "rsa", "RS256")[1]["iat"] == 5000 - 60


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("rsa", "RS256"), ("p256", "ES256"), ("p384", "ES384"), ("p521", "ES512")]
)
def test_algorithm_comes_from_the_key(kind: str, algorithm: str) -> None:
    """What isn't said goes by the key."""
    assert choose_algorithm(Secret(made.private_key(kind)), None) == algorithm
    assert choose_algorithm(Secret(made.private_key("ed25519")), None) == "EdDSA"


@pytest.mark.parametrize(
    ("kind", "algorithm", "words"),
    [
        ("rsa", "ES256", "needs ES256, which doesn't go with its private key; that signs RS256 or RS384"),
        ("p256", "RS256", "needs RS256, which doesn't go with its private key; that signs ES256"),
        ("k256", None, "is of a kind that signs no assertions"),
        ("rsa1024", None, "is an RSA key of 1024 bits; make one of at least 2048"),
    ],
)
def test_keys_that_do_not_fit(kind: str, algorithm: str | None, words: str) -> None:
    """A key that can't sign what is wanted is found when the document is read."""
    with pytest.raises(ValueError, match=words):
        choose_algorithm(Secret(made.private_key(kind)), algorithm)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("hunter2", "no private key in PEM form .* but something else"),
        (made.public_key(), "but a certificate or a public key"),
        (made.encrypted_key(), "is encrypted; decrypt it first"),
        (made.private_key()[:400], "copy the whole file"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n", "copy the whole file"),
    ],
)
def test_what_is_no_key(written: str, words: str) -> None:
    """What can't be read says why, and shows nothing of itself."""
    with pytest.raises(ValueError, match=words) as caught:
        parse_private_key(written)
    assert "hunter2" not in str(caught.value)
    assert "MII" not in str(caught.value)


def test_key_in_one_line() -> None:
    r"""A variable that holds `\n` for line breaks is understood, and a key as GitHub gives it."""
    flat = made.private_key().strip().replace("\n", "\\n")
    assert choose_algorithm(parse_private_key(flat), None) == "RS256"
    assert choose_algorithm(parse_private_key(made.traditional_key()), None) == "RS256"


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "..", "e30.e30.", "ghs_16C7e42F292c6912E7710c838347Ae178B4a"])
def test_opaque_token_says_no_end(token: str) -> None:
    """What is no JWT, or says nothing of its end, has none."""
    assert expiry_of(token) is None
