"""Reading a journal that is written meanwhile: every record once, in order, whatever happens to writer and reader."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from exeat.journal.entries import Kind, parse_entries, render_entry
from exeat.journal.follow import Follower, MissingError
from exeat.journal.segments import JournalError, numbers_in, path_of
from exeat.journal.writer import SEGMENT_AGE_S
from exeat.model.audit import Batch, ChainState
from tests.journal.lives import CHAIN, Life, intent, last_segment, outcome, record, records_in, verify

READING_BYTES = 16 * 1024
SIZES = st.sampled_from([0, 0, 10, 500, 3000])


def state_after(batch: Batch) -> ChainState:
    """Where the chain stands after a batch."""
    return ChainState(batch.number, batch.first + len(batch.records) - 1, batch.hash)


class Conversation(RuleBasedStateMachine):
    """A writer that begins, ends, commits, grows old and dies, and a reader that reads, forgets and tidies up."""

    def __init__(self) -> None:
        super().__init__()
        self._temporary = TemporaryDirectory()
        self._folder = Path(self._temporary.name) / "j"
        self._life = Life(self._folder, segment_bytes=2048)
        self._follower = Follower(self._folder)
        self._read: list[Batch] = []
        self._next = 0
        self._begun: dict[int, int] = {}  # exchanges whose intent is safe, and its size
        self._new: dict[int, int] = {}  # those whose intent isn't yet
        self._expected: list[bytes] = []
        self._waiting: list[bytes] = []

    @rule(size=SIZES)
    def begins(self, size: int) -> None:
        """An exchange is about to be sent."""
        self._next += 1
        self._life.begin(self._next, size)
        self._new[self._next] = size

    @rule(size=SIZES, data=st.data())
    def ends(self, size: int, data: st.DataObject) -> None:
        """An exchange ends, or one is refused that never began."""
        under_way = sorted({**self._begun, **self._new})
        if under_way:
            number = data.draw(st.sampled_from(under_way))
        else:
            self._next += 1
            number = self._next
        self._waiting.append(self._life.end(number, size))
        self._begun.pop(number, None)
        self._new.pop(number, None)

    @rule(seals=st.booleans())
    def commits(self, seals: bool) -> None:  # noqa: FBT001 - drawn
        """A turn of the loop ends; the batch may stay open."""
        assert self._life.journal.commit(seals=seals)
        self._is_safe()

    def _is_safe(self) -> None:
        self._expected += self._waiting
        self._waiting = []
        self._begun |= self._new
        self._new = {}

    @rule()
    def grows_old(self) -> None:
        """A segment has become old."""
        self._life.passes(SEGMENT_AGE_S + 1)
        self._is_safe()

    @rule(cleanly=st.booleans())
    def dies(self, cleanly: bool) -> None:  # noqa: FBT001 - drawn
        """The process ends, and another one goes on."""
        if cleanly:
            for number in sorted({**self._begun, **self._new}):
                self._waiting.append(self._life.end(number))
            self._life.journal.close()
            self._begun, self._new = {}, {}
            self._is_safe()
        else:
            self._life.crash()  # what wasn't committed is gone: nobody relied on it
            self._waiting, self._new = [], {}
        self._reopen()

    def _reopen(self) -> None:
        life = self._life = Life(self._folder, segment_bytes=2048)
        lost = life.journal.recovered
        self._follow()
        found = [made for batch in self._read for made in batch.records][len(self._expected) :]
        assert len(found) == lost
        assert {made[:44] for made in found} >= {outcome(number)[:44] for number in self._begun}
        assert all(b"interrupted" in made for made in found)
        self._expected += found
        self._begun = {}

    @rule()
    def reads(self) -> None:
        """The reader takes what is there."""
        self._follow()

    def _follow(self) -> None:
        while batches := self._follower.read():
            self._read += batches

    @rule()
    def tidies_up(self) -> None:
        """The reader removes what it has read."""
        self._follow()
        before = numbers_in(self._folder)
        removed = self._follower.discard()
        assert numbers_in(self._folder) == before[removed:]
        assert len(before) - removed >= min(len(before), 2)

    @rule()
    def forgets(self) -> None:
        """The reader begins anew where it was."""
        if self._read:
            last = self._read[-1]
            self._follower = Follower(self._folder, last.position, state_after(last))

    @invariant()
    def what_was_read_is_what_was_written(self) -> None:
        """A prefix of the records, in order, and a chain that verifies."""
        found = [made for batch in self._read for made in batch.records]
        assert found == self._expected[: len(found)]
        verify(self._read)

    def teardown(self) -> None:
        """At the end everything is there."""
        for number in sorted({**self._begun, **self._new}):
            self._waiting.append(self._life.end(number))
        self._life.journal.close()
        self._is_safe()
        self._follow()
        self.what_was_read_is_what_was_written()
        assert sum(len(batch.records) for batch in self._read) == len(self._expected)
        self._temporary.cleanup()


def test_every_record_once_and_in_order() -> None:
    """Whatever writer and reader do, the reader gets each record that was committed once, in order, in a true chain."""
    run_state_machine_as_test(Conversation, settings=settings(stateful_step_count=40))


def test_nothing_yet(tmp_path: Path) -> None:
    """A journal that isn't there yet, or has no batch yet, is read as nothing; then what comes is read."""
    follower = Follower(tmp_path / "j")
    assert follower.read() == []
    assert follower.discard() == 0
    life = Life(tmp_path / "j")
    assert follower.read() == []
    life.begin(1)
    life.journal.commit()
    assert follower.read() == []
    made = life.end(1)
    assert follower.read() == []
    life.journal.commit()
    [batch] = follower.read()
    assert batch.records == (made,)
    assert batch.chain == CHAIN
    assert follower.read() == []
    life.journal.close()


def test_a_batch_larger_than_a_reading(tmp_path: Path) -> None:
    """A batch is read whole, however large; what is larger than a reading comes in several."""
    life = Life(tmp_path, segment_bytes=1024 * 1024)  # all of it in one segment: a reading ends with that, too
    large = [life.end(number, READING_BYTES // 2) for number in range(5)]
    life.journal.commit()
    small = []
    for number in range(5, 1000):
        small.append(life.end(number, 400))
        life.journal.commit()
    life.journal.close()
    follower, found = Follower(tmp_path, reading_bytes=READING_BYTES), []
    while batches := follower.read():
        found.append([made for batch in batches for made in batch.records])
    assert [made for reading in found for made in reading] == large + small
    assert len(numbers_in(tmp_path)) == 1
    assert sum(map(len, found[0])) <= 4 * READING_BYTES
    assert all(sum(map(len, reading)) <= READING_BYTES for reading in found[1:])


@pytest.mark.parametrize("restarts", [1, 2, 3, 6])
def test_lives_without_a_record(tmp_path: Path, restarts: int) -> None:
    """A reader that begins anew finds its way though segments without batches have taken the place of its own."""
    life = Life(tmp_path)
    life.end(1)
    life.journal.close()
    follower = Follower(tmp_path)
    [batch] = follower.read()
    for _ in range(restarts):
        Life(tmp_path).journal.close()
        follower = Follower(tmp_path, batch.position, state_after(batch))
        assert follower.read() == []
        follower.discard()
    life = Life(tmp_path)
    made = life.end(2)
    life.journal.close()
    [second] = Follower(tmp_path, batch.position, state_after(batch)).read()
    assert second.records == (made,)
    verify([batch, second])


def test_a_segment_that_is_missing(tmp_path: Path) -> None:
    """Where a segment with records is gone before it was read, that is said, and nothing after it is read."""
    for number in range(4):
        life = Life(tmp_path)
        life.end(number)
        life.journal.close()
    follower = Follower(tmp_path)
    [first] = follower.read()
    path_of(tmp_path, 2).unlink()
    with pytest.raises(JournalError, match="missing or damaged"):
        follower.read()
    with pytest.raises(MissingError, match="missing or damaged") as missing:
        Follower(tmp_path, first.position, state_after(first)).read()
    assert missing.value.segment == 3
    assert missing.value.opened.record == state_after(first).record + 1


def test_a_batch_that_was_changed(tmp_path: Path) -> None:
    """Where a batch in the middle is damaged, nothing behind it is taken for what followed."""
    for number in range(2):
        life = Life(tmp_path)
        life.end(number, 100)
        life.journal.close()
    file = path_of(tmp_path, 1)
    file.write_bytes(file.read_bytes().replace(b"rrrr", b"rrrs", 1))
    follower = Follower(tmp_path)
    with pytest.raises(JournalError, match="missing or damaged"):
        follower.read()


@pytest.mark.parametrize("damage", [b"", bytes(2000), b"nothing of the kind" * 100])
def test_a_segment_whose_beginning_was_changed(tmp_path: Path, damage: bytes) -> None:
    """Where a reader would go on in a segment that is damaged, that is said as soon as another one follows."""
    life = Life(tmp_path)
    life.end(0)
    life.journal.commit()
    [first] = Follower(tmp_path).read()
    life.end(1)
    life.journal.close()
    path_of(tmp_path, first.position.segment).write_bytes(damage)
    follower = Follower(tmp_path, first.position, state_after(first))
    assert follower.read() == []
    life = Life(tmp_path)
    life.end(2)
    life.journal.close()
    with pytest.raises(JournalError, match="missing or damaged"):
        follower.read()


def test_another_format(tmp_path: Path) -> None:
    """A journal of another version is refused in words, by the reader and by the next writer."""
    life = Life(tmp_path)
    life.end(1)
    life.journal.close()
    file = last_segment(tmp_path)
    opening, *_ = parse_entries(file.read_bytes())
    file.write_bytes(render_entry(Kind.OPENING, opening.payload.replace(b'"format":1', b'"format":2')))
    with pytest.raises(JournalError, match="by another version of Exeat"):
        Follower(tmp_path).read()
    with pytest.raises(JournalError, match="by another version of Exeat"):
        Life(tmp_path)


def test_what_is_torn_is_read_once(tmp_path: Path) -> None:
    """Records whose batch was cut off are read as a part of the next life's, and only there."""
    life = Life(tmp_path)
    life.begin(1)
    life.begin(2)
    life.journal.commit()
    life.end(1)
    life.end(2)
    life.journal.commit()
    life.crash()
    file = last_segment(tmp_path)
    data = file.read_bytes()
    seal = list(parse_entries(data))[-1]
    file.write_bytes(data[: seal.end - 1] + bytes(len(data) - seal.end + 1))
    follower = Follower(tmp_path)
    assert follower.read() == []
    life = Life(tmp_path)
    assert life.journal.recovered == 0
    life.journal.close()
    [batch] = follower.read()
    assert batch.records == (record(1), record(2))
    assert records_in(tmp_path) == [record(1), record(2)]
    assert intent(1) in data
