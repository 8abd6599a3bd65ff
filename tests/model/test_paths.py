"""Path patterns: what they look like, and the one form of a path."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.paths import canonical, compile_path


@pytest.mark.parametrize(
    "text", ["/", "/a", "/a/", "/a/*", "/*/b", "/a*b/c*", "/a/**", "/**", "**", "/a:b@c;d=e,f", "/%20", "/~a_b-c.d"]
)
def test_patterns_that_are_fine(text: str) -> None:
    """A pattern is kept as it was written."""
    assert compile_path(text).text == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "begin with '/'"),
        ("a", "begin with '/'"),
        ("*", "begin with '/'"),
        ("***", "begin with '/'"),
        ("//a", "begin with '/'"),
        ("/a//b", "begin with '/'"),
        ("/a?b", "begin with '/'"),
        ("/a b", "begin with '/'"),
        ("/ü", "begin with '/'"),
        ("/[a]", "begin with '/'"),
        ("/a/**/b", "may only be the last segment"),
        ("/a**", "may only be the last segment"),
        ("/**b", "may only be the last segment"),
        ("/a/**/", "may only be the last segment"),
        ("/a/***", "may only be the last segment"),
    ],
)
def test_patterns_that_are_refused(text: str, advice: str) -> None:
    """What is no pattern is refused with what it could be."""
    with pytest.raises(ValueError, match=re.escape(advice)):
        compile_path(text)


def test_a_pattern_holds_no_expression() -> None:
    """Only `*` means anything: the signs of regular expressions stand for themselves."""
    assert compile_path("/a.b+c$(d)").regex.fullmatch(b"/a.b+c$(d)")
    assert not compile_path("/a.b").regex.fullmatch(b"/axb")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (b"/a", b"/a"),
        (b"/%61%7E%2d%5f", b"/a~-_"),
        (b"/%c3%A9", b"/%C3%A9"),
        (b"/%2f%2F", b"/%2F%2F"),
        (b"/%40%3a", b"/%40%3A"),
        (b"/%zz%2", b"/%zz%2"),
        (b"/%2561", b"/%2561"),
    ],
)
def test_the_one_form_of_a_path(path: bytes, form: bytes) -> None:
    """Unreserved characters aren't escaped, the others' digits are capitals (RFC 3986 §6.2.2)."""
    assert canonical(path) == form


@given(path=st.binary(max_size=30))
def test_the_form_is_stable(path: bytes) -> None:
    """Escapes that aren't doubled have one form: bringing a path into it twice changes nothing more."""
    once = canonical(path)
    if b"%25" not in once and not re.search(rb"%[^%]{0,1}%", once):
        assert canonical(once) == once or b"%" in once
