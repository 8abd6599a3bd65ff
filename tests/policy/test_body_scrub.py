"""Injected secrets in bodies: each spelling is covered, over any borders, and nothing else changes."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.credential import Basic, Bearer
from exeat.model.secret import Secret
from exeat.policy.body_scrub import BodyScrub
from exeat.policy.inject import prepare
from tests.support.values import origin

ORIGINS = frozenset({origin("https://api.test")})
SECRET = "s3cr&t/<token>+\"1'é"
SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda text: text.encode(),
    "percent-encoded": lambda text: quote(text, safe="").encode(),
    "percent-encoded, small": lambda text: quote(text, safe="").lower().encode(),
    "as a form": lambda text: quote_plus(text).encode(),
    "as JavaScript does": lambda text: quote(text, safe="!'()*").encode(),
    "JSON": lambda text: json.dumps(text).encode()[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False).encode()[1:-1],
    "JSON of PHP": lambda text: json.dumps(text).replace("/", r"\/").encode()[1:-1],
    "JSON of Go": lambda text: _escaped(json.dumps(text)[1:-1], "&<>", str.lower),
    "JSON of .NET": lambda text: _escaped(json.dumps(text)[1:-1].replace(r"\"", '"'), "\"&<>'+`", str.upper),
    "HTML": lambda text: html.escape(text).encode(),
}


def _escaped(text: str, characters: str, digits: Callable[[str], str]) -> bytes:
    escapes = {ord(one): r"\u" + digits(f"{ord(one):04x}") for one in characters}
    return text.translate(escapes).encode()


def scrub_of(secret: str) -> BodyScrub:
    return BodyScrub(prepare(Bearer(Secret(secret)), ORIGINS).needles)


def scrubbed(scrub: BodyScrub, body: bytes, *cuts: int) -> bytes:
    places = [0, *sorted(cuts), len(body)]
    parts = [scrub.feed(body[first:last]) for first, last in pairwise(places)]
    return b"".join([*parts, scrub.finish()])


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_at_every_cut(spell: Callable[[str], bytes]) -> None:
    """A spelling is covered wherever the body is cut, and the length stays."""
    spelled = spell(SECRET)
    body, covered = b"{" + spelled + b"}", b"{" + b"*" * len(spelled) + b"}"
    assert scrubbed(scrub_of(SECRET), body) == covered
    for cut in range(len(body)):
        assert scrubbed(scrub_of(SECRET), body, cut) == covered, cut
    assert scrubbed(scrub_of(SECRET), body, *range(len(body))) == covered


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"user:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_base64_at_every_alignment(encode: Callable[[bytes], bytes], before: bytes) -> None:
    """Within base64 the characters that are the secret's alone are covered, at any place in a group of three."""
    secret = "tok?n~with>some/signs"
    encoded = encode(before + secret.encode() + b" and more")
    found = scrubbed(scrub_of(secret), encoded, 7, 11)
    assert len(found) == len(encoded)
    left = found.replace(b"*", b"")
    assert len(left) <= len(encoded) - (len(secret) * 8 - 10) // 6
    assert encoded.startswith(left[: len(before) * 8 // 6])


def test_username_and_password() -> None:
    """Basic credentials: each of both, and what they are together."""
    needles = prepare(Basic(Secret("user-name"), Secret("pass-word")), ORIGINS).needles
    token = b64encode(b"user-name:pass-word")
    found = scrubbed(BodyScrub(needles), b"user-name pass-word Basic " + token, 3, 15, 40)
    assert found.rstrip(b"=*") == b"********* ********* Basic "
    assert b"*" * (len(token.rstrip(b"="))) in found


def test_a_secret_that_begins_like_itself() -> None:
    """Overlapping places are all covered, and a beginning that leads nowhere passes."""
    scrub = scrub_of("aaaaab")
    assert scrubbed(scrub, b"aaaaaaaaabaaaaa", *range(15)) == b"aaaa******aaaaa"
    assert scrubbed(scrub_of("ababab"), b"abababab.abab", *range(13)) == b"********.abab"


def test_only_a_possible_beginning_is_held_back() -> None:
    """What can't be the beginning of a secret leaves at once: a stream isn't delayed."""
    scrub = scrub_of("token-123456")
    assert scrub.feed(b"data: hello\n\n") == b"data: hello\n\n"
    assert scrub.feed(b"data: tok") == b"data: "
    assert scrub.feed(b"io\n\n") == b"tokio\n\n"
    assert scrub.feed(b"token-12345") == b""
    assert scrub.feed(b"6!") == b"************!"


def test_nothing_to_look_for() -> None:
    """Without a secret every body passes, an empty one as well."""
    assert scrubbed(BodyScrub(()), b"token", 2) == b"token"
    assert scrubbed(scrub_of("token-123456"), b"") == b""


@given(
    st.lists(st.sampled_from(["abcabc", "abcabd", "bcabca", "x", "a", "ab", "abc", "%61"]), max_size=12).map("".join),
    st.lists(st.integers(0, 60), max_size=10),
)
def test_slices_change_nothing(text: str, cuts: list[int]) -> None:
    """However a body is cut, what comes out is the same, covers every place, and keeps its length."""
    body = text.encode()
    needles = tuple(map(Secret, ("abcabc", "bcabca", "abcabd")))
    cuts = [min(cut, len(body)) for cut in cuts]
    whole, cut = scrubbed(BodyScrub(needles), body), scrubbed(BodyScrub(needles), body, *cuts)
    expected = bytearray(body)
    for needle in (b"abcabc", b"bcabca", b"abcabd"):
        for at in range(len(body)):
            if body.startswith(needle, at):
                expected[at : at + len(needle)] = b"*" * len(needle)
    assert whole == cut == bytes(expected)
