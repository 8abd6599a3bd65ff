"""Entries: their bytes lead back to them, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.journal.entries import (
    HEADER,
    SIZE_LIMIT_BYTES,
    BrokenEntryError,
    Entry,
    Kind,
    parse_entries,
    parse_seal,
    render_entry,
    render_seal,
)
from exeat.model.audit import ChainState

ENTRIES = st.lists(st.tuples(st.sampled_from(list(Kind)), st.binary(min_size=1, max_size=60)), max_size=8)


def render(entries: list[tuple[Kind, bytes]]) -> bytes:
    return b"".join(render_entry(kind, payload) for kind, payload in entries)


def parse(data: bytes) -> tuple[list[Entry], int | None]:
    """The entries, and the offset of what is none."""
    found: list[Entry] = []
    try:
        found.extend(parse_entries(data))
    except BrokenEntryError as error:
        return found, error.offset
    return found, None


@given(ENTRIES, st.integers(0, 40))
def test_what_was_written_is_read(entries: list[tuple[Kind, bytes]], zeros: int) -> None:
    """Entries are read as they were written, up to the zeros of the room that is reserved."""
    found, broken = parse(render(entries) + bytes(zeros))
    assert broken is None
    assert [(entry.kind, entry.payload) for entry in found] == entries
    assert [entry.end for entry in found] == [len(render(entries[: n + 1])) for n in range(len(entries))]


@given(ENTRIES, st.data())
def test_a_cut_leaves_a_prefix(entries: list[tuple[Kind, bytes]], data: st.DataObject) -> None:
    """Cut anywhere, with or without zeros behind the cut, whole entries before it are read and nothing more."""
    whole = render(entries)
    at = data.draw(st.integers(0, len(whole)))
    zeros = data.draw(st.integers(0, 80))
    found, _ = parse(whole[:at] + bytes(zeros))
    read = [(entry.kind, entry.payload) for entry in found]
    assert read == entries[: len(read)]
    kept = [n for n in range(len(entries)) if len(render(entries[: n + 1])) <= at]
    assert len(read) >= len(kept)  # a payload that ends with zeros may be whole again


@given(ENTRIES.filter(bool), st.data())
def test_a_changed_byte_is_noticed(entries: list[tuple[Kind, bytes]], data: st.DataObject) -> None:
    """Whatever byte is another one, no entry is read that wasn't written."""
    whole = bytearray(render(entries))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    found, _ = parse(bytes(whole))
    read = [(entry.kind, entry.payload) for entry in found]
    assert read == entries[: len(read)]
    assert len(read) < len(entries)


@pytest.mark.parametrize(
    "data",
    [
        HEADER.pack(0, 1, 1),
        HEADER.pack(5, 0, 9) + b"hello",
        HEADER.pack(SIZE_LIMIT_BYTES + 1, 0, 1) + bytes(SIZE_LIMIT_BYTES + 1),
        HEADER.pack(5, 0, 1) + b"hello",
    ],
    ids=["nothing", "of no kind", "too large", "with another checksum"],
)
def test_what_is_no_entry(data: bytes) -> None:
    """An entry has content, a kind that is known, a size that is possible, and its own checksum."""
    assert parse(render_entry(Kind.INTENT, b"x") + data) == ([Entry(Kind.INTENT, b"x", 10)], 10)


@given(
    st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32)
)
def test_a_seal(batch: int, number: int, count: int, digest: bytes) -> None:
    """A seal says where the chain stands and how many records it closes."""
    [entry] = parse_entries(render_seal(ChainState(batch, number, digest), count))
    assert entry.kind == Kind.SEAL
    assert parse_seal(entry.payload) == (ChainState(batch, number, digest), count)
