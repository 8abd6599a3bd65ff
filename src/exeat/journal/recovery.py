"""What a journal's last life has left: where its chain stands, and the exchanges that it did not see the end of."""

from pathlib import Path
from typing import NamedTuple

from exeat.journal.entries import BrokenEntryError, Entry, Kind, parse_entries, parse_seal
from exeat.journal.segments import numbers_in, parse_opening, path_of
from exeat.model.audit import ChainState

# An intent stands in the last segment, unless its exchange ended when that segment was begun: then in the one before.
LOOKED_AT = 2
_INTENT_ID = slice(2, 38)  # ["<id>",…
_RECORD_ID = slice(7, 43)  # {"id":"<id>",…


class Found(NamedTuple):
    """`unsealed` are the records of the batch that was open, with their bodies; `open_intents` have no record.

    Both are in the order in which they were written.
    """

    state: ChainState
    segment: int
    unsealed: list[Entry]
    open_intents: list[bytes]


def recover(folder: Path) -> Found:
    """Read the end of a journal; what is torn there was relied on by nobody."""
    numbers = numbers_in(folder)
    found = Found(ChainState(), numbers[-1] if numbers else 0, [], [])
    intents: dict[bytes, bytes] = {}
    for number in numbers[-LOOKED_AT:]:
        found = _read(path_of(folder, number).read_bytes(), intents, found)
    _forget(intents, found.unsealed)
    return found._replace(open_intents=list(intents.values()))


def _read(data: bytes, intents: dict[bytes, bytes], before: Found) -> Found:
    """Follow one segment: what is found at its end, and `intents` as they are then."""
    state, unsealed = before.state, before.unsealed
    try:
        for entry in parse_entries(data):
            kind, payload, _ = entry
            if kind == Kind.OPENING:
                state, unsealed = parse_opening(payload)[1], []  # a segment has what was open before it
            elif kind == Kind.INTENT:
                intents[payload[_INTENT_ID]] = payload
            elif kind == Kind.SEAL:
                _forget(intents, unsealed)
                state, unsealed = parse_seal(payload)[0], []
            else:
                unsealed.append(entry)
    except BrokenEntryError:
        pass  # torn while it was written
    return before._replace(state=state, unsealed=unsealed)


def _forget(intents: dict[bytes, bytes], entries: list[Entry]) -> None:
    """Take out the intents that these records are of."""
    for entry in entries:
        if entry.kind == Kind.RECORD:
            intents.pop(entry.payload[_RECORD_ID], None)
