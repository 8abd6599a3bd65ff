"""The columns of a record are read from its bytes, whatever those hold."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.store.rows import TEXT_LIMIT, parse_row, parse_time, render_time
from tests.store.made import CHAIN, NOON, make_change, make_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ("kind", "consumer", "status", "error", "path", "attempts", "duration_ms", "bytes_in", "cost", "cache", "key")


def test_a_record_has_its_columns() -> None:
    """Columns are the members, in the units of the database."""
    row = parse_row(CHAIN, 7, make_record(7, cost={"amount": "0.005", "currency": "USD"}))
    assert (row.time, row.number, row.consumer, row.status, row.duration, row.attempts) == (
        NOON,
        7,
        "web",
        200,
        12_500,
        1,
    )
    assert row.cost == "0.005 USD"
    assert row.body == make_record(7, cost={"amount": "0.005", "currency": "USD"})


@pytest.mark.parametrize(
    ("members", "answered"),
    [
        ({}, "upstream"),
        ({"status": 500}, "upstream"),
        ({"error": "response-timeout"}, "gateway"),
        ({"attempts": []}, "gateway"),
        ({"attempts": [], "cache": "hit"}, "cache"),
        ({"cache": "hit"}, "cache"),
        ({"cache": "miss"}, "upstream"),
        ({"cache": "hit", "error": "client-closed"}, "gateway"),
    ],
)
def test_it_says_who_answered(members: dict[str, Any], answered: str) -> None:
    """Who answered follows from error, cache and attempts."""
    assert parse_row(CHAIN, 1, make_record(1, **members)).answered == answered


def test_a_change_has_its_own_columns() -> None:
    """A change by an administrator is found by who did what to which object."""
    row = parse_row(CHAIN, 1, make_change(1))
    assert (row.kind, row.actor, row.action, row.object, row.answered) == (
        "change",
        "ada",
        "put",
        "upstream/github",
        None,
    )


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_whatever_a_member_holds_the_record_is_kept(members: dict[str, object]) -> None:
    """A member of any type or size changes nothing but its own column."""
    body = orjson.dumps({"id": "i", "time": "2026-09-22T12:00:00.000Z"} | members)
    row = parse_row(CHAIN, 1, body)
    assert row == parse_row(CHAIN, 1, body)
    assert row.body == body
    texts = [value for value in row[:-1] if isinstance(value, str)]
    assert not any("\0" in text for text in texts)


def test_a_text_of_an_index_is_cut_and_the_path_is_not() -> None:
    """No text is too long for an index."""
    row = parse_row(CHAIN, 1, make_record(1, consumer="c" * 5000, path="/" + "p" * 5000))
    assert row.consumer is not None
    assert row.path is not None
    assert (len(row.consumer), len(row.path)) == (TEXT_LIMIT, 5001)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"id":"i"}', b'{"id":"i","time":"noon"}', b'{"id":"i","time":"2026-09-22"}']
)
def test_what_is_no_record_is_refused(body: bytes) -> None:
    """Without an id and a time there is no record."""
    with pytest.raises(ValueError, match=r"."):
        parse_row(CHAIN, 1, body)


@given(st.integers(0, 4 * 10**15))
def test_a_time_is_read_as_it_is_written(time: int) -> None:
    """Reading a rendered time gives it back to the microsecond."""
    assert parse_time(render_time(time)) == time


@pytest.mark.parametrize("amount", ["1E+1000000", "NaN", "Infinity", "0." + "0" * 30 + "1", "five", "1" * 40])
def test_an_amount_that_is_no_money_is_left_out(amount: str) -> None:
    """Sums of money are exact, so that no amount may be beyond what they can hold."""
    assert parse_row(CHAIN, 1, make_record(1, cost={"amount": amount, "currency": "USD"})).cost is None
