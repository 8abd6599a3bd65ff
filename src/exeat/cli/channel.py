"""Messages between the supervisor and a child: one Unix socket pair, a kind and a length before each payload.

Down: START (once), CERTIFICATE and DRAIN; to a worker SNAPSHOT, to the control process AUDIT, CHANGE and STATE (what
is in force, as JSON). Up: READY, APPLIED (with the revision), FAILED (with a reason); from the control process STORED
(what the database holds, see config/kept.py) and AWAY (why that isn't known, as JSON). Both ends are the same program
on the same machine, started by each other, so what goes down is pickled; what comes up never is, and the secrets of a
snapshot pass through config/handover.py alone.
"""

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.limits import Limits
from exeat.model.snapshot import Audit
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
    AUDIT = 8
    CHANGE = 9
    STORED = 10
    AWAY = 11
    STATE = 12


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificate chain and private key of the TCP listeners, as PEM text."""

    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """What a worker is told when it starts. `listeners` are inherited descriptors of listening sockets.

    `identity` is shown by all TCP listeners; None is plaintext. `own` are the addresses and ports that Exeat listens
    on, for the guard against loops. `journal` is the folder of the worker's journal, `chain` what it is called there.
    `snapshot` is written by config/handover.py.
    """

    number: int
    listeners: tuple[int, ...]
    identity: Identity | None
    own: tuple[tuple[str, int], ...]
    trusted: tuple[Network, ...]
    journal: str
    chain: str
    data_dir: str
    pseudonym: bytes
    drain_s: float
    limits: Limits
    log_level: str
    log_json: bool
    ca_file: str | None
    ca_folder: str | None
    keyring: str | None = field(repr=False)
    snapshot: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ControlStart:
    """What the control process is told when it starts.

    `journals` is the folder of all journals of this `instance`, `orphans` those of writers that don't run any more.
    `listeners` are inherited descriptors of listening sockets, `identity` what they show. `environment`, `directory`
    and `config` are what the settings are read from, to compile what administrators write.
    """

    journals: str
    instance: str
    orphans: tuple[str, ...]
    audit: Audit
    log_level: str
    log_json: bool
    listeners: tuple[int, ...]
    directory: str
    config: str | None
    identity: Identity | None
    environment: Mapping[str, str] = field(repr=False)
    database_url: str = field(repr=False)


def render(kind: Kind, payload: bytes = b"") -> bytes:
    """One message."""
    return HEADER.pack(kind, len(payload)) + payload


class Messages:
    """Reads messages out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Kind, bytes]]:
        """The messages that are whole now."""
        self._buffer += data
        whole: list[tuple[Kind, bytes]] = []
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            whole.append((Kind(kind), bytes(self._buffer[HEADER.size : end])))
            del self._buffer[:end]
        return whole
