"""The writer: what is committed is in the file, and what a failing disk doesn't take waits until it does."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.journal.follow import Follower
from exeat.journal.segments import SEGMENT_BYTES, JournalError, numbers_in
from exeat.journal.writer import PENDING_LIMIT_BYTES, RETRY_S, SPARE_STEP_BYTES
from tests.journal.lives import (
    CHAIN,
    Disk,
    Life,
    batches_in,
    intent,
    last_segment,
    outcome,
    record,
    records_in,
    safe_in,
)

FULL = OSError(errno.ENOSPC, "No space left on device")
BROKEN = OSError(errno.EIO, "Input/output error")


def test_what_is_committed_is_in_the_file(tmp_path: Path) -> None:
    """Before a commit nothing is written, after it everything is: one batch for all records of a turn."""
    life = Life(tmp_path)
    before = last_segment(tmp_path).read_bytes()
    life.begin(1)
    life.end(1)
    life.end(2)
    assert life.has_pending()
    assert last_segment(tmp_path).read_bytes() == before
    assert life.journal.commit()
    assert not life.has_pending()
    [batch] = batches_in(tmp_path)
    assert batch.records == (record(1), record(2))
    after = last_segment(tmp_path).read_bytes()
    assert life.journal.commit()
    assert last_segment(tmp_path).read_bytes() == after
    life.journal.close()


def test_files_of_a_journal(tmp_path: Path) -> None:
    """The folder and its files are the gateway's user's alone; a segment has its whole room from the beginning."""
    folder = tmp_path / "data" / "j"
    life = Life(folder, segment_bytes=SEGMENT_BYTES)
    for _ in range(10):
        life.passes(0.1)
    assert folder.stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat() for path in folder.iterdir()}
    assert {state.st_mode & 0o777 for state in files.values()} == {0o600}
    assert files["0000000001.segment"].st_size == SEGMENT_BYTES
    assert files["0000000001.segment"].st_blocks * 512 >= SEGMENT_BYTES
    assert files["spare"].st_size == SEGMENT_BYTES
    life.journal.close()
    assert not (folder / "spare").exists()


def test_room_is_reserved_in_steps(tmp_path: Path) -> None:
    """No visit of the clock reserves more than a step."""
    life = Life(tmp_path, segment_bytes=SEGMENT_BYTES)
    sizes = []
    for _ in range(5):
        life.passes(0.1)
        sizes.append((tmp_path / "spare").stat().st_size)
    assert sizes == [min(step * SPARE_STEP_BYTES, SEGMENT_BYTES) for step in range(1, 6)]
    life.journal.close()


def test_one_writer(tmp_path: Path) -> None:
    """A folder has one writer at a time."""
    life = Life(tmp_path)
    with pytest.raises(JournalError, match="EXEAT_DATA_DIR of its own"):
        Life(tmp_path)
    life.journal.close()
    Life(tmp_path).journal.close()


@pytest.mark.parametrize("room", [0, 1, 5, 40, 200])
@pytest.mark.parametrize("error", [FULL, BROKEN])
def test_writing_that_fails(tmp_path: Path, room: int, error: OSError) -> None:
    """What can't be written waits, nothing new begins, and it is written once when that is possible; soon."""
    life, disk = Life(tmp_path), Disk()
    life.begin(1)
    life.journal.commit()
    with disk.used():
        disk.write, disk.room = error, room
        kept = [life.end(1, 100)]
        assert not life.journal.commit()
        assert (life.is_open(), life.journal.failure) == (False, error.strerror)
        kept += [life.end(number) for number in range(2, 5)]
        assert not life.journal.commit()
        assert batches_in(tmp_path) == []
        life.passes(RETRY_S)
        assert not life.is_open()
        disk.write = None
        life.passes(0.5)
        assert not life.is_open(), "it isn't tried all the time"
        life.passes(0.6)
        assert (life.is_open(), life.journal.failure, life.journal.lost) == (True, None, 0)
        kept.append(life.end(5))
        assert life.journal.commit()
    assert records_in(tmp_path) == kept
    life.journal.close()
    assert records_in(tmp_path) == kept


def test_memory_is_bounded(tmp_path: Path) -> None:
    """While nothing can be written, as much is kept in memory as is allowed, and what is beyond it is counted."""
    life, disk = Life(tmp_path), Disk()
    with disk.used():
        disk.write = FULL
        kept = [life.end(0)]
        assert not life.journal.commit()
        size = PENDING_LIMIT_BYTES // 10 - 200
        kept += [life.end(number, size) for number in range(1, 11)]
        for number in range(11, 16):
            life.end(number, size)
        assert life.journal.lost == 5
        disk.write = None
        life.passes(RETRY_S + 0.1)
        assert life.is_open()
        kept.append(life.end(20, size))
        assert life.journal.commit()
        assert life.journal.lost == 5
    assert records_in(tmp_path) == kept
    life.journal.close()


def test_an_end_while_writing_fails(tmp_path: Path) -> None:
    """A journal that is closed tries once more, and at once."""
    life, disk = Life(tmp_path), Disk()
    with disk.used():
        disk.write = FULL
        made = life.end(1)
        assert not life.journal.commit()
        disk.write = None
        life.journal.close()
    assert records_in(tmp_path) == [made]


def test_a_full_disk_is_noticed_before_it_matters(tmp_path: Path) -> None:
    """Without room for what comes nothing new begins, but what is under way is recorded at once, as it was promised."""
    life, disk = Life(tmp_path), Disk()
    with disk.used():
        disk.reserve = FULL
        life.begin(1)
        life.journal.commit()
        life.passes(0.1, active=1)
        assert (life.is_open(), life.journal.failure) == (False, FULL.strerror)
        for number in range(1, 8):
            made = life.end(number)
            assert life.journal.commit(), "there is room that was reserved for it"
            assert records_in(tmp_path)[-1] == made
            assert not life.is_open(), "a record that could be written makes no room for new ones"
            life.passes(0.3)
        disk.reserve = None
        life.passes(RETRY_S)
        assert (life.is_open(), life.journal.failure) == (True, None)
    life.journal.close()
    assert records_in(tmp_path) == [record(number) for number in range(1, 8)]


def test_room_for_what_is_under_way(tmp_path: Path) -> None:
    """The more exchanges are under way, the earlier a full disk closes the journal."""
    life, disk = Life(tmp_path, segment_bytes=SEGMENT_BYTES), Disk()
    with disk.used():
        disk.reserve = FULL
        life.passes(0.1, active=10)
        assert life.is_open()
        life.passes(RETRY_S, active=10_000)
        assert not life.is_open()
        life.passes(RETRY_S, active=10)
        assert life.is_open()
    life.journal.close()


def test_no_room_for_the_first_segment(tmp_path: Path) -> None:
    """A writer that finds no room begins closed, keeps what it recovered, and opens when there is room."""
    life = Life(tmp_path)
    life.begin(1)
    life.journal.commit()
    life.crash()
    disk = Disk()
    with disk.used():
        disk.reserve = FULL
        again = Life(tmp_path)
        assert (again.is_open(), again.journal.recovered, numbers_in(tmp_path)) == (False, 1, [1])
        disk.reserve = None
        again.passes(RETRY_S + 0.1)
        assert again.is_open()
    again.journal.close()
    assert records_in(tmp_path) == [outcome(1)]


def test_a_segment_whose_opening_cannot_be_written(tmp_path: Path) -> None:
    """No segment is there without its opening, and a try that failed leaves no file behind."""
    life, disk = Life(tmp_path), Disk()
    with disk.used():
        kept = [life.end(1, 3000)]
        assert life.journal.commit()
        life.begin(2)
        disk.write, disk.room = BROKEN, 30
        kept.append(life.end(3, 3000))
        for _ in range(3):
            assert not life.journal.commit()
            assert numbers_in(tmp_path) == [1]
            life.passes(RETRY_S)
        disk.write = None
        life.passes(RETRY_S + 0.1)
        assert life.is_open()
        assert numbers_in(tmp_path) == [1, 2]
    assert records_in(tmp_path) == kept
    life.crash()
    Life(tmp_path).journal.close()
    assert records_in(tmp_path) == [*kept, outcome(2)]


@pytest.mark.parametrize("size", [10, 3000])
def test_a_disk_that_does_not_take_what_was_written(tmp_path: Path, size: int) -> None:
    """What is written but not safe isn't relied on; readers may have seen it, so it is never written a second time."""
    life, disk = Life(tmp_path, to_disk=True), Disk()
    reader = Follower(tmp_path)
    with disk.used():
        disk.sync = BROKEN
        life.begin(1)
        kept = [life.end(1, 100)]
        assert not life.journal.commit()
        assert not life.is_open()
        assert life.has_pending()
        seen = reader.read()
        kept.append(life.end(2, size))
        life.passes(RETRY_S)
        assert not life.is_open()
        disk.sync = None
        life.passes(RETRY_S + 0.1)
        assert life.is_open()
        kept.append(life.end(3, size))
        assert life.journal.commit()
        while more := reader.read():
            seen += more
    assert [made for batch in seen for made in batch.records] == kept
    assert records_in(tmp_path) == kept
    life.journal.close()


@pytest.mark.parametrize("to_disk", [True, False])
def test_what_durability_means(tmp_path: Path, to_disk: bool) -> None:  # noqa: FBT001 - pytest's own
    """With `disk` every commit waits for the disk; with `process` none does."""
    synced: list[int] = []
    life = Life(tmp_path, to_disk=to_disk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", synced.append)
        for number in range(3):
            life.end(number)
            life.journal.commit()
            life.journal.commit()
    assert len(synced) == (3 if to_disk else 0)
    life.journal.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["write", "reserve", "sync", "well", "well"]), st.integers(0, 4000), st.integers(0, 3000)
        ),
        max_size=20,
    ),
    st.booleans(),
)
def test_a_disk_that_fails_now_and_then(
    tmp_path_factory: pytest.TempPathFactory,
    turns: list[tuple[str, int, int]],
    seals: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever fails and when, what was safe is there after a crash, and everything once it works again."""
    folder = tmp_path_factory.mktemp("failing")
    life, disk, kept, safe = Life(folder, to_disk=seals), Disk(), [], 0
    with disk.used():
        for number, (fault, room, size) in enumerate(turns):
            disk.write = BROKEN if fault == "write" else None
            disk.reserve = FULL if fault == "reserve" else None
            disk.sync = BROKEN if fault == "sync" else None
            disk.room = room
            life.begin(number)
            life.journal.commit(seals=seals)
            kept.append(life.end(number, size))
            if life.journal.commit(seals=seals):
                safe = len(kept)
            assert safe_in(folder)[:safe] == kept[:safe]
            if number % 3 == 0:
                life.passes(0.4, active=1)
        disk.write = disk.reserve = disk.sync = None
        life.passes(RETRY_S + 0.1)
        assert life.is_open()
        assert life.journal.commit()
        assert records_in(folder) == kept
        life.crash()
    again = Life(folder)
    assert again.journal.recovered == 0
    again.journal.close()
    assert records_in(folder) == kept


def test_the_chain_has_its_name(tmp_path: Path) -> None:
    """Each batch says whose it is, in the first segment and in later ones, to whoever begins there."""
    life = Life(tmp_path)
    life.end(1)
    life.journal.close()
    assert [batch.chain for batch in batches_in(tmp_path)] == [CHAIN]
    assert intent(1) not in last_segment(tmp_path).read_bytes()
