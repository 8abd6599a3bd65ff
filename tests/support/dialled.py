"""A gateway in memory whose every dial is seen: names resolve to what the test says, and nothing leaves the process."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from exeat.model.snapshot import Snapshot
from exeat.proxy.names import Answer, Lookup
from tests.support.gateway import MadeKey
from tests.support.in_process import LocalGateway, compile_document
from tests.support.messages import Message
from tests.support.transports import MemoryLoop, MemoryTransport, RecordingLoop

HANDSHAKE = b"\x16"  # the first byte of a TLS record that begins a connection (RFC 8446 §5.1)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POLL_S = 0.001
TTL_S = 60.0


@dataclass
class StubNames:
    """Name servers: each name's answers in order, the last one again and again. `asked` are all questions."""

    answers: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    is_silent: bool = False
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> Answer:
        """The next answer for a name."""
        place = self.asked.count(host)
        self.asked.append(host)
        if self.is_silent:
            await asyncio.get_running_loop().create_future()
        if host not in self.answers:
            raise LookupError("there is no such name")
        answers = self.answers[host]
        return Answer(tuple(answers[min(place, len(answers) - 1)]), TTL_S)


class Asked(NamedTuple):
    """What came of one request: its answer, and what was dialled for it, with the bytes that were sent there."""

    answer: Message
    dialled: list[tuple[str, int]]
    sent: list[bytes]
    lines: list[dict[str, object]]

    @property
    def outcome(self) -> tuple[int, str | None]:
        """Status and code of the answer; of an envelope those inside."""
        error = self.answer.value(b"exeat-error")
        if error is None and b'"ok":' in self.answer.body:
            inner = json.loads(self.answer.body)
            inner = inner[0] if isinstance(inner, list) else inner  # a batch of one
            return inner["status"], inner.get("problem", {}).get("code")
        return self.answer.status, None if error is None else error.decode()


class Watched:
    """The gateway, for the length of an `async with`: plaintext upstreams answer 200, TLS ones drop the connection.

    It serves a snapshot, or a document that is compiled in `folder`.
    """

    def __init__(
        self,
        document: Mapping[str, object] | Snapshot,
        folder: Path | None,
        names: Lookup,
        own: Sequence[tuple[str, int]] = (),
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MemoryLoop | RecordingLoop)
        self.network = loop.network
        if not isinstance(document, Snapshot):
            assert folder is not None
            document = compile_document(document, folder)
        self.gateway = LocalGateway(document, lookup=names, own=own, in_memory=True)
        self.answer = OK
        self._answered: set[MemoryTransport] = set()

    async def __aenter__(self) -> Self:
        await self.gateway.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.gateway.__aexit__(kind, error, trace)

    async def ask(self, request: bytes) -> Asked:
        """Send one request over a connection of its own."""
        dialled, seen = len(self.network.dialled), len(self.network.connections)
        lines = len(self.gateway.lines)
        caller = await self.gateway.caller([request.partition(b" ")[0]])
        caller.transport.write(request)
        while not caller.finals and not caller.is_over:
            self._answer_connections()
            await asyncio.sleep(POLL_S)
        assert caller.fault is None, caller.fault
        assert len(caller.finals) == 1
        caller.abort()
        await self.gateway.settle()
        return Asked(
            caller.finals[0],
            self.network.dialled[dialled:],
            [connection.sent for connection in self.network.connections[seen:]],
            self.gateway.lines[lines:],
        )

    def _answer_connections(self) -> None:
        for connection in self.network.connections:
            if connection in self._answered:
                continue
            if connection.sent.startswith(HANDSHAKE):
                self._answered.add(connection)
                connection.lose(ConnectionResetError(104, "Connection reset by peer"))
            elif b"\r\n\r\n" in connection.sent:
                self._answered.add(connection)
                connection.deliver(self.answer)

    def drop_connections(self) -> None:
        """Have every upstream close: the next request has to dial."""
        for connection in self.network.connections:
            connection.lose(None)


def consumer(key: MadeKey, *grants: object) -> dict[str, object]:
    """The one consumer of a document, with these grants or with everything."""
    return {"caller": {"keys": [{"sha256": key.sha256}], "grants": list(grants or ("*",))}}
