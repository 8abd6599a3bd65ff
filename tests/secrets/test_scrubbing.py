"""Searching an answer for the injected secret: any secret, any neighbourhood, secrets within secrets."""

import re
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exeat.model.credential import Basic, Bearer, Header, Kind, Query
from exeat.model.secret import Secret
from exeat.policy.inject import NEEDLE_LIMIT, prepare
from exeat.policy.rewrite import REDACTED, echoes, scrub, scrub_text
from tests.secrets.echoing import SPELLED
from tests.support.secret_search import basic, holds
from tests.support.values import origin

ORIGINS = frozenset({origin("https://api.test")})
# A credential is one line without control characters; as UTF-8 where it isn't ASCII.
characters = st.characters(min_codepoint=0x21, max_codepoint=0x2FF, exclude_characters="\x7f:")
secrets = st.text(characters, min_size=NEEDLE_LIMIT, max_size=24).filter(lambda text: text not in REDACTED.decode())
spaced = st.lists(secrets, min_size=1, max_size=3).map(" ".join)
_BEGUN = re.compile("%[0-9A-Fa-f]?$")
around = st.text(st.sampled_from("ab =%+/-_;,\"'2F"), max_size=12)
spelled = st.sampled_from(list(SPELLED.values()))


def octets(text: str) -> str:
    """UTF-8 as a field holds it: one character for each byte."""
    return text.encode().decode("latin-1")


def searched(text: str, kind: Kind) -> bytes:
    """What becomes of a field's value."""
    needles = prepare(kind, ORIGINS).needles
    raw = text.encode("latin-1")
    found = scrub_text(raw, needles)
    assert echoes(b"X-Echo: " + raw, needles) is (found != raw)
    return found


@given(secret=spaced, spell=spelled, before=around, after=around, where=st.sampled_from(["bearer", "header", "query"]))
def test_any_secret_anywhere(secret: str, spell: Callable[[str], str], before: str, after: str, where: str) -> None:
    """A secret of any characters is found between any others, and the quick look misses nothing of it.

    A '%' just before it would make something else of its first letters, for every reader.
    """
    kinds: dict[str, Kind] = {
        "bearer": Bearer(Secret(secret)),
        "header": Header("X-Token", Secret(secret), "Token "),
        "query": Query("token", Secret(secret)),
    }
    assume(secret not in before + after and not _BEGUN.search(before))
    found = searched(before + spell(octets(secret)) + after, kinds[where])
    assert REDACTED in found
    assert not holds(found, secret)


@given(inner=secrets, before=around, after=around, outer_is_password=st.booleans(), spell=spelled)
def test_a_secret_within_a_secret(
    inner: str,
    before: str,
    after: str,
    outer_is_password: bool,  # noqa: FBT001 - drawn
    spell: Callable[[str], str],
) -> None:
    """Where username and password share letters, no letter of the longer one is left of what was replaced."""
    outer = (before + inner + after).replace(":", "")
    user, password = (inner, outer) if outer_is_password else (outer, inner)
    token = basic(user, password).partition(" ")[2]
    for text in (outer, inner, f"{user}:{password}", inner + outer):
        found = searched("<" + spell(octets(text)) + ">", Basic(Secret(user), Secret(password)))
        assert not holds(found, inner)
        assert not holds(found, outer)
    found = searched(f"Basic {token}", Basic(Secret(user), Secret(password)))
    assert found.replace(REDACTED, b"").rstrip(b"=") in {b"Basic ", b"Basic"}


@given(secret=secrets, layers=st.integers(1, 3), lower=st.booleans())
def test_layers_of_percent_encoding(secret: str, layers: int, lower: bool) -> None:  # noqa: FBT001 - drawn
    """A URL in a URL in a URL: exactly the secret is replaced, however often it was encoded."""
    text = SPELLED["in lower case" if lower else "whole"](octets(secret))
    for _ in range(layers - 1):
        text = text.replace("%", "%25")
    assert searched(f"%41<{text}>%2541", Bearer(Secret(secret))) == b"%41<[redacted]>%2541"


@pytest.mark.parametrize("length", range(6, 16))
def test_the_username_that_begins_the_token(length: int) -> None:
    """The base64 of a username may begin that of username and password: the password doesn't remain."""
    user, password = "u" * length, "the-password"
    found = searched(basic(user, password), Basic(Secret(user), Secret(password)))
    assert found.rstrip(b"=") == b"Basic " + REDACTED


@pytest.mark.parametrize(("secret", "echo"), [("ababab", "xabababababy"), ("aXbXaX", "aXbXaXbXaX")])
def test_a_secret_that_overlaps_itself(secret: str, echo: str) -> None:
    """A secret that was written over its own end leaves no end."""
    left = searched(echo, Bearer(Secret(secret))).replace(REDACTED, b"")
    assert left in {b"xy", b""}


def test_as_many_secrets_as_there_are() -> None:
    """Every place is replaced, and what stands between them stays."""
    assert searched("one=s3cret-1&two=s3cret-1;s3cret-1", Bearer(Secret("s3cret-1"))) == (
        b"one=[redacted]&two=[redacted];[redacted]"
    )


@pytest.mark.parametrize(
    "name", [b"X-s3cret-token", b"S3cret-Token", b"X-" + b64encode(b"s3cret-token"), b"s3cret-tokem", b"token"]
)
def test_names_of_fields(name: bytes) -> None:
    """A field whose name is the secret is left out; one that differs in more than that stays."""
    needles = prepare(Bearer(Secret("s3cret-token")), ORIGINS).needles
    kept = scrub([b"A: 1\r\n", name + b": 2\r\n", b"B: s3cret-token\r\n"], needles)
    assert kept[0] == b"A: 1\r\n"
    assert kept[-1] == b"B: [redacted]\r\n"
    assert len(kept) == (3 if name in {b"s3cret-tokem", b"token"} else 2)


@pytest.mark.parametrize("secret", ["a", "abc", "abcd", "abcde"])
def test_what_is_too_short(secret: str) -> None:
    """A secret of less than six bytes isn't looked for as it is: ordinary text would be full of it."""
    assert searched(f"a {secret} b", Bearer(Secret(secret))) == f"a {secret} b".encode()


@given(text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60))
def test_what_holds_no_secret_stays(text: str) -> None:
    """Text without the secret isn't changed."""
    assume("s3cret" not in text)
    assert searched(text, Bearer(Secret("s3cret/of+mine"))) == text.encode("latin-1")
