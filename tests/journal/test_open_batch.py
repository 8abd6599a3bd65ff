"""A batch that stays open for some turns: its records are safe at once, and readers have them when it is sealed."""

import errno
from pathlib import Path

import pytest

from exeat.journal.entries import Kind, parse_entries
from exeat.journal.follow import Follower
from exeat.journal.recovery import recover
from exeat.journal.segments import numbers_in, path_of
from exeat.journal.writer import OPEN_RECORDS, RETRY_S
from exeat.model.audit import KeptBody
from tests.journal.lives import Disk, Life, batches_in, id_of, last_segment, outcome, record, records_in, safe_in

SEVERAL = 5
FULL = OSError(errno.ENOSPC, "No space left on device")


def leave_open(life: Life, numbers: range, size: int = 0) -> list[bytes]:
    """Exchanges that begin and end, each in turns of its own, in a batch that stays open."""
    made = []
    for number in numbers:
        life.begin(number)
        assert life.journal.commit(seals=False)
        made.append(life.end(number, size))
        assert life.journal.commit(seals=False)
    return made


def kinds_in(file: Path) -> list[int]:
    """What a segment's entries are."""
    return [entry.kind for entry in parse_entries(file.read_bytes())]


@pytest.mark.parametrize("how", ["a commit that seals", "the clock's visit", "the end"])
def test_who_seals(tmp_path: Path, how: str) -> None:
    """What is written without a seal is safe, and nothing to a reader; then all of it is one batch."""
    life = Life(tmp_path)
    made = leave_open(life, range(SEVERAL))
    follower = Follower(tmp_path)
    assert not life.has_pending()
    assert (follower.read(), safe_in(tmp_path)) == ([], made)
    if how == "a commit that seals":
        assert life.journal.commit()
    elif how == "the clock's visit":
        life.passes(0.1)
    else:
        life.journal.close()
    [batch] = follower.read()
    assert batch.records == tuple(made)
    assert kinds_in(last_segment(tmp_path)).count(Kind.SEAL) == 1
    if how != "the end":
        life.passes(0.1)
        assert life.journal.commit()
        assert kinds_in(last_segment(tmp_path))[-1] == Kind.SEAL, "nothing is sealed twice"
        life.journal.close()
    assert records_in(tmp_path) == made


def test_a_batch_that_is_full(tmp_path: Path) -> None:
    """A batch that has as many records as one may have is sealed at once, and the next one begins."""
    life = Life(tmp_path, segment_bytes=1024 * 1024)
    made = leave_open(life, range(OPEN_RECORDS + 1))
    assert [len(batch.records) for batch in batches_in(tmp_path)] == [OPEN_RECORDS]
    life.journal.close()
    assert [len(batch.records) for batch in batches_in(tmp_path)] == [OPEN_RECORDS, 1]
    assert records_in(tmp_path) == made


def test_what_reaches_the_disk_is_sealed_there(tmp_path: Path) -> None:
    """With durability `disk` no batch stays open, also where it was left open before that was asked for."""
    life = Life(tmp_path)
    made = leave_open(life, range(2))
    life.journal.to_disk = True
    made += leave_open(life, range(2, 4))
    assert [len(batch.records) for batch in batches_in(tmp_path)] == [2, 1, 1]
    life.journal.close()
    assert records_in(tmp_path) == made


def test_an_intent_seals_nothing(tmp_path: Path) -> None:
    """Where there are no records there is nothing to seal."""
    life = Life(tmp_path)
    life.begin(1)
    assert life.journal.commit()
    life.passes(0.1)
    assert kinds_in(last_segment(tmp_path)) == [Kind.OPENING, Kind.INTENT]
    life.journal.close()


@pytest.mark.parametrize("how", ["the clock's visit", "the end"])
@pytest.mark.parametrize("room", [0, 1, 30, 60])
def test_a_seal_that_fails(tmp_path: Path, how: str, room: int) -> None:
    """What is open stays safe where its seal can't be written; it is sealed once, with what came since, when it can."""
    life, disk = Life(tmp_path), Disk()
    made = leave_open(life, range(2))
    with disk.used():
        disk.write, disk.room = FULL, room
        life.passes(0.1)
        assert (life.is_open(), life.journal.failure) == (False, FULL.strerror)
        assert (records_in(tmp_path), safe_in(tmp_path)) == ([], made)
        made.append(life.end(2))
        assert not life.journal.commit(seals=False)
        disk.write = None
        if how == "the clock's visit":
            life.passes(RETRY_S + 0.1)
            assert (life.is_open(), life.journal.lost) == (True, 0)
        else:
            life.journal.close()
    assert [batch.records for batch in batches_in(tmp_path)] == [tuple(made)]
    if how == "the clock's visit":
        made += leave_open(life, range(3, 5))
        life.journal.close()
    assert records_in(tmp_path) == made


@pytest.mark.parametrize("room", [0, 1, 60, 200])
def test_writing_that_fails_while_a_batch_is_open(tmp_path: Path, room: int) -> None:
    """Turns that go on by themselves before the clock's visit leave open what waited; an end then seals all of it."""
    life, disk = Life(tmp_path), Disk()
    made = leave_open(life, range(2))
    with disk.used():
        disk.write, disk.room = FULL, room
        made += [life.end(2, 100), life.end(3)]
        assert not life.journal.commit(seals=False)
        disk.write = None
        life.clock.now += RETRY_S
        made.append(life.end(4))
        assert life.journal.commit(seals=False)
    assert (life.is_open(), records_in(tmp_path), safe_in(tmp_path)) == (True, [], made)
    life.journal.close()
    assert [batch.records for batch in batches_in(tmp_path)] == [tuple(made)]


@pytest.mark.parametrize("size", [0, 300, 1500])
def test_a_segment_ends_with_its_seal(tmp_path: Path, size: int) -> None:
    """When a segment is full the batch that is open is sealed in it: no segment grows for that, and no record moves."""
    life = Life(tmp_path)
    sizes = [path_of(tmp_path, 1).stat().st_size]
    made = leave_open(life, range(40), size)
    numbers = numbers_in(tmp_path)
    assert len(numbers) > 1
    for number in numbers[:-1]:
        assert kinds_in(path_of(tmp_path, number))[-1] == Kind.SEAL
    sizes += [path_of(tmp_path, number).stat().st_size for number in numbers]
    assert set(sizes) == {sizes[0]}
    assert safe_in(tmp_path) == made
    life.journal.close()
    assert records_in(tmp_path) == made


def test_the_next_life_goes_on_with_it(tmp_path: Path) -> None:
    """What a process that was killed has left open is sealed by the next one, once, in order, with what was kept."""
    life = Life(tmp_path)
    sealed = life.end(0)
    assert life.journal.commit()
    follower = Follower(tmp_path)
    follower.read()
    body = KeptBody(id_of(1), "request", 2_000_000_000, b"a body")
    assert life.journal.keep(body)
    made = leave_open(life, range(1, SEVERAL))
    life.begin(SEVERAL)
    assert life.journal.commit(seals=False)
    life.crash()
    assert follower.read() == []
    again = Life(tmp_path)
    assert again.journal.recovered == 1
    again.end(SEVERAL + 1)
    again.journal.close()
    first, _ = batches = follower.read()
    assert first.records == (*made, outcome(SEVERAL))
    assert [batch.bodies for batch in batches] == [(body,), ()]
    assert records_in(tmp_path) == [sealed, *made, outcome(SEVERAL), record(SEVERAL + 1)]


@pytest.mark.parametrize("lives", [1, 2, 3, 5])
def test_lives_that_end_before_they_seal(tmp_path: Path, lives: int) -> None:
    """What was left open isn't lost where the next lives end between making their segment and writing to it."""
    life = Life(tmp_path)
    made = leave_open(life, range(SEVERAL))
    life.begin(SEVERAL)
    assert life.journal.commit(seals=False)
    life.crash()
    for _ in range(lives):
        Life(tmp_path).crash()
        _forget_what_follows(last_segment(tmp_path), made[-1])
        assert safe_in(tmp_path) == made
    for number in numbers_in(tmp_path)[:-2]:
        path_of(tmp_path, number).unlink()  # as whoever moves records does with segments that hold no batch
    found = recover(tmp_path)
    assert [entry.payload for entry in found.unsealed] == made
    Life(tmp_path).journal.close()
    assert records_in(tmp_path) == [*made, outcome(SEVERAL)]


def _forget_what_follows(file: Path, last: bytes) -> None:
    """As if the process had ended right after this entry."""
    data = file.read_bytes()
    end = data.index(last) + len(last)
    file.write_bytes(data[:end].ljust(len(data), b"\0"))
