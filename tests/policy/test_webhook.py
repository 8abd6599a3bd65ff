"""How messages to webhooks are signed."""

import base64

import pytest

from exeat.policy.webhook import parse_secret, sign

VECTOR = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_signature_is_the_standard_one() -> None:
    """A message that other implementations are tested with has the signature that they make of it."""
    made = sign(parse_secret(VECTOR), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_prefix_means_nothing() -> None:
    """A secret is the same with and without `whsec_` before it."""
    assert parse_secret(VECTOR) == parse_secret(VECTOR.removeprefix("whsec_"))


@pytest.mark.parametrize("size", [24, 64])
def test_sizes_that_are_possible(size: int) -> None:
    """A key has 24 to 64 bytes."""
    text = base64.b64encode(bytes(size)).decode()
    assert parse_secret(text).reveal() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "password",
        base64.b64encode(bytes(23)).decode(),
        base64.b64encode(bytes(65)).decode(),
        VECTOR + "*",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    """What isn't base64 of enough bytes is refused, without being quoted."""
    with pytest.raises(ValueError, match="must be base64 of 24 to 64 random bytes") as raised:
        parse_secret(text)
    assert text in {"", "whsec_"} or text not in str(raised.value)
