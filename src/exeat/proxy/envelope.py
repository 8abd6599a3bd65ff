"""The envelope's side of the pipeline: one request that carries calls, and an answer that carries their answers.

Each call becomes an exchange of its own, with its own record, and goes through the same phases as any other.
"""

from collections.abc import Callable

import orjson

from exeat.errors import Code, GatewayError
from exeat.model.key import Presented
from exeat.policy.authenticate import NOWHERE, in_native_place, present
from exeat.policy.envelope import Call, answer_of, failure_of, parse_envelope, render_answers
from exeat.policy.resolve import Resolved, by_name, by_url
from exeat.policy.signed_links import may_have_link
from exeat.proxy.answers import answer, fail
from exeat.proxy.by_link import without_link
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Answer, BodySink, Caller, Exchange, Flow
from exeat.proxy.gathering import Buffer
from exeat.proxy.record import render_cost
from exeat.proxy.runtime import Runtime
from exeat.proxy.timing import timing_of
from exeat.wire.fields import name_of
from exeat.wire.http1 import RequestHead, parse_request
from exeat.wire.target import parse_url

COLLECT_S = 300.0  # for the whole body: a drip now and then would last for days
_ENTITY = frozenset({b"content-type", b"cache-control", b"date"})
_JSON = [b"Content-Type: application/json\r\n", b"Cache-Control: no-store\r\n"]


async def call(exchange: Exchange, runtime: Runtime) -> None:
    """Serve one envelope or a batch of them; the calls of a batch run at once and are answered in order."""
    body = await _collect(exchange, runtime.limits.buffer_bytes)
    calls, batch = parse_envelope(body)
    exchange.is_recorded = False  # each call has its own record
    everything: Wait[None] = Wait()
    collectors: list[Collector] = []
    room = Room(runtime.limits.buffer_bytes)

    def one_finished() -> None:
        if all(collector.is_finished for collector in collectors):
            everything.set(None)

    collectors.extend(Collector(exchange, item, one_finished, room) for item in calls)
    for collector in collectors:
        collector.start(runtime)
    try:
        await everything
    except GatewayError:
        for collector in collectors:
            collector.interrupt()
        raise
    answers = [collector.answer(runtime.clock()) for collector in collectors]
    status, fields = 200, _JSON
    if not batch and "problem" in answers[0]:
        status, fields = collectors[0].status, [*_JSON, *collectors[0].failure_fields]
    answer(exchange, status, fields, render_answers(answers, batch=batch), runtime.date)


async def _collect(exchange: Exchange, limit: int) -> bytes:
    head = exchange.head_or_raise
    if not head.has_body:
        raise GatewayError(Code.ENVELOPE_INVALID, "The request has no body.")
    buffer = Buffer(limit, f"An envelope is at most {limit} bytes.")
    if head.length is not None and head.length > limit:
        raise buffer.too_large()
    if head.known.get(b"expect", b"").lower() == b"100-continue":
        exchange.waits_to_continue = True
        exchange.caller.interim(100, b"Continue", [])
    exchange.ends_at = exchange.started + COLLECT_S
    exchange.has_own_deadline = True
    exchange.caller.pump_body(buffer)
    body = await buffer.whole
    exchange.ends_at = None  # from here on, each call has its own
    return body


class Room:
    """How many bytes the answers to one envelope may hold, all of its calls together; a failure always has room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def take(self, content: bytes) -> bool:
        """Keep content; whether there is room for it."""
        if len(content) > self._left:
            return False
        self._left -= len(content)
        return True

    def give_back(self, parts: list[bytes]) -> None:
        """Content that isn't kept after all."""
        self._left += sum(map(len, parts))

    def full(self) -> GatewayError:
        """What it means that there is no room."""
        detail = f"The answers are larger than the {self._limit} bytes that an envelope may hold."
        return GatewayError(Code.BODY_TOO_LARGE, detail)


class Collector(Caller):
    """The Caller of one call: it holds the answer instead of sending it."""

    def __init__(self, outer: Exchange, item: Call, finished: Callable[[], None], room: "Room") -> None:
        self._room = room
        self._outer = outer
        self._call = item
        self._finished = finished
        self._exchange: Exchange | None = None
        self._answer: Answer | None = None
        self._parts: list[bytes] = []
        self.has_begun = False
        self.is_finished = False

    @property
    def gateway(self) -> bytes:
        """As the caller of the envelope addresses the gateway."""
        return self._outer.caller.gateway

    def start(self, runtime: Runtime) -> None:
        """Begin the call's exchange; what is wrong with the call itself is its failure, not the batch's."""
        item, outer = self._call, self._outer
        exchange = self._exchange = runtime.exchange(None, self)
        exchange.snapshot, exchange.key, exchange.key_id = outer.snapshot, outer.key, outer.key_id
        exchange.address, exchange.outer = outer.address, outer
        try:
            exchange.head = parse_request(_render(item), runtime.limits)
            if item.upstream is not None:
                exchange.resolved = by_name("envelope", item.upstream, item.path, item.query, outer.snapshot)
            else:
                target = parse_url(item.url or b"")
                exchange.resolved = by_url("envelope", target, outer.snapshot, b"/" + str(target.origin).encode())
            if may_have_link(exchange.resolved.query):  # the envelope's key counts
                exchange.resolved, _ = without_link(exchange.resolved)
            exchange.presented = _presented(exchange, exchange.head, exchange.resolved, outer.presented)
        except GatewayError as error:
            runtime.refuse(exchange, GatewayError(error.code, error.detail))
            self._end()
            return
        runtime.serve(exchange, self._end)

    def _end(self) -> None:
        self.is_finished = True
        self._finished()

    def interrupt(self) -> None:
        """The caller of the envelope is gone."""
        if self._exchange is not None and not self.is_finished:
            self._exchange.drive.interrupt(GatewayError(Code.CLIENT_CLOSED, "The caller closed the connection."))

    @property
    def status(self) -> int:
        """The status of the answer."""
        return 0 if self._answer is None else self._answer.status

    @property
    def failure_fields(self) -> list[bytes]:
        """The fields of a failure that say more than its content does: Exeat-Error, Proxy-Status and so on."""
        fields = [] if self._answer is None else self._answer.fields
        return [line for line in fields if name_of(line) not in _ENTITY]

    def answer(self, now: float) -> dict[str, object]:
        """The call's answer as JSON members."""
        exchange, got = self._exchange, self._answer
        assert exchange is not None  # noqa: S101 - it was started
        assert got is not None  # noqa: S101 - every exchange ends with an answer or a failure
        meta: dict[str, object] = {
            "request_id": exchange.id,
            "upstream": exchange.upstream,
            "attempts": len(exchange.attempts),
            "duration_ms": round((now - exchange.started) * 1000, 1),
            "origin": got.origin.decode(),
            "cost": None if exchange.cost is None else render_cost(*exchange.cost),
        }
        if exchange.is_debugged:
            meta["timing_ms"] = timing_of(exchange, now)
        body = b"".join(self._parts)
        if got.origin == b"upstream":
            return answer_of(got.status, got.fields, body, meta)
        return failure_of(orjson.loads(body), meta)

    # What the pipeline calls

    def pump_body(self, sink: BodySink) -> None:
        """The body is here whole."""
        if self._call.body:
            if self._exchange is not None:
                self._exchange.bytes_in = len(self._call.body)
                if self._exchange.capture is not None:
                    self._exchange.capture.request.take(self._call.body)
            sink.send_body(self._call.body)
        sink.end_body([])

    def interim(self, status: int, reason: bytes, fields: list[bytes]) -> None:
        """An envelope has no place for interim responses."""

    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None:  # noqa: ARG002 - nothing is framed here
        """Keep the head and the first content; GatewayError if there is no room for it."""
        self._room.give_back(self._parts)
        self._parts = []
        is_of_upstream = answer.origin == b"upstream"
        if is_of_upstream and not self._room.take(content):
            raise self._room.full()
        self.has_begun = is_of_upstream
        self._answer = answer
        if content:
            self._parts.append(content)
        if self._exchange is not None:
            self._exchange.status = answer.status
            self._exchange.bytes_out = len(content)
            if is_of_upstream:
                self._exchange.look_at(content)

    def attach(self, source: Flow) -> None:
        """Memory is bounded by the limit of an envelope, so nothing is paused."""
        if self._exchange is not None:
            self._exchange.source = source

    def content(self, content: bytes, *, last: bool) -> None:  # noqa: ARG002 - nothing is sent here
        """Keep content; too much of it fails the call."""
        exchange = self._exchange
        if exchange is None or not content:
            return
        exchange.bytes_out += len(content)
        exchange.look_at(content)
        if self._room.take(content):
            self._parts.append(content)
        else:
            self.has_begun = False
            exchange.drive.interrupt(self._room.full())

    def end(self, trailers: list[bytes]) -> None:
        """The answer is complete."""

    def abort(self, code: Code) -> None:
        """The answer broke off: the call has failed."""
        self.has_begun = False
        error = GatewayError(code, "The upstream's answer ended in the middle.")
        if self._exchange is not None:
            fail(self._exchange, error, b"")

    def pause_body(self) -> None:
        """The whole body was given already."""

    def resume_body(self) -> None:
        """The whole body was given already."""


def _presented(exchange: Exchange, head: RequestHead, resolved: Resolved, outer: Presented | None) -> Presented:
    """The envelope's key as it stands in the call itself: taken out if it is there again, refused if it is another."""
    assert outer is not None  # noqa: S101 - the envelope's own key was recognised
    slot, prefix, parameter, elsewhere = None, b"", None, NOWHERE
    if resolved.upstreams:
        credential = resolved.upstreams[0].credential
        slot, prefix, parameter = credential.slot, credential.prefix, credential.parameter
        if credential.cookies or credential.segment is not None:
            elsewhere, path = in_native_place(head, resolved.path, resolved.bases, credential)
            exchange.resolved = resolved.at(path)
    try:
        found = present(head, slot, parameter, resolved.query, elsewhere, prefix)
    except GatewayError as error:
        if error.code != Code.KEY_MISSING:
            raise
        return Presented(outer.key, frozenset(), None)
    if found.key != outer.key:
        raise GatewayError(Code.KEY_MALFORMED, "Two different Exeat keys were sent.")
    return found


def _render(item: Call) -> bytes:
    """The call as the head of a request, so that one parser judges it like any other."""
    lines = [b"%b / HTTP/1.1\r\nHost: envelope\r\n" % item.method, *item.fields]
    if item.body is not None:
        lines.append(b"Content-Length: %d\r\n" % len(item.body))
    if item.timeout_s is not None:
        lines.append(b"Exeat-Timeout: %.3f\r\n" % max(item.timeout_s, 0.001))
    return b"".join(lines).removesuffix(b"\r\n")
