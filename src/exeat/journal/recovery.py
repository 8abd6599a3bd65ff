"""What a journal's last life has left: where its chain stands, and the exchanges that it did not see the end of."""

from pathlib import Path
from typing import NamedTuple

from exeat.journal.entries import BrokenEntryError, Kind, parse_entries, parse_seal
from exeat.journal.segments import numbers_in, parse_opening, path_of
from exeat.model.audit import ChainState

# An intent stands in the last segment, unless its exchange ended when that segment was begun: then in the one before.
LOOKED_AT = 2
_INTENT_ID = slice(2, 38)  # ["<id>",…
_RECORD_ID = slice(7, 43)  # {"id":"<id>",…


class Found(NamedTuple):
    """`unsealed` are records whose batch was cut off, `open_intents` the intents without a record, oldest first."""

    state: ChainState
    segment: int
    unsealed: list[bytes]
    open_intents: list[bytes]


def recover(folder: Path) -> Found:
    """Read the end of a journal; what is torn there was relied on by nobody."""
    numbers = numbers_in(folder)
    state = ChainState()
    unsealed: list[bytes] = []
    intents: dict[bytes, bytes] = {}
    for number in numbers[-LOOKED_AT:]:
        before = state
        state, unsealed = _read(path_of(folder, number).read_bytes(), intents, before)
    for record in unsealed:
        intents.pop(record[_RECORD_ID], None)
    return Found(state, numbers[-1] if numbers else 0, unsealed, list(intents.values()))


def _read(data: bytes, intents: dict[bytes, bytes], state: ChainState) -> tuple[ChainState, list[bytes]]:
    """Follow one segment: the chain's state at its end, the records behind it, and `intents` as they are then."""
    records: list[bytes] = []
    try:
        for kind, payload, _ in parse_entries(data):
            if kind == Kind.OPENING:
                state = parse_opening(payload)[1]
            elif kind == Kind.INTENT:
                intents[payload[_INTENT_ID]] = payload
            elif kind == Kind.RECORD:
                records.append(payload)
            elif kind == Kind.SEAL:
                state = parse_seal(payload)[0]
                for record in records:
                    intents.pop(record[_RECORD_ID], None)
                records = []
    except BrokenEntryError:
        pass  # torn while it was written
    return state, records
