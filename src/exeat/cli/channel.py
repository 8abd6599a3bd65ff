"""Messages between the supervisor and a child: one Unix socket pair, a kind and a length before each payload.

Down: START (once), CERTIFICATE and DRAIN; to a worker SNAPSHOT, KEYS (what is different of keys, or said of endpoints,
since the last one, as JSON), TOKENS (see below) and LEAVE (it will be told to drain); to the control process AUDIT,
CHANGE, STATE (what is in force, as JSON), WEBHOOKS, ADOPT (the journal of a worker that was killed), EVENT (one event,
as JSON) and TOKEN_SOURCES. Up: READY, APPLIED (with the revision), METRICS (samples, see cli/measures.py; passed on to
the control process), SPANS (what spans are made of, see proxy/observing.py; passed on likewise, or lost), FAILED (with
a reason), REPORT (how it is, as JSON, every second); from the control process STORED (what the database holds, see
config/kept.py), KEYS (what is new of its keys since), AWAY (why that isn't known, as JSON) and EVENT (the id of one
that is safe); from the counters EVENT (a window that has passed a mark, as JSON); from a worker EVENT (an endpoint that
rests, or is well again, as JSON).

TOKENS is what is known of tokens of upstreams, from the control process through the supervisor to every worker;
TOKEN_WANTED goes the other way, from a worker whose call has no token, or was refused with the one it had (JSON).

Both ends are the same program on the same machine, started by each other, so what goes down may be pickled; what comes
up never is, and the secrets of a snapshot, of webhooks and of token sources pass through config/handover.py alone, as
tokens do.
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
    KEYS = 13
    REPORT = 14
    EVENT = 15
    WEBHOOKS = 16
    LEAVE = 17
    ADOPT = 18
    TOKEN_SOURCES = 19
    TOKENS = 20
    TOKEN_WANTED = 21
    METRICS = 22
    SPANS = 23


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
    `drain_s` is how long a drain waits for exchanges, `streams_s` for streams. Into the descriptor `trace` the worker
    writes where it is, when it crashes or is asked. `trace_sample` is the share of new traces that is sampled; None
    makes none. `snapshot` is written by config/handover.py.
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
    streams_s: float
    trace: int
    limits: Limits
    workers: int
    has_redis: bool
    counters: str
    log_level: str
    log_json: bool
    ca_file: str | None
    ca_folder: str | None
    trace_sample: float | None
    debug_token: str | None = field(repr=False)
    keyring: str | None = field(repr=False)
    snapshot: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ControlStart:
    """What the control process is told when it starts.

    `journals` is the folder of all journals of this `instance`, `orphans` those of writers that don't run any more.
    `listeners` are inherited descriptors of listening sockets, `identity` what they show. `environment`, `directory`
    and `config` are what the settings are read from, to compile what administrators write. Spans go to `otlp_url`.
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
    ca_file: str | None
    ca_folder: str | None
    otlp_url: str | None
    otlp_headers: str | None = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    database_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Whom the control process tells of events: `webhooks` is written by config/handover.py.

    `own` are the addresses and ports that Exeat listens on, `nat64` as in a snapshot.
    """

    own: tuple[tuple[str, int], ...] = ()
    nat64: tuple[Network, ...] = ()
    webhooks: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the control process gets tokens of upstreams from: `sources` is written by config/handover.py.

    `tokens` are those that a process before it has fetched, as TOKENS. `own` and `nat64` as above.
    """

    own: tuple[tuple[str, int], ...] = ()
    nat64: tuple[Network, ...] = ()
    sources: bytes = field(default=b"", repr=False)
    tokens: bytes = field(default=b"[]", repr=False)


@dataclass(frozen=True, slots=True)
class CountersStart:
    """What the process that counts for all workers is told when it starts.

    `socket` is the path that workers connect to. A successor of one that died lets them say first what they hold.
    With `redis_url`, it counts in Redis.
    """

    data_dir: str
    socket: str
    is_successor: bool
    log_level: str
    log_json: bool
    ca_file: str | None = None
    ca_folder: str | None = None
    redis_url: str | None = field(repr=False, default=None)


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
