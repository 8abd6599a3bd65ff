"""Messages between the supervisor and a worker: one Unix socket pair, a kind and a length before each payload.

Down: START (once), SNAPSHOT, CERTIFICATE, DRAIN. Up: READY, APPLIED, FAILED. Both ends are the same program on the
same machine, started by each other, so payloads are pickled; secrets pass through config/handover.py alone.
"""

import enum
import struct
from dataclasses import dataclass

from exeat.model.upstream import Network

HEADER = struct.Struct("!BI")


class Kind(enum.IntEnum):
    """What a message is."""

    START = 1
    SNAPSHOT = 2
    CERTIFICATE = 3
    DRAIN = 4
    READY = 5
    APPLIED = 6
    FAILED = 7


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is told when it starts. `listeners` are inherited descriptors of listening sockets.

    `certificate` and `key` are PEM files for all TCP listeners; None is plaintext. `own` are the addresses and ports
    that Exeat listens on, for the guard against loops. `snapshot` is written by config/handover.py.
    """

    number: int
    listeners: tuple[int, ...]
    certificate: str | None
    key: str | None
    own: tuple[tuple[str, int], ...]
    trusted: tuple[Network, ...]
    pseudonym: bytes
    drain_s: float
    log_level: str
    log_json: bool
    ca_file: str | None
    ca_folder: str | None
    snapshot: bytes


def render(kind: Kind, payload: bytes = b"") -> bytes:
    """One message."""
    return HEADER.pack(kind, len(payload)) + payload


class Messages:
    """Reads messages out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[Kind, bytes]]:
        """The messages that are whole now."""
        self._buffer += data
        whole: list[tuple[Kind, bytes]] = []
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            whole.append((Kind(kind), self._buffer[HEADER.size : end]))
            self._buffer = self._buffer[end:]
        return whole
