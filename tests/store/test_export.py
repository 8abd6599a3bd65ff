"""An export is the trail, byte for byte, and proves itself wherever it is taken."""

import csv
import io
import sys
import tracemalloc
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from sqlalchemy import Engine

from exeat.store.audit_writer import AuditWriter
from exeat.store.export import Format, export
from exeat.store.failure import StoreError
from exeat.store.search import Query
from exeat.store.verify import Verdict
from exeat.store.verify_export import verify_export
from tests.store.made import CHAIN, DAY, NOON, SECOND, Chain, make_change, make_record, run

FORMATS: list[Format] = ["jsonl", "csv", "parquet"]
ODD = make_record(2, NOON, path='/a,"b"\n\r=1+1\x00').replace(b'"GET"', b' "G\\u00cbT"  ')


@pytest.fixture
def filled(engine: Engine) -> Engine:
    chain, writer = Chain(), AuditWriter(engine)
    writer.write([chain.seal(make_record(1), ODD), chain.seal(make_change(3)), *chain.batches([3], NOON + DAY)])
    writer.write(Chain("other/worker-1").batches([2, 2], NOON + DAY))
    return engine


def export_to(engine: Engine, path: Path, query: Query | None = None, *, sealed: bool = True) -> Path:
    form: Format = path.suffix[1:]  # type: ignore[assignment]  # one of FORMATS
    with path.open("wb") as out:
        export(engine, out, form, query, sealed=sealed)
    return path


def read(path: Path) -> list[tuple[str, bytes]]:
    """Kind and text of each row, as another program reads them."""
    if path.suffix == ".jsonl":
        lines = [(orjson.loads(line), line) for line in path.read_bytes().splitlines()]
        return [("seal" if "seal" in members else "record", line) for members, line in lines]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [(row["type"], row["record"].encode()) for row in csv.DictReader(file)]
    return [(row["type"], row["record"].encode()) for row in parquet.read_table(path).to_pylist()]


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_holds_every_byte_and_proves_itself(filled: Engine, tmp_path: Path, form: Format) -> None:
    """Each format holds every seal and the exact bytes of every record, and verifies by itself."""
    path = export_to(filled, tmp_path / f"trail.{form}")
    rows = read(path)
    assert [kind for kind, _ in rows] == [
        "seal",
        *["record"] * 2,
        "seal",
        "record",
        "seal",
        *["record"] * 3,
        "seal",
        *["record"] * 2,
        "seal",
        *["record"] * 2,
    ]
    assert ODD in rows[2][1]
    verdict = verify_export(path)
    assert (verdict.faults, verdict.records) == ((), 10)
    assert [(chain.chain, chain.batches) for chain in verdict.chains] == [(CHAIN, 3), ("other/worker-1", 2)]


@pytest.mark.parametrize("form", FORMATS)
def test_a_range_grows_to_whole_batches_and_proves_itself(filled: Engine, tmp_path: Path, form: Format) -> None:
    """A sealed export of a range holds the whole batches that reach into it."""
    path = export_to(filled, tmp_path / f"trail.{form}", Query(since=NOON + DAY + 5 * SECOND))
    verdict = verify_export(path)
    assert (verdict.faults, verdict.records) == ((), 3)
    assert (verdict.chains[0].pruned.batch, verdict.chains[0].head.batch) == (2, 3)


@pytest.mark.parametrize("form", FORMATS)
def test_a_plain_export_holds_what_was_asked_for_by_time(filled: Engine, tmp_path: Path, form: Format) -> None:
    """Without seals an export holds what the query finds, and says that it proves nothing."""
    path = export_to(filled, tmp_path / f"trail.{form}", Query({"kind": "exchange"}, until=NOON + 1), sealed=False)
    assert [kind for kind, _ in read(path)] == ["record", "record"]
    with pytest.raises(StoreError, match="holds no seals"):
        verify_export(path)


def test_some_records_cannot_be_sealed(filled: Engine) -> None:
    """A seal covers whole batches: a filter and seals exclude each other."""
    with pytest.raises(StoreError, match="can't be sealed"):
        export(filled, io.BytesIO(), "jsonl", Query({"consumer": "web"}))


def test_the_columns_are_those_of_a_search(filled: Engine, tmp_path: Path) -> None:
    """CSV and Parquet have a column for all that can be searched by, times as times."""
    path = export_to(filled, tmp_path / "trail.csv")
    with path.open(encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file))[1]
    assert (row["chain"], row["number"], row["time"], row["status"]) == (
        CHAIN,
        "1",
        "2026-09-22T12:00:00.000000Z",
        "200",
    )
    found = parquet.read_table(export_to(filled, tmp_path / "trail.parquet")).to_pylist()[1]
    assert (found["number"], found["time"].isoformat(), found["duration"]) == (1, "2026-09-22T12:00:00+00:00", 12_500)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(data=st.data())
def test_whatever_is_done_to_a_file_is_found(filled: Engine, tmp_path: Path, data: st.DataObject) -> None:
    """A line that is edited, removed, inserted or moved is found by the export alone."""
    written = export_to(filled, tmp_path / "trail.jsonl").read_bytes().splitlines(keepends=True)
    lines = list(written)
    place = data.draw(st.integers(0, len(lines) - 2))  # without the last: that a file is cut can't be seen in it
    change = data.draw(st.sampled_from(["edit", "remove", "insert", "swap"]))
    if change == "edit":
        at = data.draw(st.integers(0, len(lines[place]) - 2))
        checks = lines[place].find(b'"checks"')
        if 0 <= checks <= at:
            return  # they are no evidence
        byte = lines[place][at]
        lines[place] = lines[place][:at] + bytes([byte ^ 1]) + lines[place][at + 1 :]
    elif change == "remove":
        del lines[place]
    elif change == "insert":
        lines.insert(data.draw(st.integers(0, len(lines))), lines[place])
    else:
        lines[place], lines[place + 1] = lines[place + 1], lines[place]
    if by_chain(lines) == by_chain(written):
        return  # only the order of two chains has changed, and each has its own
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(b"".join(lines))
    try:
        verdict = verify_export(changed)
    except StoreError:
        return  # it says which line can't be read
    assert verdict.faults or _is_later_beginning(verdict)


def by_chain(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The lines of the one chain, and those of the other."""
    return [line for line in lines if b"other" in line], [line for line in lines if b"other" not in line]


def _is_later_beginning(verdict: Verdict) -> bool:
    """Whether a chain seems to begin later: what was before its beginning can't be seen in a file."""
    return verdict.records < 10


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_no_export_is_refused(tmp_path: Path, form: Format) -> None:
    """Any other file is refused in one sentence."""
    path = tmp_path / f"x.{form}"
    path.write_bytes(b"\xff\xfe nothing of the kind\n" * 3)
    with pytest.raises(StoreError, match=r"can't be read|holds no seals"):
        verify_export(path)
    with pytest.raises(StoreError, match="can't be read"):
        verify_export(tmp_path / f"gone.{form}")
    with pytest.raises(StoreError, match="says no format"):
        verify_export(tmp_path / "x.txt")


def test_without_pyarrow_it_says_what_to_install(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet is optional, and says how to get it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(StoreError, match=r"pip install 'exeat\[parquet\]'"):
        export(engine, io.BytesIO(), "parquet")


def test_it_says_how_far_it_is(filled: Engine) -> None:
    """The callback hears the number of records that are written."""
    told: list[int] = []
    exported = export(filled, io.BytesIO(), "jsonl", progress=told.append)
    assert (exported, told) == ((10, 5), [10])


@pytest.mark.slow
@pytest.mark.parametrize("sealed", [True, False])
def test_memory_does_not_grow_with_the_trail(engine: Engine, tmp_path: Path, *, sealed: bool) -> None:
    """Exporting and verifying hold some hundred rows at a time."""
    chain, writer = Chain(), AuditWriter(engine)
    for _ in range(6):
        writer.write(chain.batches([50] * 50))
    run(engine, "DELETE FROM rollups")
    tracemalloc.start()
    try:
        path = export_to(engine, tmp_path / "trail.jsonl", sealed=sealed)
        if sealed:
            assert verify_export(path).records == 15_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 7_000_000
    assert peak < 6_000_000
