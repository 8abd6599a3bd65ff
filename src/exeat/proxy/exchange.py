"""Everything known about one request while it is served: the one mutable thing of a request."""

import os
from typing import NamedTuple, Protocol

from exeat.errors import Code
from exeat.model.consumer import Key
from exeat.model.decision import Decision
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Route, Timeouts
from exeat.policy.authorize import Permit
from exeat.policy.forward import Spent
from exeat.policy.resolve import Resolved
from exeat.proxy.drive import Drive
from exeat.wire.fields import Field
from exeat.wire.http1 import RequestHead


class Answer(NamedTuple):
    """The head of an answer before it is framed for one caller; `length` None and not `chunked` ends with the connection."""

    status: int
    reason: bytes
    fields: list[Field]
    length: int | None
    chunked: bool
    origin: bytes


class BodySink(Protocol):
    """Where a request's body goes: an upstream connection, or a buffer."""

    def send_body(self, content: bytes) -> None:
        """Take the next bytes of content."""

    def end_body(self, trailers: list[Field]) -> None:
        """The body is complete."""


class Caller(Protocol):
    """The side that an answer goes to: a downstream connection, or the collector of an envelope."""

    has_begun: bool

    @property
    def gateway(self) -> bytes:
        """`scheme://host[:port]` as the caller addresses the gateway."""

    def pump_body(self, sink: BodySink) -> None:
        """Send the request's body to `sink`, now and as it arrives."""

    def interim(self, status: int, reason: bytes, fields: list[Field]) -> None:
        """Pass on an interim response (1xx)."""

    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None:
        """Send the head of the answer and the first content."""

    def attach(self, source: "Flow") -> None:
        """The rest of the answer comes from `source`, which is to be paused where the caller can't keep up."""

    def content(self, content: bytes) -> None:
        """Send more content."""

    def end(self, trailers: list[Field]) -> None:
        """The answer is complete."""

    def abort(self, code: Code) -> None:
        """The answer can't be completed: make sure that the caller can see it."""

    def pause_body(self) -> None:
        """The body's sink is full."""

    def resume_body(self) -> None:
        """The body's sink takes more."""


class Flow(Protocol):
    """What a caller that can't keep up needs of the connection that its answer comes from."""

    moved_at: float

    def pause(self) -> None:
        """Stop reading from the upstream."""

    def resume(self) -> None:
        """Read on."""


class Exchange:
    """One request and its response. Times in seconds of the monotonic clock, `began_at` of the wall clock."""

    key: Key | None = None
    key_id: str | None = None
    spent: Spent | None = None
    resolved: Resolved | None = None
    permit: Permit | None = None
    decision: Decision | None = None
    timeouts: Timeouts = Timeouts()
    attempts: int = 0
    address: str | None = None
    status: int = 0
    error: Code | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    head_at: float | None = None
    phase: str = "begin"
    phase_since: float = 0.0
    phase_limit: float | None = None
    ends_at: float | None = None
    is_stream: bool = False
    waits_to_continue: bool = False
    left_at: float | None = None
    has_own_deadline: bool = False
    is_recorded: bool = True
    source: "Flow | None" = None
    route: Route | None = None
    drive: Drive

    def __init__(
        self,
        identifier: str,
        head: RequestHead | None,
        snapshot: Snapshot,
        caller: Caller,
        started: float,
        began_at: float,
    ) -> None:
        self.id = identifier
        self.head = head
        self.snapshot = snapshot
        self.caller = caller
        self.started = started
        self.began_at = began_at

    def enter(self, phase: str, now: float, limit_s: float | None) -> None:
        """Begin to wait for something, for at most `limit_s` seconds."""
        self.phase = phase
        self.phase_since = now
        self.phase_limit = limit_s

    @property
    def moved_at(self) -> float:
        """When bytes last moved between the gateway and the upstream."""
        return 0.0 if self.source is None else self.source.moved_at

    @property
    def head_or_raise(self) -> RequestHead:
        """The request's head; only a request that couldn't be parsed has none, and that never reaches a phase."""
        assert self.head is not None  # noqa: S101 - see above
        return self.head

    @property
    def upstream(self) -> str | None:
        """The name of the upstream, once the request is known to go to one."""
        permit = self.permit
        return permit.upstream.name if permit is not None and permit.upstream is not None else None


class Identifiers:
    """Makes request identifiers: UUIDv7 (RFC 9562 §5.7), random bits taken from the system in large draws."""

    __slots__ = ("_at", "_pool")

    _DRAW = 4096
    _EACH = 10

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def next(self, now: float) -> str:
        """One identifier; `now` in seconds since the epoch."""
        if self._at >= len(self._pool):
            self._pool = os.urandom(self._DRAW * self._EACH).hex()
            self._at = 0
        bits = self._pool[self._at : self._at + 20]
        self._at += 20
        time = f"{int(now * 1000):012x}"
        variant = "89ab"[int(bits[0], 16) & 3]
        return f"{time[:8]}-{time[8:]}-7{bits[1:4]}-{variant}{bits[4:7]}-{bits[7:19]}"
