"""What a call costs: known before it, or read from its answer; exact, and a reason for whatever isn't an amount."""

import json
from decimal import ROUND_CEILING, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.json_path import parse_json_path
from exeat.model.limit import NANOS, Price, PriceRule
from exeat.policy.price import (
    MOST,
    Unread,
    parse_amount,
    price_before,
    price_of_events,
    price_of_field,
    price_of_json,
    price_of_length,
    render_amount,
)
from exeat.wire.event_stream import EventTail
from tests.support.values import rules

EXACT = Context(prec=2000, Emax=10**6, Emin=-(10**6))
FIELD = Price("USD", field=b"x-cost", reserve=50)
AMOUNTS = st.integers(0, 20) | st.integers(0, MOST)
NUMBERS = st.from_regex(r"[+]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


def by_json(path: str, factor: int = NANOS) -> Price:
    return Price("USD", json=parse_json_path(path), reserve=50, factor=factor)


def rule(amount: int, *, methods: frozenset[bytes] | None = None, allow: str = "", deny: str = "") -> PriceRule:
    """A price for calls whose path is allowed and not denied; both are patterns with spaces between."""
    return PriceRule(methods, rules(*allow.split(), deny=deny.split()) if allow or deny else None, amount)


@pytest.mark.parametrize(
    ("text", "billionths"),
    [("0", 0), ("25", 25 * NANOS), ("0.005", 5_000_000), ("0.000000001", 1), ("007.50", 7_500_000_000),
     ("1000000000000000", MOST), ("1.000000000", NANOS)],
)  # fmt: skip
def test_amounts(text: str, billionths: int) -> None:
    """An amount is decimal text of up to nine digits after the point."""
    assert parse_amount(text) == billionths


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "-1", "-0", ".5", "5.", "1e3", "1_000", "1,5", "0.0000000001", "NaN", "Infinity", "0x10",
     "1.2.3", "\N{ARABIC-INDIC DIGIT ONE}", "²", "1\n", "1000000000000000.000000001", "9" * 5000],
)  # fmt: skip
def test_what_is_no_amount(text: str) -> None:
    """Anything else is refused with advice."""
    with pytest.raises(ValueError, match=r"; write (digits, and up to 9 more|at most 1000000000000000)"):
        parse_amount(text)


@given(AMOUNTS)
def test_amounts_come_back(billionths: int) -> None:
    """What is rendered is parsed to the same, and no digit of it could be left out."""
    text = render_amount(billionths)
    assert parse_amount(text) == billionths
    assert "." not in text or not text.endswith(("0", "."))
    assert render_amount(-billionths) == (f"-{text}" if billionths else "0")


@pytest.mark.parametrize(("billionths", "text"), [(0, "0"), (1, "0.000000001"), (10**10, "10"), (-5 * 10**8, "-0.5")])
def test_rendered_amounts(billionths: int, text: str) -> None:
    """Amounts are rendered as plain decimal numbers."""
    assert render_amount(billionths) == text


def test_a_fixed_price() -> None:
    """A price per call is known before every call; one that the answer says is what is reserved."""
    assert price_before(Price("USD", call=7), b"GET", b"/") == 7
    assert price_before(FIELD, b"GET", b"/") == 50
    assert price_before(by_json("$.cost"), b"GET", b"/") == 50
    assert price_before(Price("USD", megabyte=3, reserve=9, call=7), b"GET", b"/") == 9


RULES = Price(
    "USD",
    call=1,
    rules=(
        rule(2, methods=frozenset([b"POST"]), allow="/v1/images/small"),
        rule(30, methods=frozenset([b"POST"]), allow="/v1/images/** /v1/videos/**", deny="/v1/images/free/**"),
        rule(4, methods=frozenset([b"POST", b"PUT"])),
        rule(5, allow="/v1/files/*"),
    ),
)


@pytest.mark.parametrize(
    ("method", "path", "amount"),
    [
        (b"POST", b"/v1/images/small", 2),
        (b"POST", b"/v1/images/large", 30),
        (b"POST", b"/v1/images", 30),
        (b"POST", b"/v1/videos/a/b", 30),
        (b"POST", b"/v1/images/free/1", 4),
        (b"POST", b"/v1/files/1", 4),
        (b"PUT", b"/v1/images/large", 4),
        (b"GET", b"/v1/files/1", 5),
        (b"GET", b"/v1/files/1/2", 1),
        (b"GET", b"/", 1),
        (b"post", b"/v1/images/large", 1),
        # One path in another spelling.
        (b"POST", b"/v1/images/l%61rge", 30),
        (b"POST", b"/v1/%69mages/small", 2),
    ],
)
def test_the_first_rule_that_covers_a_call_says_its_price(method: bytes, path: bytes, amount: int) -> None:
    """Rules are judged in their order by method and path; a call that none covers has the price per call."""
    assert price_before(RULES, method, path) == amount


@pytest.mark.parametrize(
    ("method", "path", "amount"),
    [
        # Servers don't agree about these.
        (b"POST", b"/v1//images/large", 30),
        (b"POST", b"/v1/x/..%2Fimages", 30),
        (b"PUT", b"/v1%5Cimages/large", 4),
        (b"GET", b"//", 5),
        # Some servers drop parameters, and some decode before they look.
        (b"POST", b"/v1/images;a=1/large", 30),
        (b"POST", b"/v1/images/small;x", 30),
        (b"POST", b"/v1/images/free;/1;", 30),
        (b"GET", b"/v1/files/1;x", 5),
        (b"GET", b"/v1;a/files/%3B", 5),
    ],
)
def test_no_spelling_is_cheaper(method: bytes, path: bytes, amount: int) -> None:
    """A path that can be read in several ways costs the most that one of them does."""
    assert price_before(RULES, method, path) == amount


@given(NUMBERS, st.sampled_from([NANOS, 1, 1000, 123_456_789, 10**15]))
def test_numbers_are_exact(text: str, factor: int) -> None:
    """A number in a field or JSON times the factor is exact, rounded up to billionths, or too large."""
    expected = int(EXACT.multiply(Decimal(text), Decimal(factor)).to_integral_value(ROUND_CEILING, EXACT))
    price = Price("USD", field=b"x-cost", json=parse_json_path("$.a"), factor=factor)
    assert price_of_field(price, text.encode()) == (expected if expected <= MOST else Unread.UNUSABLE)
    assert price_of_json(price, b'{"a":"%s"}' % text.encode()) == price_of_field(price, text.encode())


@pytest.mark.parametrize(
    ("value", "amount"),
    [(b"0.0025", 2_500_000), (b" 1 ", NANOS), (b"+1", NANOS), (b"0", 0), (b"-0.0", 0), (b".5", NANOS // 2),
     (b"5.", 5 * NANOS), (b"1.2e-05", 12_000), (b"0.0000000001", 1), (b"1e-300", 1),
     (b"1E3", 1000 * NANOS), (b"0e999", 0)],
)  # fmt: skip
def test_a_field_says_the_price(value: bytes, amount: int) -> None:
    """A field may hold a number however programs print it."""
    assert price_of_field(FIELD, value) == amount


GARBAGE = [
    b"", b" ", b".", b"-", b"e5", b"-1", b"-0.001", b"NaN", b"nan", b"Infinity", b"inf", b"-inf", b"1e999999999",
    b"1e16", b"1000000000000000.1", b"1,5", b"1_0", b"0.5 USD", b"$1", b"0x1", b"1\x00", b"\xff", b"1 2", b"--1",
    b"\xd9\xa1", b"1" * 100_000, b"true",
]  # fmt: skip


@pytest.mark.parametrize("value", GARBAGE, ids=lambda value: repr(value[:20]))
def test_garbage_is_no_price(value: bytes) -> None:
    """What isn't a number, is below zero, or too large says no price."""
    assert price_of_field(FIELD, value) is Unread.UNUSABLE
    assert isinstance(price_of_json(by_json("$.a"), b'{"a":' + value + b"}"), Unread)
    assert isinstance(price_of_json(by_json("$.a"), b'{"a":"' + value + b'"}'), Unread)


@given(st.binary(max_size=40))
def test_no_value_is_an_error(value: bytes) -> None:
    """Whatever an upstream sends gives an amount or why not."""
    for price in price_of_field(FIELD, value), price_of_json(by_json("$..a"), value):
        assert isinstance(price, Unread) or 0 <= price <= MOST


@pytest.mark.parametrize(
    ("path", "body", "amount"),
    [
        ("$.usage.cost", b'{"usage":{"cost":0.0125}}', 12_500_000),
        ("$.usage.cost", b'{"usage":{"cost":"0.0125"}}', 12_500_000),
        ("$.usage.cost", b'\xef\xbb\xbf{"usage":{"cost":1}}', NANOS),
        ("$.items[*].cost", b'{"items":[{"cost":1},{"cost":2},{"id":3}]}', 3 * NANOS),
        ("$..cost", b'{"cost":1,"a":[{"cost":2}]}', 3 * NANOS),
        ("$.*", b"[1,2]", 3 * NANOS),
        # Two ways to one number: it counts once.
        ("$..a..b", b'{"a":{"a":{"b":1}}}', NANOS),
        # A float would hold neither.
        ("$.a", b'{"a":0.001000000000000000001}', 1_000_001),
        ("$.a", b'{"a":123456789012345.123456789}', 123_456_789_012_345_123_456_789),
        ("$.a", b'{"a":0}', 0),
        # Nothing there, or something else.
        ("$.a", b"{}", Unread.MISSING),
        ("$.a", b"[]", Unread.MISSING),
        ("$.a", b"3", Unread.MISSING),
        ("$.a", b'{"a":null}', Unread.UNUSABLE),
        ("$.a", b'{"a":true}', Unread.UNUSABLE),
        ("$.a", b'{"a":{"b":1}}', Unread.UNUSABLE),
        ("$.a", b'{"a":[1]}', Unread.UNUSABLE),
        ("$.a", b'{"a":""}', Unread.UNUSABLE),
        ("$.items[*].cost", b'{"items":[{"cost":1},{"cost":null}]}', Unread.UNUSABLE),
        ("$[*]", b"[600000000000000, 600000000000000]", Unread.UNUSABLE),
        ("$[*]", b"[]", Unread.MISSING),
        # No JSON.
        ("$.a", b'{"a":1', Unread.NOT_JSON),
        ("$.a", b'{"a":1}}', Unread.NOT_JSON),
        ("$.a", b"", Unread.NOT_JSON),
        ("$.a", b'{"a":"\xff"}', Unread.NOT_JSON),
        ("$..a", b"[" * 200_000, Unread.NOT_JSON),
        ("$..a", b'{"b":' * 200_000, Unread.NOT_JSON),
    ],
)
def test_a_body_says_the_price(path: str, body: bytes, amount: int | Unread) -> None:
    """The price is the sum of the numbers to which the path leads; a reason where there are none, or others."""
    assert price_of_json(by_json(path), body) == amount


def test_tokens_are_multiplied() -> None:
    """A count times the factor is the price, rounded up."""
    assert price_of_json(by_json("$.n", factor=2_500), b'{"n":1234}') == 3_085_000
    assert price_of_json(by_json("$.n", factor=1), b'{"n":0.5}') == 1


@given(st.recursive(st.integers(0, 99), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner)))
def test_a_deep_path_finds_every_one(value: object) -> None:
    """`..name` adds up all members of that name, each once."""

    def members(inside: object) -> list[object]:
        if isinstance(inside, list):
            return [found for item in inside for found in members(item)]
        if isinstance(inside, dict):
            return [found for name, item in inside.items() for found in ([item] if name == "a" else []) + members(item)]
        return []

    found = members(value)
    numbers = [item for item in found if isinstance(item, int)]
    expected = sum(numbers) * NANOS if found and len(numbers) == len(found) else None
    price = price_of_json(by_json("$..a"), json.dumps(value).encode())
    assert price == (expected if expected is not None else Unread.UNUSABLE if found else Unread.MISSING)


@pytest.mark.parametrize(
    ("stream", "amount"),
    [
        (b'data: {"cost":1}\n\ndata: {"cost":2}\n\ndata: [DONE]\n\n', 2 * NANOS),
        # Other events may follow the one that says the price.
        (b'data: {"cost":1}\n\ndata: {"cost":2}\n\ndata: {"type":"ping"}\n\ndata: bye\n\n', 2 * NANOS),
        (b'data: {"cost":1}\n\n' + b"data: {}\n\n" * 4, Unread.MISSING),
        (b'data: {"cost":1}\n', Unread.MISSING),
        (b"", Unread.MISSING),
        # The one that is too long could have said it.
        (b'data: {"cost":1}\n\ndata: ' + b"x" * 300_000 + b"\n\n", Unread.TOO_LONG),
        (b'data: {"cost":null}\n\ndata: {}\n\ndata: bye\n\n', Unread.UNUSABLE),
    ],
)
def test_a_stream_says_the_price(stream: bytes, amount: int | Unread) -> None:
    """The newest of a stream's last events that says a price counts."""
    tail = EventTail()
    tail.feed(stream)
    assert price_of_events(by_json("$.cost"), tail) == amount


@given(st.integers(0, 10**12), st.integers(0, 10**15))
def test_a_price_per_megabyte(megabyte: int, length: int) -> None:
    """Each byte costs a millionth of it, and the sum is rounded up."""
    price = Price("USD", megabyte=megabyte)
    exact = Decimal(megabyte) * Decimal(length) / 1_000_000
    assert price_of_length(price, length) == int(exact.to_integral_value(ROUND_CEILING))
