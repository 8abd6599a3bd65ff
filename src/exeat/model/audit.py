"""The audit trail's values: records, and the batches in which they are chained.

A record is one JSON object, written once and never again: its bytes are what is hashed, stored, exported and verified.
A chain is what one writer (a worker, or the control process) of one instance has recorded; its batches are numbered
from 1 without gaps, its records too. A batch's hash covers the hash before it, so that nothing can be edited, removed,
inserted or reordered without every later hash being wrong.

Members of a record, null where there is nothing to say:
    id (UUIDv7), time (RFC 3339, UTC, when it began), kind ("exchange" or "change"), outcome ("completed", "refused",
    "failed", "interrupted"), consumer, key (its public part), address, mode, method, upstream, origin, path,
    query (values redacted), decision, reason, status, error, attempts (list of {endpoint, address, status, error,
    began_ms, head_ms, retry: why another one followed, or not}), credential (its kind), duration_ms, head_ms, bytes_in,
    bytes_out, cost, cache, trace, bodies (SHA-256 of what is kept of "request" and "response").
A change by an administrator has kind "change" and: id, time, outcome, actor, action, object, before, after.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

GENESIS = bytes(32)  # what the first batch of a chain has before it


class Position(NamedTuple):
    """A place in a journal: the number of a segment, and the bytes of it that lie before."""

    segment: int
    offset: int


class ChainState(NamedTuple):
    """Where a chain stands: the numbers of its last batch and its last record, and the last hash."""

    batch: int = 0
    record: int = 0
    hash: bytes = GENESIS


class KeptBody(NamedTuple):
    """A body that is kept beside its record: the record's id, which side, when it is to go (s), its sealed bytes.

    It is no part of the chain, so that it can go before its record does; the record holds its SHA-256.
    """

    id: str
    side: str
    expires: int
    octets: bytes


class Batch(NamedTuple):
    """Records of one chain that are sealed together. `first` is the number of its first record, from 1.

    `bodies` are those of these records. `position` is where the journal goes on after it.
    """

    chain: str  # "<instance>/<writer>", e.g. "0199f4e8c1d2/worker-1"
    number: int
    first: int
    records: tuple[bytes, ...]
    previous: bytes
    hash: bytes
    position: Position
    bodies: tuple[KeptBody, ...] = ()


def hash_batch(previous: bytes, number: int, first: int, records: Iterable[bytes]) -> bytes:
    """SHA-256 (FIPS 180-4) over the hash before, both numbers, and each record behind its length."""
    parts = [previous, number.to_bytes(8), first.to_bytes(8)]
    for record in records:
        parts.append(len(record).to_bytes(4))
        parts.append(record)
    return hashlib.sha256(b"".join(parts)).digest()
