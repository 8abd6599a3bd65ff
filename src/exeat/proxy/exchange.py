"""Everything known about one request while it is served: the one mutable thing of a request."""

import os
import random
from abc import ABC, abstractmethod
from typing import Final, Protocol, final

from exeat.errors import Code
from exeat.model.consumer import Key
from exeat.model.credential import Injection
from exeat.model.decision import Decision
from exeat.model.key import Presented
from exeat.model.limit import SECOND_NS
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Endpoint, Route, Timeouts
from exeat.policy.authorize import Permit
from exeat.policy.resolve import Resolved
from exeat.policy.sign.aws_chunks import Resigner, Seed
from exeat.proxy.bill import Bill
from exeat.proxy.capture import Capture
from exeat.proxy.drive import Drive
from exeat.proxy.members import Shown
from exeat.proxy.tiers import EndpointState
from exeat.proxy.trace import Trace
from exeat.state.cells import Claims
from exeat.wire.http1 import RequestHead


@final
class Answer:
    """The head of an answer before it is framed for one caller.

    `length` None and not `chunked` is a body that ends with its connection. `origin` says who made the answer.
    """

    __slots__ = ("chunked", "fields", "length", "origin", "reason", "status")

    def __init__(
        self, status: int, reason: bytes, fields: list[bytes], length: int | None, *, chunked: bool, origin: bytes
    ) -> None:
        self.status: Final = status
        self.reason: Final = reason
        self.fields: Final = fields
        self.length: Final = length
        self.chunked: Final = chunked
        self.origin: Final = origin


@final
class Attempt:
    """One try at one endpoint. Times are of the monotonic clock; `address` is where the connection goes.

    `retry` is why another one followed it, or not; None where nothing had failed.
    """

    __slots__ = ("address", "began", "endpoint", "error", "failed_at", "head_at", "is_reused", "retry", "status")

    def __init__(self, endpoint: Endpoint, began: float) -> None:
        self.endpoint: Final = endpoint
        self.began: Final = began
        self.address: str | None = None
        self.status: int | None = None
        self.error: Code | None = None
        self.head_at: float | None = None
        self.failed_at: float | None = None
        self.retry: str | None = None
        self.is_reused = False  # the connection had served another request before


class BodySink(Protocol):
    """Where a request's body goes: an upstream connection, or a buffer."""

    def send_body(self, content: bytes) -> None:
        """Take the next bytes of content."""

    def end_body(self, trailers: list[bytes]) -> None:
        """The body is complete."""


class KeptBody(Protocol):
    """A request's body that is kept while it is sent, so that another attempt can send it again."""

    is_whole: bool

    def leave(self) -> None:
        """The attempt has failed, and another one is to follow."""

    def go_to(self, connection: BodySink) -> None:
        """Send everything so far on another connection, and the rest as it comes."""

    def forget(self) -> None:
        """There will be no other attempt."""


class Caller(ABC):
    """The side that an answer goes to: a downstream connection, or the collector of an envelope."""

    has_begun: bool = False

    @property
    @abstractmethod
    def gateway(self) -> bytes:
        """`scheme://host[:port]` as the caller addresses the gateway."""

    @abstractmethod
    def pump_body(self, sink: BodySink) -> None:
        """Send the request's body to `sink`, now and as it arrives."""

    @abstractmethod
    def interim(self, status: int, reason: bytes, fields: list[bytes]) -> None:
        """Pass on an interim response (1xx)."""

    @abstractmethod
    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None:
        """Send the head of the answer and the first content."""

    @abstractmethod
    def attach(self, source: "Flow") -> None:
        """The rest of the answer comes from `source`, which is to be paused where the caller can't keep up."""

    @abstractmethod
    def content(self, content: bytes, *, last: bool) -> None:
        """Send more content; `last` says that `end` follows at once."""

    @abstractmethod
    def end(self, trailers: list[bytes]) -> None:
        """The answer is complete."""

    @abstractmethod
    def abort(self, code: Code) -> None:
        """The answer can't be completed: make sure that the caller can see it."""

    @abstractmethod
    def pause_body(self) -> None:
        """The body's sink is full."""

    @abstractmethod
    def resume_body(self) -> None:
        """The body's sink takes more."""


class Flow(Protocol):
    """What a caller that can't keep up needs of the connection that its answer comes from."""

    moved_at: float

    def pause(self) -> None:
        """Stop reading from the upstream."""

    def resume(self) -> None:
        """Read on."""


DEFAULTS = Timeouts()


@final
class Exchange:
    """One request and its response.

    Times are seconds of the monotonic clock; `began_at` is of the wall clock. What most exchanges never set is a
    default of the class, so that beginning one costs little.
    """

    id: str
    started: float
    began_at: float
    head: RequestHead | None
    snapshot: Snapshot
    caller: Caller
    key: Key | None = None
    key_id: str | None = None
    presented: Presented | None = None
    resolved: Resolved | None = None
    asked: Resolved | None = None  # where redirects were followed: what `resolved` was at first
    permit: Permit | None = None
    decision: Decision | None = None
    timeouts: Timeouts = DEFAULTS
    attempts: list[Attempt]
    intent: bytes | None = None  # what the journal knows while it is under way
    time: str | None = None  # when it began, as it is recorded
    path: str | None = None  # as it is recorded
    query: str | None = None
    capture: Capture | None = None
    claims: Claims | None = None  # what it has spent, until that is settled
    claimed_at: int = 0  # monotonic ns
    told: Claims | None = None  # what its caller is told of
    bill: Bill | None = None
    cost: tuple[int, str] | None = None  # billionths of a currency's unit
    was_sent: bool = False  # any of it
    chosen: EndpointState | None = None  # the endpoint of the attempt that is under way
    replay: KeptBody | None  # where its body is kept
    gathered: bytes | None = None  # its body, where that was needed whole before anything could leave
    seed: Seed | None = None  # what the signatures of its body's chunks follow
    resigner: Resigner | None = None  # what signs those chunks for the upstream
    presenting: Injection | None = None  # the credential that takes a step of its own for each call
    shown: Injection | None = None  # what was shown of it last
    member: Shown | None = None  # the one that was chosen, where there are several
    was_renewed: bool = False  # a token was refused, and the call repeated with another
    address: str = ""
    status: int = 0
    error: Code | None = None
    closes: bool = False
    bytes_in: int = 0
    bytes_out: int = 0
    head_at: float | None = None
    phase: str = "begin"
    phase_since: float = 0.0
    phase_limit: float | None = None
    ends_at: float | None = None
    has_own_deadline: bool = False
    is_stream: bool = False
    waits_to_continue: bool = False
    left_at: float | None = None
    is_recorded: bool = True
    is_by_link: bool = False  # a link was shown instead of a key
    is_debugged: bool = False  # its caller is told how long its phases take
    outer: "Exchange | None" = None  # the envelope that it is a call of
    trace: Trace | None = None
    moments: list[tuple[str, float]] | None = None  # when each phase began, where somebody wants to know
    source: Flow | None
    route: Route | None = None
    drive: Drive

    def __init__(self, head: RequestHead | None, snapshot: Snapshot, caller: Caller) -> None:
        self.head = head
        self.snapshot = snapshot
        self.caller = caller
        self.source = None
        self.replay = None
        self.attempts = []

    def enter(self, phase: str, now: float, limit_s: float | None) -> None:
        """Begin to wait for something, for at most `limit_s` seconds."""
        self.phase = phase
        self.phase_since = now
        self.phase_limit = limit_s
        if self.moments is not None:
            self.moments.append((phase, now))

    def look_at(self, content: bytes) -> None:
        """Look at content of the upstream's answer that passes by: some may be kept, some may say what it costs."""
        if self.capture is not None:
            self.capture.response.take(content)
        if self.bill is not None:
            self.bill.take(content)

    def wall_at(self, now: int) -> int:
        """The wall clock (ns since the epoch) at `now`, which is ns of the monotonic one."""
        return int(self.began_at * SECOND_NS) + now - int(self.started * SECOND_NS)

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
    def needles(self) -> tuple[Secret, ...]:
        """The spellings of what the upstream was shown, which nobody else may see."""
        if self.shown is not None:
            return self.shown.needles
        upstream = None if self.permit is None else self.permit.upstream
        return () if upstream is None else upstream.credential.needles

    @property
    def upstream(self) -> str | None:
        """The name of the upstream that the request is for; a stranger isn't told whether it exists."""
        permit, resolved = self.permit, self.resolved
        if permit is not None:
            upstream = permit.upstream
            return None if upstream is None else upstream.name
        return resolved.upstreams[0].name if resolved is not None and resolved.upstreams and self.key else None


@final
class Identifiers:
    """Makes request identifiers: UUIDv7 (RFC 9562 §5.7). They tell requests apart and aren't secret.

    Those of one millisecond begin with the same random bits, and differ in 48 others.
    """

    __slots__ = ("_bits", "_millisecond", "_start")

    def __init__(self) -> None:
        self._bits = random.Random(os.urandom(32)).getrandbits  # noqa: S311 - not a secret
        self._millisecond = -1
        self._start = ""

    def next(self, now: float) -> str:
        """One identifier; `now` in seconds since the epoch."""
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            digits, bits = f"{millisecond:012x}", self._bits(26)
            self._start = f"{digits[:8]}-{digits[8:]}-7{bits >> 14:03x}-{0x8000 | bits & 0x3FFF:04x}-"
        return self._start + self._bits(48).to_bytes(6, "big").hex()
