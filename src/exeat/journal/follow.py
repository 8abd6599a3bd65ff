"""Reading a journal while it is written: the batches behind a position, and which segments have been read."""

import os
from contextlib import suppress
from pathlib import Path

from exeat.journal.entries import HEADER, BrokenEntryError, Kind, parse_body, parse_entries, parse_seal
from exeat.journal.recovery import LOOKED_AT
from exeat.journal.segments import JournalError, numbers_in, parse_opening, path_of
from exeat.model.audit import Batch, ChainState, KeptBody, Position

READING_BYTES = 8 * 1024 * 1024  # about 12 000 records: the more a write to the database takes, the less each costs
_OPENING_BYTES = 4096


class MissingError(JournalError):
    """What a journal's reader needs next isn't there: the next segment, `segment`, opens with the state `opened`."""

    def __init__(self, path: Path, segment: int, known: ChainState, opened: ChainState) -> None:
        super().__init__(
            f"{path} goes on after record {opened.record}, but those before it end with"
            f" record {known.record}: segments are missing or damaged"
        )
        self.segment = segment
        self.opened = opened


class Follower:
    """The reader of one journal.

    It goes on at the position and state up to which its batches are known; without a position, at the first there is.
    `reading_bytes` is how much it takes at once, unless one batch is larger.
    """

    def __init__(
        self,
        folder: Path,
        position: Position | None = None,
        state: ChainState | None = None,
        *,
        reading_bytes: int = READING_BYTES,
    ) -> None:
        self._folder = folder
        self._reading_bytes = reading_bytes
        self._position = position
        self._state = state
        self._chain = ""

    def read(self) -> list[Batch]:
        """The next batches, about as many as one reading holds; none if nothing new is there.

        MissingError if the journal doesn't go on where these left off, OSError if it can't be read.
        """
        position = self._position if self._chain else self._find_beginning()
        while position is not None:
            # A segment has been read to its end when a next one was there before nothing more was found in it.
            following = self._following(position)
            batches = self._read_batches(position)
            if batches:
                last = batches[-1]
                self._position = last.position
                self._state = ChainState(last.number, last.first + len(last.records) - 1, last.hash)
                return batches
            if following is None:
                break
            position = self._position = Position(following, 0)
        return []

    def _find_beginning(self) -> Position | None:
        """Where to begin, if there is anything.

        The segment of the position may be gone, if those behind it hold no batch, or its beginning damaged: that the
        next one that is there goes on where the position is, is checked when it is opened.
        """
        position, numbers = self._position, numbers_in(self._folder)
        if position is not None and position.segment in numbers:
            if position.offset == 0:
                return position
            with suppress(BrokenEntryError, StopIteration):
                self._chain = self._chain_of(position.segment)
                return position
        later = [number for number in numbers if position is None or number > position.segment]
        self._position = Position(later[0], 0) if later else position
        return self._position if later else None

    def _following(self, position: Position) -> int | None:
        return next((number for number in numbers_in(self._folder) if number > position.segment), None)

    def _chain_of(self, segment: int) -> str:
        data = self._load(Position(segment, 0), _OPENING_BYTES)
        return parse_opening(next(parse_entries(data)).payload)[0]

    def _load(self, position: Position, size: int) -> bytes:
        with path_of(self._folder, position.segment).open("rb", buffering=0) as file:
            return os.pread(file.fileno(), size, position.offset)

    def _read_batches(self, position: Position) -> list[Batch]:
        size = self._reading_bytes
        while True:
            data = self._load(position, size)
            batches, is_cut = self._parse(position, data)
            if batches or not is_cut or len(data) < size:
                return batches
            size *= 2  # one batch is larger than what was read

    def _parse(self, position: Position, data: bytes) -> tuple[list[Batch], bool]:
        """The whole batches in these bytes, and whether the bytes end in the middle of something."""
        batches: list[Batch] = []
        records: list[bytes] = []
        bodies: list[KeptBody] = []
        segment, state, at = position.segment, self._state, 0
        try:
            for kind, payload, end in parse_entries(data):
                at = end
                if kind == Kind.OPENING:
                    state = self._open(payload, segment)
                elif kind == Kind.RECORD:
                    records.append(payload)
                elif kind == Kind.BODY:
                    bodies.append(parse_body(payload))
                elif kind == Kind.SEAL:
                    assert state is not None  # noqa: S101 - a position comes with its state, a segment opens with it
                    after, _ = parse_seal(payload)
                    batches.append(
                        Batch(
                            chain=self._chain,
                            number=after.batch,
                            first=state.record + 1,
                            records=tuple(records),
                            previous=state.hash,
                            hash=after.hash,
                            position=Position(segment, position.offset + end),
                            bodies=tuple(bodies),
                        )
                    )
                    state, records, bodies = after, [], []
        except BrokenEntryError:
            return batches, True
        return batches, at + HEADER.size > len(data)

    def _open(self, payload: bytes, segment: int) -> ChainState:
        self._chain, opened = parse_opening(payload)
        if self._state is not None and opened != self._state:
            raise MissingError(path_of(self._folder, segment), segment, self._state, opened)
        self._state = opened  # also where no batch follows: the next segment has to open with it
        return opened

    def discard(self) -> int:
        """Remove the segments that were read to their end, but those that a recovery would look at; how many."""
        position = self._position
        if position is None:
            return 0
        done = [number for number in numbers_in(self._folder)[:-LOOKED_AT] if number < position.segment]
        for number in done:
            path_of(self._folder, number).unlink(missing_ok=True)
        return len(done)
