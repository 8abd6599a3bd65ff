"""Structured fields: the Lists of Items of RFC 9651, read strictly and written so that they read the same."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.wire.structured import (
    INTEGER_LIMIT,
    LIMIT_BYTES,
    Bare,
    Item,
    Token,
    parse_list,
    quote,
    render_list,
)
from tests.wire.test_cost import cost_s

tokens = st.from_regex(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]{0,12}", fullmatch=True).map(Token)
keys = st.from_regex(r"[a-z*][a-z0-9_\-.*]{0,8}", fullmatch=True)
bares: st.SearchStrategy[Bare] = st.one_of(
    st.integers(-INTEGER_LIMIT, INTEGER_LIMIT),
    st.decimals(-(10**11), 10**11, places=3),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30),
    tokens,
    st.binary(max_size=30),
    st.booleans(),
)
items = st.builds(Item, bares, st.dictionaries(keys, bares, max_size=4))


def item(value: Bare, **parameters: Bare) -> Item:
    return Item(value, parameters)


@pytest.mark.parametrize(
    ("raw", "members"),
    [
        (b"", []),
        (b"  ", []),
        # RFC 9651 §3.1 and §3.1.2
        (b"sugar, tea, rum", [item(Token("sugar")), item(Token("tea")), item(Token("rum"))]),
        (
            b"abc;a=1;b=2; cde_456, ghi;jk=4;l",
            [Item(Token("abc"), {"a": 1, "b": 2, "cde_456": True}), item(Token("ghi"), jk=4, l=True)],
        ),
        (b"1; a; b=?0", [item(1, a=True, b=False)]),
        # §3.3
        (b"42", [item(42)]),
        (b"-0", [item(0)]),
        (b"042", [item(42)]),
        (b"-999999999999999", [item(-INTEGER_LIMIT)]),
        (b"4.5", [item(Decimal("4.5"))]),
        (b"-123456789012.125", [item(Decimal("-123456789012.125"))]),
        (b'"hello world"', [item("hello world")]),
        (rb'"a \"quoted\" \\"', [item('a "quoted" \\')]),
        (b'""', [item("")]),
        (b"foo123/456", [item(Token("foo123/456"))]),
        (b"*", [item(Token("*"))]),
        (b":cHJldGVuZCB0aGlzIGlzIGJpbmFyeSBjb250ZW50Lg==:", [item(b"pretend this is binary content.")]),
        (b":aGVsbG8:", [item(b"hello")]),
        (b"::", [item(b"")]),
        (b"?1", [item(True)]),  # noqa: FBT003
        # White space, and what is said twice
        (b" a\t , \t b ", [item(Token("a")), item(Token("b"))]),
        (b"a;x=1;y=2;x=3", [item(Token("a"), x=3, y=2)]),
        # draft-ietf-httpapi-ratelimit-headers-11
        (b'"burst";q=100;w=60,"daily";q=1000;w=86400', [item("burst", q=100, w=60), item("daily", q=1000, w=86400)]),
        (b'"peruser";q=100;w=60;pk=:cHVwcHk=:', [item("peruser", q=100, w=60, pk=b"puppy")]),
    ],
)
def test_what_a_list_means(raw: bytes, members: list[Item]) -> None:
    """A List is read as the RFC reads it, each value with its type."""
    parsed = parse_list(raw)
    assert parsed == members
    assert [type(member.value) for member in parsed] == [type(member.value) for member in members]


@pytest.mark.parametrize(
    "raw",
    [
        b",", b"a,", b"a, ", b",a", b"a,,b", b"a b", b"a;", b"a;=1", b"a;A=1", b"a;1=1", b"a; ;b", b"a ;b=1", b"a;b =1",
        b"a;b= 1", b"\ta", b"1000000000000000", b"1.", b".5", b"1.1234", b"1234567890123.0", b"1.5.2", b"-", b"--1",
        b"+1", b"1e5", b'"a', b'"a\\"', b'"a\\b"', b'"a\tb"', b'a"b"', b"'a'", b":a=b=:", b":a:", b":YQ", b":Y Q==:",
        b":Y-_Q:", b"?2", b"?", b"?true", b"(a b)", b"@1659578233", b'%"f%c3%bc"', b"a=1", b"a\x00", b"\xc3\xbc",
        b'"\xc3\xbc"', b"a\r\n", b"-a", b"1a",
    ],
)  # fmt: skip
def test_what_is_refused(raw: bytes) -> None:
    """A field that isn't wholly a List of Items of known types is refused, with the reason."""
    with pytest.raises(ValueError, match=r"Not a structured field: at byte \d+ |isn't ASCII"):
        parse_list(raw)


def test_fields_are_bounded() -> None:
    """As many members as the RFC demands are read; a field beyond the bound is refused."""
    assert len(parse_list(b", ".join([b"a"] * 1024))) == 1024
    assert len(parse_list(b"a" + b";b" * 256 + b";c=1")[0].parameters) == 2
    parse_list(b"a" * LIMIT_BYTES)
    with pytest.raises(ValueError, match="8193 bytes; 8192 is the most"):
        parse_list(b"a" * (LIMIT_BYTES + 1))


@pytest.mark.parametrize("unit", [b"a,", b"a;b,", b";b=1", b'"\\"",', b"   ", b"1,\t", b":YQ:,"])
def test_cost_grows_with_the_field(unit: bytes) -> None:
    """A field of full length costs a moment, however it ends."""

    def read() -> None:
        try:
            parse_list((b"a" if unit[:1] == b";" else b"") + unit * (LIMIT_BYTES // len(unit) - 1) + b"!")
        except ValueError:
            return
        raise AssertionError

    assert cost_s(read, 3) < 0.1


@given(st.lists(items, max_size=5))
def test_what_is_written_reads_the_same(members: list[Item]) -> None:
    """parse(render(x)) = x, and what is written can stand in a field."""
    raw = render_list(members)
    assert parse_list(raw) == members
    assert [type(member.value) for member in parse_list(raw)] == [type(member.value) for member in members]
    assert render_list(parse_list(raw)) == raw
    assert not raw or raw.isascii()
    assert not set(raw) & set(range(0x20))


@given(st.binary(max_size=60) | st.text('ab"\\:;=?,.-0123456789* \t', max_size=60).map(str.encode))
def test_whatever_is_read_can_be_written(raw: bytes) -> None:
    """Any bytes are refused with a ValueError, or mean something that can be written and read again."""
    try:
        members = parse_list(raw)
    except ValueError:
        return
    assert parse_list(render_list(members)) == members


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (INTEGER_LIMIT + 1, "more than 15 digits"),
        (-INTEGER_LIMIT - 1, "more than 15 digits"),
        (Decimal(10**12), "more than 12 digits"),
        (Decimal("999999999999.9999"), "more than 12 digits"),
        (Decimal("NaN"), "more than 12 digits"),
        ("naïve", "printable ASCII"),
        ("a\nb", "printable ASCII"),
        (Token("1a"), "isn't a token"),
        (Token("a b"), "isn't a token"),
        (Token(""), "isn't a token"),
    ],
)
def test_what_cannot_be_written(value: Bare, reason: str) -> None:
    """What has no place in a structured field is refused, not bent."""
    with pytest.raises(ValueError, match=reason):
        render_list([item(value)])
    with pytest.raises(ValueError, match=reason):
        render_list([item(1, a=value)])


@pytest.mark.parametrize("key", ["", "A", "1", "a b", "a=b", "ü"])
def test_names_of_parameters(key: str) -> None:
    """A parameter's name is lower-case."""
    with pytest.raises(ValueError, match="name of a parameter"):
        render_list([Item(1, {key: 1})])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal(1), b"1.0"),
        (Decimal("0.0005"), b"0.0"),
        (Decimal("0.0015"), b"0.002"),
        (Decimal("-2.50"), b"-2.5"),
        (Decimal("1E+3"), b"1000.0"),
    ],
)
def test_decimals_are_rounded_to_even(value: Decimal, written: bytes) -> None:
    """A decimal is written with one to three places, half to even (RFC 9651 §4.1.5)."""
    assert render_list([item(value)]) == written


def test_quotes() -> None:
    """Quotes and backslashes are escaped."""
    assert quote('a "b" \\') == r'"a \"b\" \\"'
