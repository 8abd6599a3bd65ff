"""Seals, and whether the records of a batch are those that were sealed (pure)."""

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exeat.model.audit import ChainState, hash_batch


class Seal(NamedTuple):
    """What was kept of a batch beside its records. `checks` are their CRC-32s.

    A seal without checks is a gap: it stands for records, and their batches up to `number`, that are missing.
    """

    chain: str
    number: int
    first: int
    size: int
    previous: bytes
    hash: bytes
    checks: bytes
    oldest: int | None = None  # the times of its records, µs
    newest: int | None = None

    @property
    def is_gap(self) -> bool:
        """Whether its records are missing, and it says so."""
        return not self.checks

    @property
    def last(self) -> int:
        """The number of its last record."""
        return self.first + self.size - 1

    @property
    def state(self) -> ChainState:
        """Where the chain stands after it."""
        return ChainState(self.number, self.last, self.hash)


class Fault(NamedTuple):
    """The first thing that is wrong in a chain: its batch, the record if that is known, and a sentence."""

    chain: str
    batch: int
    record: int | None
    sentence: str

    def __str__(self) -> str:
        return self.sentence


Numbered = tuple[int, bytes]  # a record with its number


def checks_of(records: Sequence[bytes]) -> bytes:
    """The CRC-32 of each record. They prove nothing; when a hash is wrong, they say where to look."""
    return struct.pack(f"<{len(records)}L", *map(zlib.crc32, records))


def check_batch(state: ChainState, seal: Seal, records: Sequence[Numbered]) -> Fault | None:
    """What is wrong with a batch, where `state` is that of its chain before it."""
    return (
        _check_place(state, seal)
        or _check_numbers(seal, [number for number, _ in records])
        or (None if seal.is_gap else _check_hash(seal, records))
    )


def _check_place(state: ChainState, seal: Seal) -> Fault | None:
    chain, number = seal.chain, seal.number
    if number > state.batch + 1 and not seal.is_gap:
        missing = state.batch + 1
        return Fault(chain, missing, state.record + 1, f"Batch {missing} of chain {chain} is missing: it was removed.")
    if number <= state.batch:
        return Fault(chain, number, None, f"Batch {number} of chain {chain} is there twice: one was inserted.")
    if seal.first != state.record + 1 or seal.size < 1:
        sentence = (
            f"The seal of batch {number} of chain {chain} was edited: it doesn't begin with record {state.record + 1}."
        )
        return Fault(chain, number, state.record + 1, sentence)
    if seal.previous != state.hash:
        sentence = f"Chain {chain} is broken: batch {number} doesn't continue the batch before it."
        return Fault(chain, number, None, sentence)
    return None


def _check_numbers(seal: Seal, numbers: Iterable[int]) -> Fault | None:
    if seal.is_gap:
        return _check_nothing(seal, numbers)
    expected = seal.first
    where = f"of batch {seal.number} of chain {seal.chain}"
    for number in numbers:
        if number > expected:
            break
        if number < expected:
            return Fault(seal.chain, seal.number, number, f"Record {number} {where} is there twice: one was inserted.")
        expected += 1
    if expected <= seal.last:
        return Fault(seal.chain, seal.number, expected, f"Record {expected} {where} is missing: it was removed.")
    return None


def _check_nothing(seal: Seal, numbers: Iterable[int]) -> Fault | None:
    for number in numbers:
        what = "is there, where its seal says that it is missing: it was inserted"
        return Fault(seal.chain, seal.number, number, f"Record {number} of chain {seal.chain} {what}.")
    return None


def _check_hash(seal: Seal, records: Sequence[Numbered]) -> Fault | None:
    bodies = [body for _, body in records]
    if hash_batch(seal.previous, seal.number, seal.first, bodies) == seal.hash:
        return None
    where = f"of batch {seal.number} of chain {seal.chain}"
    for number, place in zip(range(seal.first, seal.last + 1), range(0, len(seal.checks), 4), strict=False):
        check = struct.unpack_from("<L", seal.checks, place)[0]
        if zlib.crc32(bodies[number - seal.first]) != check:
            sentence = f"Record {number} {where} isn't the one that was sealed: it was edited or moved."
            return Fault(seal.chain, seal.number, number, sentence)
    sentence = f"One of the records {seal.first} to {seal.last} {where}, or its seal, was edited."
    return Fault(seal.chain, seal.number, seal.first, sentence)
