"""What stands for a credential: it changes with the credential, and holds nothing of it."""

from typing import Final

import pytest

from exeat.model.credential import Basic, Bearer, Header, Single, Together, Token
from exeat.model.mark import is_credential, name_credential, tell_apart, upstream_of
from exeat.model.secret import Secret
from exeat.model.signing import AwsSignature, HmacSignature

SECRETS: Final = [Secret("first-secret"), Secret("second-secret")]


@pytest.mark.parametrize(
    "make",
    [
        Bearer,
        lambda secret: Basic(SECRETS[0], secret),
        lambda secret: Basic(secret, SECRETS[0]),
        lambda secret: Header("X-Key", secret, ""),
        lambda secret: Together((Header("X-App", SECRETS[0], ""), Header("X-Key", secret, ""))),
        lambda secret: Token(secret.reveal(), "oauth2"),
        lambda secret: AwsSignature("AKID", secret),
        lambda secret: HmacSignature(secret, "sha256", "hex", "{body}", (("X-Signature", "{signature}"),)),
    ],
)
def test_what_tells_credentials_apart(make: object) -> None:
    """It is the same for the same credential, another for another secret, short, and holds none of it."""
    assert callable(make)
    first, again, second = (make(Secret(one.reveal())) for one in (SECRETS[0], SECRETS[0], SECRETS[1]))
    names = [tell_apart(one) for one in (first, again, second)]
    assert names[0] == names[1] != names[2]
    assert all(len(name) == 8 for name in names)


def test_kinds_are_told_apart() -> None:
    """The same secret shown in other ways is another credential."""
    secret = SECRETS[0]
    kinds: list[Single] = [Bearer(secret), Header("A", secret, ""), Header("B", secret, ""), Header("A", secret, "p ")]
    assert len({tell_apart(kind) for kind in kinds}) == len(kinds)


def test_names() -> None:
    """A credential's name is told from those of upstreams and endpoints, and says whose it is."""
    name = name_credential("model", "0a1b2c3d")
    assert (is_credential(name), upstream_of(name)) == (True, "model")
    for other in ("model", "model https://model.test/v1", "model https://model.test/#a"):
        assert not is_credential(other)
    assert upstream_of("model") == "model"
