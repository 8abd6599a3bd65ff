"""Signed links: what makes one, what it is good for, and what breaks it."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.key import mask
from exeat.model.secret import Secret
from exeat.policy.signed_links import (
    Holder,
    Place,
    ShownLink,
    check_link,
    make_link,
    may_have_link,
    read_link,
    take_out,
    with_link,
)

NOW = 1767225600.0
SECRET, OTHER = Secret("the-secret"), Secret("another-secret")
PLACE = Place(b"POST", b"path", b"slack~files.slack.com", b"/upload/v1/a%7Eb", b"x=1&y=%2F")
HOLDER = Holder("abcDEF123456", int(NOW) + 900)
VALUE = make_link(PLACE, HOLDER, "shop", SECRET)


def check(
    value: bytes, place: Place = PLACE, consumer: str = "shop", *, at: float = NOW, secrets: tuple[Secret, ...] = ()
) -> None:
    check_link(read_link([value]), place, consumer, secrets or (SECRET,), at)


def refusal(call: Callable[[], object]) -> Code:
    with pytest.raises(GatewayError) as refused:
        call()
    assert refused.value.hint
    return refused.value.code


def test_a_link_as_it_was_made() -> None:
    """It is good for its place, its key and its time; whichever secret of a keyring made it."""
    check(VALUE)
    check(VALUE, secrets=(OTHER, SECRET))
    check(VALUE, at=NOW + 899.9)
    assert read_link([VALUE]).holder == HOLDER


@pytest.mark.parametrize(
    "place",
    [
        PLACE._replace(method=b"PUT"),
        PLACE._replace(method=b"GET"),
        PLACE._replace(mode=b"host"),
        PLACE._replace(where=b"slack"),
        PLACE._replace(path=b"/upload/v1/c"),
        PLACE._replace(path=b"/upload/v1/a%7Eb/"),
        PLACE._replace(path=b"/upload%2Fv1/a~b"),
        PLACE._replace(query=b"x=1"),
        PLACE._replace(query=b"y=%2F&x=1"),
        PLACE._replace(query=b"x=1&y=/"),
        PLACE._replace(query=None),
    ],
)
def test_another_place(place: Place) -> None:
    """A link is for one method and one URL."""
    assert refusal(lambda: check(VALUE, place)) == Code.KEY_MALFORMED


def test_another_holder() -> None:
    """Nobody can make a link last longer, or another key's; the key can't go to another consumer with it."""
    key_id, expires_at, mac = VALUE.split(b".")
    assert refusal(lambda: check(b"%b.%d.%b" % (key_id, int(expires_at) + 1, mac))) == Code.KEY_MALFORMED
    assert refusal(lambda: check(b"other.%b.%b" % (expires_at, mac))) == Code.KEY_MALFORMED
    assert refusal(lambda: check(VALUE, consumer="other")) == Code.KEY_MALFORMED
    assert refusal(lambda: check(VALUE, secrets=(OTHER,))) == Code.KEY_MALFORMED
    assert refusal(lambda: check_link(read_link([VALUE]), PLACE, "shop", (), NOW)) == Code.KEY_MALFORMED


def test_after_its_time() -> None:
    """An expired link is said to be one, to who has a good one alone."""
    assert refusal(lambda: check(VALUE, at=NOW + 900)) == Code.KEY_EXPIRED
    assert refusal(lambda: check(VALUE[:-2] + b"AA", at=NOW + 900)) == Code.KEY_MALFORMED


@pytest.mark.parametrize("place", range(len(VALUE)))
def test_every_character_counts(place: int) -> None:
    """Whatever is changed, it is refused."""
    changed = VALUE[:place] + bytes([VALUE[place] ^ 1]) + VALUE[place + 1 :]
    assert refusal(lambda: check(changed)) == Code.KEY_MALFORMED


@pytest.mark.parametrize(
    "values", [[b""], [b"abc"], [b"a.1.2"], [VALUE + b"A"], [b"." + VALUE], [b"a-b" + VALUE], [VALUE, VALUE]]
)
def test_what_is_no_link(values: list[bytes]) -> None:
    """What isn't of its shape is refused, and so are two."""
    assert refusal(lambda: read_link(values)) == Code.KEY_MALFORMED


def test_the_parameter() -> None:
    """It comes last in a URL, and is taken out wherever it is; the rest stays as it was."""
    for url, query in ((b"/a?x=%20&y", b"x=%20&y"), (b"/a", None), (b"/a?", None)):
        whole = with_link(url, VALUE).partition(b"?")[2]
        assert may_have_link(whole)
        assert take_out(whole) == (query, [VALUE])
    assert take_out(b"exeat-link=1&a=b&exeat%2Dlink=2&c") == (b"a=b&c", [b"1", b"2"])
    assert take_out(b"a=exeat-link=1&&b") == (b"a=exeat-link=1&&b", [])
    assert take_out(None) == (None, [])
    assert not may_have_link(None)
    assert not may_have_link(b"link=1")


@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="%?#&\\"), max_size=40))
def test_spellings_that_mean_the_same(text: str) -> None:
    """Clients write some characters in another way than they got them: a link survives that."""
    place = PLACE._replace(path=b"/" + text.encode(), query=text.encode())
    value = make_link(place, HOLDER, "shop", SECRET)
    safe = "!$&'()*+,;=:@/?[]%"  # what is reserved keeps its spelling
    written = quote(text, safe=safe).encode()
    check(value, place._replace(path=b"/" + written, query=written))
    escaped = "".join(f"%{ord(one):02x}" if one.isalnum() else one for one in text).encode()
    check(value, place._replace(path=b"/" + escaped, query=escaped))


def test_it_is_masked() -> None:
    """Wherever texts are masked, a link is; nor does it print."""
    assert VALUE.decode() not in mask(f"GET /a?x=1&exeat-link={VALUE.decode()}&y HTTP")
    assert mask(f"u=%2Fa%3Fexeat-link%3D{VALUE.decode()}&b") == "u=%2Fa%3Fexeat_…&b"
    assert mask("exeat-link=*") == "exeat-link=*"
    shown = read_link([VALUE])
    assert isinstance(shown, ShownLink)
    assert VALUE.decode()[-43:] not in repr(shown)
