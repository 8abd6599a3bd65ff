"""What is found after a crash: wherever the last write was cut, nothing that was relied on is missing."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.journal.recovery import recover
from exeat.journal.segments import numbers_in, path_of
from tests.journal.lives import Life, intent, last_segment, outcome, record, records_in


def written(folder: Path, *, seals: bool) -> list[int]:
    """A life of three commits that ends at once; the length of its segment after each of them."""
    life = Life(folder)
    ends = [life.journal._offset]  # noqa: SLF001 - the only way to know
    life.begin(1)
    life.begin(2)
    assert life.journal.commit(seals=seals)
    ends.append(life.journal._offset)  # noqa: SLF001 - as above
    life.end(1, 30)
    life.begin(3)
    assert life.journal.commit(seals=seals)
    ends.append(life.journal._offset)  # noqa: SLF001 - as above
    life.end(2)
    life.end(3)
    life.end(4)
    assert life.journal.commit(seals=seals)
    ends.append(life.journal._offset)  # noqa: SLF001 - as above
    life.crash()
    return ends


def expected(at: int, ends: list[int]) -> tuple[set[bytes], set[bytes]]:
    """The records that have to be there after a cut, and those that may."""
    if at < ends[1]:
        return set(), {outcome(1), outcome(2)}
    if at < ends[2]:
        return set(), {outcome(1), record(1, 30), outcome(2), outcome(3)}
    if at < ends[3]:
        return {record(1, 30)}, {record(2), outcome(2), record(3), outcome(3), record(4)}
    return {record(1, 30), record(2), record(3), record(4)}, set()


@given(st.floats(0, 1), st.booleans(), st.binary(max_size=20), st.booleans())
def test_a_cut_anywhere(share: float, shortens: bool, garbage: bytes, seals: bool) -> None:  # noqa: FBT001 - drawn
    """However much of the last segment's bytes is there, what was committed is kept, and each exchange once."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "j"
        ends = written(folder, seals=seals)
        at = ends[0] + round(share * (ends[-1] - ends[0]))
        file = last_segment(folder)
        data = file.read_bytes()
        kept = data[:at]
        file.write_bytes(kept if shortens else (kept + garbage).ljust(len(data), b"\0"))
        after = Life(folder)
        after.end(9)
        after.journal.close()
        found = records_in(folder)
        ids = [made[:44] for made in found]
        assert len(set(ids)) == len(ids)
        assert found[-1] == record(9)
        certain, possible = expected(at, ends)
        assert certain <= set(found)
        assert set(found[:-1]) <= certain | possible
        if at >= ends[1]:
            assert {record(1, 30)[:44], record(2)[:44]} <= {made[:44] for made in found}
        assert records_in(folder) == found


def test_nothing_to_recover(tmp_path: Path) -> None:
    """A journal that was ended cleanly has nothing open; one that isn't there yet begins at its beginning."""
    assert recover(tmp_path / "j") == ((0, 0, bytes(32)), 0, [], [])
    life = Life(tmp_path / "j")
    assert life.journal.recovered == 0
    life.begin(1)
    life.end(1)
    life.journal.close()
    found = recover(tmp_path / "j")
    assert (found.state.batch, found.state.record, found.segment, found.unsealed, found.open_intents) == (
        1,
        1,
        1,
        [],
        [],
    )


def test_interrupted_once(tmp_path: Path) -> None:
    """Whoever comes next records what was open as interrupted; whoever comes after that, nothing."""
    life = Life(tmp_path)
    life.begin(1)
    life.journal.commit()
    life.crash()
    again = Life(tmp_path)
    assert again.journal.recovered == 1
    again.crash()
    last = Life(tmp_path)
    assert last.journal.recovered == 0
    last.journal.close()
    assert records_in(tmp_path) == [outcome(1)]


@pytest.mark.parametrize("lives", [1, 2, 3, 5])
def test_lives_that_end_before_they_wrote_anything(tmp_path: Path, lives: int) -> None:
    """What was open is not forgotten where the next lives end between making their segment and writing to it."""
    life = Life(tmp_path)
    life.begin(1)
    life.journal.commit()
    life.crash()
    for _ in range(lives):
        short = Life(tmp_path)
        short.crash()
        _forget_all_but_the_head(last_segment(tmp_path), [intent(1)])
    Life(tmp_path).journal.close()
    assert records_in(tmp_path) == [outcome(1)]


def _forget_all_but_the_head(file: Path, intents: list[bytes]) -> None:
    """As if the process had ended after the opening and the intents that a segment begins with."""
    data = file.read_bytes()
    assert all(known in data for known in intents)
    end = max(data.index(known) + len(known) for known in intents)
    file.write_bytes(data[:end].ljust(len(data), b"\0"))


def test_an_intent_that_is_older_than_two_segments(tmp_path: Path) -> None:
    """An exchange that lasts is open in each segment that is begun meanwhile, and found in the last ones alone."""
    life = Life(tmp_path, segment_bytes=1024)
    life.begin(1)
    for number in range(2, 40):
        life.begin(number, 50)
        life.journal.commit()
        life.end(number, 50)
        life.journal.commit()
    life.crash()
    numbers = numbers_in(tmp_path)
    assert len(numbers) > 4
    for number in numbers[:-2]:
        path_of(tmp_path, number).unlink()
    assert recover(tmp_path).open_intents == [intent(1)]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A journal that can't be read isn't taken for an empty one."""
    life = Life(tmp_path)
    life.end(1)
    life.journal.close()
    file = last_segment(tmp_path)
    shutil.move(file, tmp_path / "elsewhere")
    os.mkdir(file)  # noqa: PTH102 - in its place
    with pytest.raises(OSError, match="directory"):
        recover(tmp_path)
