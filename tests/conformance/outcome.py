"""What comes of one case of http1.yaml, as both ends of the gateway and its access log see it."""

import asyncio
import re
from dataclasses import dataclass

from exeat.model.limits import DEFAULT, Limits
from exeat.model.snapshot import Snapshot
from tests.support.capture import Capture, Connection, Script
from tests.support.cases import Exchanged
from tests.support.in_process import LIMIT_S, Caller, LocalGateway
from tests.support.messages import Message
from tests.support.slices import Slice, send, whole

PSEUDONYM = b"exeat-of-this-test"
CANARY = b"/SMUG"
EARLY_BODY_BYTES = 1024 * 1024
HEAD_S = 0.3  # where a head is sent in drips
NEXT = b"GET /s/next HTTP/1.1\r\nHost: gw.test\r\n%AUTH%\r\n"
# These end with the gateway closing the connection; after all others the caller ends it, once it has its answers.
CLOSED_BY_GATEWAY = frozenset(
    {"reject", "forward_close", "reject_or_split", "no_body_then_garbage", "timeout", "incomplete", "reject_or_te_wins"}
)


@dataclass
class Outcome:
    """One run of one case.

    `answers` are the caller's, interim ones included; `partial` and `rest` what it got of an answer that broke off.
    `connections` are those over which the upstream received something, `kept` those that the gateway kept for the next
    request, `lines` the access log.
    """

    case: Exchanged
    answers: list[Message]
    partial: Message | None
    rest: bytes
    received: bytes
    was_closed: bool
    connections: list[Connection]
    kept: list[Connection]
    lines: list[dict[str, object]]
    continued_s: float | None = None

    @property
    def finals(self) -> list[Message]:
        """The final answers that came whole."""
        return [answer for answer in self.answers if answer.status >= 200 and answer.is_whole]

    @property
    def statuses(self) -> list[int]:
        """Their statuses."""
        return [answer.status for answer in self.finals]

    @property
    def calls(self) -> list[Message]:
        """The requests that the upstream received whole."""
        return [message for connection in self.connections for message in connection.messages]

    @property
    def sent(self) -> bytes:
        """Every byte that reached the upstream."""
        return b"".join(bytes(connection.received) for connection in self.connections)

    @property
    def essence(self) -> object:
        """What must be the same however the case was cut: everything but times, identifiers and the cuts of chunks."""
        return (
            [(answer.start, _without_marks(answer.fields), _content(answer)) for answer in self.answers],
            self.was_closed,
            [(call.start, call.fields, call.body, call.trailers) for call in self.calls],
            [(line["status"], line.get("error"), line.get("method"), line.get("path")) for line in self.lines],
        )


def _without_marks(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [field for field in fields if field[0].lower() not in {b"date", b"exeat-request-id", b"content-length"}]


def _content(answer: Message) -> object:
    """The body; of a problem only its code, for its detail names the first thing that was found wrong."""
    return answer.body if answer.value(b"exeat-origin") == b"upstream" else answer.value(b"exeat-error")


class Stage:
    """Where cases are run: a gateway in front of the capture upstream, made anew for each run."""

    def __init__(self, snapshot: Snapshot, capture: Capture, key: bytes) -> None:
        self._snapshot = snapshot
        self._capture = capture
        self._key = key

    def filled(self, raw: bytes) -> bytes:
        """A case's bytes with the caller's key and the gateway's Via pseudonym in them."""
        return raw.replace(b"%AUTH%", b"Exeat-Key: " + self._key + b"\r\n").replace(b"%VIA%", PSEUDONYM)

    async def run(self, case: Exchanged, cut: Slice, *, is_kept: bool = False) -> Outcome:
        """Run one case, its bytes cut in one way; asserts that nothing is left open and no fault was logged.

        With `is_kept` a connection to the upstream is there before the case begins, kept from another request.
        """
        capture = self._capture
        limits = Limits(head_s=HEAD_S) if "drip_s" in case.send else DEFAULT
        if not case.is_request:
            capture.script = Script(case.raw, cut, close=case.close, early=case.early)
        raw = self.filled(case.raw) if case.is_request else self._request(case)
        async with (
            asyncio.timeout(LIMIT_S),
            capture,
            LocalGateway(self._snapshot, pseudonym=PSEUDONYM, limits=limits) as gateway,
        ):
            if is_kept:
                await self._leave_connection(gateway)
            first_line = len(gateway.lines)
            caller = await gateway.caller(methods_of(raw))
            try:
                continued_s = await self._talk(case, raw, cut if case.is_request else whole, caller)
                await caller.over()
            finally:
                caller.abort()
            await gateway.settle()
            await capture.changes.until(lambda: len(capture.open) <= gateway.idle)
            kept, lines = capture.open, gateway.lines[first_line:]
        assert caller.fault is None, f"to the caller: {caller.fault}"
        assert [connection.fault for connection in capture.connections if connection.fault] == []
        return Outcome(
            case,
            caller.messages,
            caller.partial,
            caller.rest,
            bytes(caller.received),
            caller.was_closed_by_gateway,
            [connection for connection in capture.connections if connection.received],
            kept,
            lines,
            continued_s,
        )

    async def _leave_connection(self, gateway: LocalGateway) -> None:
        caller = await gateway.caller()
        await send(caller.transport, [self.filled(NEXT)])
        await caller.changes.until(lambda: bool(caller.finals))
        caller.abort()
        await gateway.settle()
        assert gateway.idle == 1
        self._capture.connections[0].forget()

    def _request(self, case: Exchanged) -> bytes:
        """The request that a case's response answers."""
        start = self.filled(case.method + b" /s/a HTTP/1.1\r\nHost: gw.test\r\n%AUTH%")
        if case.method != b"POST":
            return start + b"\r\n"
        return start + b"Content-Length: %d\r\n\r\n" % EARLY_BODY_BYTES + b"b" * EARLY_BODY_BYTES

    async def _talk(self, case: Exchanged, raw: bytes, cut: Slice, caller: Caller) -> float | None:
        """The caller's side of the conversation, to the point where the gateway has nothing more to say."""
        if "drip_s" in case.send:
            await _drip(raw, caller)
            return None
        await send(caller.transport, cut(raw))
        continued_s = None
        if "then" in case.send:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await caller.changes.until(lambda: bool(caller.messages) or caller.is_over)
            continued_s = loop.time() - began
            await send(caller.transport, cut(str(case.send["then"]).encode()))
        if case.send.get("half_close"):
            caller.end()
        elif case.kind not in CLOSED_BY_GATEWAY and case.policy != "reject":
            await self._finish(case, caller)
        return continued_s

    async def _finish(self, case: Exchanged, caller: Caller) -> None:
        """Wait for the answers, ask once more where the case says so, and end."""
        count = case.expect.get("n", 1)
        assert isinstance(count, int)
        await caller.changes.until(lambda: len(caller.finals) >= count or caller.is_over)
        if not case.is_request:
            await self._capture.changes.until(lambda: self._capture.has_played)
        if case.follow:
            first = self._capture.connections[0]
            await self._capture.changes.until(lambda: first.is_lost)
            await send(caller.transport, [self.filled(NEXT)])
            await caller.changes.until(lambda: len(caller.finals) > count or caller.is_over)
        if not caller.is_over and caller.finals[-1].value(b"connection") == b"close":
            await caller.over()
        caller.end()


async def _drip(raw: bytes, caller: Caller) -> None:
    """One byte at a time, slowly but without a pause that would look like an end."""
    for place in range(len(raw)):
        if caller.is_over:
            return
        await send(caller.transport, [raw[place : place + 1]])
        await asyncio.sleep(0.02)


def methods_of(raw: bytes) -> list[bytes]:
    """The methods of the requests in a caller's bytes, as far as they can be told."""
    return re.findall(rb"(?:^|\n)([A-Za-z]+) +[^ \r\n]+ +HTTP/", raw)
