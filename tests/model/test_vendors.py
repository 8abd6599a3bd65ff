"""The table of vendors: its names are such as fields have, and what reads answers knows all of them."""

import re

import pytest

from exeat.model.vendors import BUCKETS, DRAFT, EVERYWHERE, FIELDS, SPELLINGS, VENDORS, WAITS, Vendor
from exeat.wire.fields import LIST_KEPT, RESPONSE, FieldTable


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_a_row(vendor: Vendor) -> None:
    """A row names its source, and what it spells is read under its name."""
    assert re.fullmatch(r"https://[a-z0-9.]+/\S*", vendor.source)
    for spelling in vendor.spellings:
        assert spelling.fields
        assert spelling is DRAFT or all(SPELLINGS[field] is spelling for field in spelling.fields)
        assert set(spelling.fields) <= FIELDS


def test_rows_differ() -> None:
    """No vendor comes twice, and no name belongs to two spellings."""
    assert len({vendor.name for vendor in VENDORS}) == len(VENDORS)
    names = {spelling.name for spelling in SPELLINGS.values()}
    assert len(names) == len({id(spelling) for spelling in SPELLINGS.values()})


def test_names_are_those_of_fields() -> None:
    """Names are lower-case, and values they are compared with are so too."""
    assert all(re.fullmatch(rb"[a-z][a-z0-9-]*", name) for name in FIELDS)
    assert {name for name, _ in WAITS} | {name for name, _ in BUCKETS} | {name for name, _ in EVERYWHERE} <= FIELDS
    compared = [value for _, values in BUCKETS for value in values] + [value for _, value in EVERYWHERE]
    assert all(value == value.lower() for value in compared)


def test_all_are_read_from_answers_and_passed_on() -> None:
    """Each field is known to what reads answers, and the caller gets it as it came."""
    lines = [name.title() + b": 5" for name in sorted(FIELDS)]
    forwarded, known = FieldTable(RESPONSE, {}).read(lines)
    assert forwarded == [line + b"\r\n" for line in lines]
    assert known == dict.fromkeys(FIELDS, b"5")
    assert {RESPONSE[name] for name in FIELDS} == {LIST_KEPT}
