"""Traffic through a gateway in memory: what a caller's bytes ask for, and what became of them on both sides.

What is asked is decided by the readers of `exeat.wire` from the whole stream at once, in a dozen lines; the gateway has
to come to the same by way of connections, slices, pools and pipelines.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from exeat.errors import GatewayError
from exeat.model.limits import DEFAULT
from exeat.wire.body import reader_of
from exeat.wire.fields import split_field
from exeat.wire.http1 import RequestHead, check_partial, parse_request
from tests.support.messages import Field, Message, Reader
from tests.support.playbook import Stage
from tests.support.transports import MemoryTransport
from tests.wire.chunked import take

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WRITTEN_HERE = frozenset(
    {b"host", b"authorization", b"content-length", b"transfer-encoding", b"te", b"connection", b"expect"}
)
_EMPTY_LINES = re.compile(rb"(?:\r\n)*")

# How a stream ends: nothing is left; a request is refused, in its head or in its body; one isn't whole; or the
# connection was to be closed after the last one.
End = Literal["open", "refused", "refused body", "incomplete", "incomplete body", "closes"]


@dataclass(frozen=True)
class Asked:
    """One request: method, target, the fields that go upstream, the body (None: it has no end) and its trailers."""

    method: bytes
    target: bytes
    fields: list[Field]
    body: bytes | None
    trailers: list[Field] = field(default_factory=list)


def decide(raw: bytes) -> tuple[list[Asked], End]:
    """The requests in a caller's bytes, and how they end."""
    asked: list[Asked] = []
    while raw := raw[_EMPTY_LINES.match(raw).end() :]:  # type: ignore[union-attr]  # it matches anything
        end = raw.find(b"\r\n\r\n")
        try:
            if not 0 <= end <= DEFAULT.head_bytes:
                check_partial(raw)
                return asked, "incomplete"
            head = parse_request(raw[:end])
        except GatewayError:
            return asked, "refused"
        one, raw, ending = _with_body(head, raw[end + 4 :])
        asked.append(one)
        if ending is not None:
            return asked, ending
    return asked, "open"


def _with_body(head: RequestHead, raw: bytes) -> tuple[Asked, bytes, End | None]:
    fields = [split_field(line) for line in head.fields if line]
    reader = reader_of(head.length, chunked=head.chunked)
    try:
        content = take(reader, raw)
    except GatewayError:
        return Asked(head.method, head.target, fields, None), b"", "refused body"
    if not reader.done:
        return Asked(head.method, head.target, fields, None), b"", "incomplete body"
    one = Asked(head.method, head.target, fields, content, [split_field(line) for line in reader.trailers])
    options = [option.strip() for option in head.known.get(b"connection", b"").lower().split(b",")]
    return one, reader.rest, "closes" if b"close" in options or not head.is_1_1 else None


class Upstreams:
    """What the gateway dials: it reads strictly, and answers every request that came whole with 200 `ok`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._readers: list[Reader] = []
        self._read: list[int] = []
        self._answered: list[int] = []
        self._continued: list[int] = []
        self.calls: list[Message] = []

    def answer(self) -> None:
        """Read what has come and answer it, until nothing more comes."""
        while any([self._answer(place) for place in range(len(self._stage.loop.network.connections))]):  # noqa: C419
            pass

    def _answer(self, place: int) -> bool:
        transport = self._stage.loop.network.connections[place]
        if place == len(self._readers):
            self._readers.append(Reader("request"))
            for counts in (self._read, self._answered, self._continued):
                counts.append(0)
        reader = self._readers[place]
        new = transport.sent[self._read[place] :]
        self._read[place] = len(transport.sent)
        reader.feed(new)
        while self._answered[place] < len(reader.whole):
            call = reader.whole[self._answered[place]]
            self._answered[place] += 1
            self.calls.append(call)
            self._stage.loop.do(transport.deliver, OK + (b"" if call.method == b"HEAD" else b"ok"))
        self._continue(place, transport)
        return bool(new)

    def _continue(self, place: int, transport: MemoryTransport) -> None:
        partial = self._readers[place].partial
        if partial is not None and partial.value(b"expect") and self._continued[place] == self._answered[place]:
            self._continued[place] += 1
            self._stage.loop.do(transport.deliver, CONTINUE)

    @property
    def unfinished(self) -> list[Message]:
        """The requests whose head came and whose body didn't come whole."""
        return [reader.partial for reader in self._readers if reader.partial is not None]

    @property
    def rest(self) -> bytes:
        """What came and is no head."""
        return b"".join(reader.rest for reader in self._readers)


@dataclass
class Served:
    """What became of a stream: `was_closed` is by the gateway; `lines` are the access lines."""

    finals: list[Message]
    calls: list[Message]
    unfinished: list[Message]
    rest: bytes
    was_closed: bool
    lines: int

    @property
    def essence(self) -> tuple[object, object, bool]:
        """What must be the same however the stream was cut."""
        return (
            [(final.status, final.value(b"exeat-origin"), final.value(b"connection")) for final in self.finals],
            [(call.start, call.fields, call.body, call.trailers) for call in self.calls],
            self.was_closed,
        )


def serve(stage: Stage, pieces: Iterable[bytes], methods: Iterable[bytes]) -> Served:
    """Send pieces from one caller, whose requests have these methods; then the caller goes."""
    caller, upstreams = stage.caller(), Upstreams(stage)
    for piece in pieces:
        caller.sends(piece)
        upstreams.answer()
    reader = Reader("response", methods)
    reader.feed(caller.takes_raw())
    was_closed = not caller.is_open
    caller.vanishes()
    upstreams.answer()
    assert reader.rest == b""
    assert reader.partial is None
    return Served(
        [answer for answer in reader.whole if answer.status >= 200],
        upstreams.calls,
        upstreams.unfinished,
        upstreams.rest,
        was_closed,
        len(stage.records),
    )


def check(asked: list[Asked], end: End, served: Served) -> None:
    """What is asked is what was done: each request answered once and in order, forwarded as itself or not at all."""
    answered = asked if end in {"open", "refused", "incomplete", "closes"} else asked[:-1]
    finals = served.finals
    closing = [place for place, final in enumerate(finals) if final.value(b"connection") == b"close"]
    assert closing in ([], [len(finals) - 1]), "something was answered after Connection: close"
    assert served.was_closed is bool(closing)
    if end in {"refused", "refused body"} and len(finals) == len(answered) + 1:
        assert finals[-1].status in {400, 413, 414, 431}
        assert finals[-1].value(b"exeat-origin") == b"gateway"
        assert closing
    elif len(finals) < len(answered):
        assert closing, "a request was never answered"
    elif end == "closes":
        assert closing
    elif end != "incomplete body":  # such a request may be answered before its body is whole
        assert len(finals) == len(answered)
    forwarded = [one for one, final in zip(asked, finals, strict=False) if final.value(b"exeat-origin") == b"upstream"]
    assert len(served.calls) == len(forwarded)
    for one, call in zip(forwarded, served.calls, strict=True):
        check_call(one, call)
    assert served.rest == b""
    assert len(served.unfinished) <= (end in {"refused body", "incomplete body"})
    assert served.lines == len(finals) + (end == "incomplete body" and len(finals) == len(answered) and not closing)


def check_call(one: Asked, call: Message) -> None:
    """The upstream received what was asked: same method, path, query, fields in their order, body and trailers."""
    assert call.method == one.method
    assert call.target == target_of(one.target)
    assert [pair for pair in call.fields if pair[0].lower() not in WRITTEN_HERE] == one.fields
    assert (call.body, call.trailers) == (one.body, one.trailers)


def target_of(target: bytes) -> bytes:
    """What the upstream `api` is asked for where the gateway is asked for this."""
    rest = target.removeprefix(b"/api")
    return rest if rest.startswith(b"/") else b"/" + rest
