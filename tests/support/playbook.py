"""Conversations: a test is the dialogue of a caller, the gateway and an upstream, as bytes on connections in memory.

Rule 1: a line that a party `says` or `hears` ends with CRLF, and an empty line follows the last; `body` comes after it.
Rule 2: a conversation is held whole, byte by byte, and with messages cut in two at every place: nothing may change.
Rule 3: what differs from run to run is left out of what is heard: Exeat-Request-Id, the gateway's own Date, and how a
chunked body is cut into chunks (it is shown as one).
Rule 4: time passes only where the dialogue says so.
"""

import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import orjson

from exeat.journal.writer import Journal
from exeat.model.limits import DEFAULT, Limits
from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.ledger import Ledger
from exeat.proxy.names import Answer, Names
from exeat.proxy.worker import Worker
from exeat.telemetry.access_log import Members
from exeat.telemetry.lines import Lines
from exeat.telemetry.logs import Log
from tests.support.transports import MemoryLoop, MemoryTransport
from tests.support.values import KEY, endpoint, snapshot, upstream

Cut = Callable[[bytes], Iterable[bytes]]
Play = Callable[["Stage"], None]

KEYED = f"Exeat-Key: {KEY.decode()}"
CREDENTIAL = "Authorization: Bearer upstream-secret"
UPSTREAM = "Exeat-Origin: upstream"
GATEWAY = "Exeat-Origin: gateway"
CHUNKED = "Transfer-Encoding: chunked"
ADDRESS = "93.184.216.34"
BEGAN = 1767225600.0  # 2026-01-01: the gateway's own dates are known by it
CUTS_LIMIT = 400  # a longer message is cut in two at this many places, evenly
_MADE_HERE = re.compile(rb"Exeat-Request-Id: [0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n")
_DATED_HERE = re.compile(rb"Date: \w{3}, \d\d \w{3} 2026 [\d:]{8} GMT\r\n")
_CHUNKED_HEAD = re.compile(rb"Transfer-Encoding: chunked\r\n(?:[^\r\n]+\r\n)*\r\n")
_CHUNK_LINE = re.compile(rb"([0-9a-f]+)\r\n")


def whole(data: bytes) -> list[bytes]:
    """All at once."""
    return [data] if data else []


def bytewise(data: bytes) -> list[bytes]:
    """Byte by byte."""
    return [data[place : place + 1] for place in range(len(data))]


def cut_at(place: int, of: int) -> Cut:
    """In two: at `place` of a message of `of` bytes, and at the same share of longer ones."""

    def cut(data: bytes) -> list[bytes]:
        at = place if len(data) <= CUTS_LIMIT else place * len(data) // of
        return [piece for piece in (data[:at], data[at:]) if piece]

    return cut


def message(*lines: str, body: bytes | str = b"") -> bytes:
    """A message from its lines and its body."""
    content = body.encode() if isinstance(body, str) else body
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + content


def chunks(*contents: str, trailers: tuple[str, ...] = ()) -> str:
    """A chunked body."""
    return (
        "".join(f"{len(text):x}\r\n{text}\r\n" for text in contents)
        + "0\r\n"
        + "".join(f"{line}\r\n" for line in trailers)
        + "\r\n"
    )


class Party:
    """One side of the dialogue: the far end of one of the gateway's connections."""

    def __init__(self, stage: "Stage", transport: MemoryTransport, name: str) -> None:
        self._stage = stage
        self._transport = transport
        self._name = name
        self._taken = 0

    def says(self, *lines: str, body: bytes | str = b"") -> None:
        """Send a message."""
        self.sends(message(*lines, body=body))

    def sends(self, data: bytes | str) -> None:
        """Send bytes as they are, cut as this run of the conversation cuts them."""
        raw = data.encode("latin-1") if isinstance(data, str) else data
        self._stage.longest = max(self._stage.longest, len(raw))
        for piece in self._stage.cut(raw):
            self._stage.loop.do(self._transport.deliver, piece)

    def finishes(self) -> None:
        """Send nothing more (FIN)."""
        self._stage.loop.do(self._transport.deliver, None)

    def vanishes(self) -> None:
        """The connection is gone (RST)."""
        self.breaks(ConnectionResetError(104, "Connection reset by peer"))

    def breaks(self, error: Exception) -> None:
        """The connection is gone, with an error."""
        self._stage.loop.do(self._transport.lose, error)

    def stops_reading(self) -> None:
        """Read nothing for now."""
        self._transport.stalled = True

    def reads_on(self) -> None:
        """Read again."""
        self._stage.loop.do(self._transport.read_on)

    def is_held_back(self) -> bool:
        """Whether the gateway has stopped reading from this party."""
        return self._transport.is_paused

    def takes(self) -> bytes:
        """What has arrived since it was last looked at, as rule 3 shows it."""
        return _with_one_chunk(_DATED_HERE.sub(b"", _MADE_HERE.sub(b"", self.takes_raw())))

    def takes_raw(self) -> bytes:
        """What has arrived since it was last looked at, as it is."""
        new = self._transport.sent[self._taken :]
        self._taken = len(self._transport.sent)
        return new

    def hears(self, *lines: str, body: bytes | str = b"", then: bytes | str = b"") -> None:
        """Exactly this message has arrived; `then` are bytes of the next one."""
        rest = then.encode("latin-1") if isinstance(then, str) else then
        self._compare(message(*lines, body=body) + rest)

    def hears_bytes(self, expected: bytes | str) -> None:
        """Exactly these bytes have arrived."""
        self._compare(expected.encode("latin-1") if isinstance(expected, str) else expected)

    def hears_nothing(self) -> None:
        """Nothing has arrived."""
        self._compare(b"")

    def hears_problem(self, status: int, code: str, *, closes: bool = False) -> dict[str, object]:
        """Exactly one failure of the gateway has arrived; its problem."""
        heard = self.takes()
        head, _, body = heard.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        assert lines[0].startswith(f"HTTP/1.1 {status} "), f"{self._name} heard {heard!r}"
        assert f"Exeat-Error: {code}" in lines, f"{self._name} heard {heard!r}"
        assert GATEWAY in lines
        assert f"Content-Length: {len(body)}" in lines, f"{self._name} heard {heard!r}"
        assert ("Connection: close" in lines) is closes, f"{self._name} heard {heard!r}"
        problem = orjson.loads(body)
        assert isinstance(problem, dict)
        assert problem["code"] == code
        assert problem["status"] == status
        return problem

    @property
    def is_open(self) -> bool:
        """Whether the gateway keeps the connection."""
        return not self._transport.end

    def sees_it_open(self) -> None:
        """The gateway keeps the connection."""
        assert self.is_open, f"{self._name} sees {self._transport.end}"

    def sees_it_closed(self) -> None:
        """The gateway has closed the connection after all it had to say."""
        assert self._transport.end in {"closed", "eof"}, f"{self._name} sees {self._transport.end or 'it open'}"

    def sees_it_dropped(self) -> None:
        """The gateway has dropped the connection."""
        assert self._transport.end == "aborted", f"{self._name} sees {self._transport.end or 'it open'}"

    def _compare(self, expected: bytes) -> None:
        heard = self.takes()
        if heard != expected:
            shown = "\n".join(
                f"{title}\n{_readable(text)}" for title, text in ((f"{self._name} heard", heard), ("not", expected))
            )
            raise AssertionError(shown)


class Stage:
    """A worker between connections in memory. Upstreams are numbered in the order in which they were dialled."""

    def __init__(
        self,
        loop: MemoryLoop,
        configuration: Snapshot,
        cut: Cut = whole,
        limits: Limits = DEFAULT,
        journal: Journal | None = None,
    ) -> None:
        self.loop = loop
        self.cut = cut
        self._limits = limits
        self.longest = 0
        self.chance = 0.5
        self.records: list[Members] = []
        self.names: dict[str, str] = {}
        self.asked: list[str] = []
        self._log = io.StringIO()
        self._say = Log("test", level="debug", out=self._log)
        self._journal = journal
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        self._callers: list[MemoryTransport] = []
        began = loop.time()
        self.worker: Worker = loop.run_until_complete(self._hire(configuration, began))

    async def _hire(self, configuration: Snapshot, began: float) -> Worker:
        loop = self.loop
        return Worker(
            configuration,
            Dialler(Names(self._look_up, loop.time), [("127.0.0.1", 8080)], Trust(), self._limits),
            log=self._say,
            ledger=Ledger(Lines(self._nowhere), self._keep, self._say, self._journal),
            pseudonym=b"exeat-test",
            clock=loop.time,
            nanoseconds=lambda: round(loop.time() * 1e9),
            wall=lambda: BEGAN + loop.time() - began,
            chance=lambda: self.chance,
        )

    async def _look_up(self, host: str) -> Answer:
        """Every name has one public address, its own in `names` or else the same."""
        self.asked.append(host)
        return Answer((self.names.get(host, ADDRESS),), 3600.0)

    def _keep(self, members: Members) -> bytes:
        self.records.append(members)
        return b"\n"

    @property
    def log(self) -> str:
        """What the worker has logged."""
        return self._log.getvalue()

    def forget_log(self) -> None:
        """What was logged was meant to be."""
        self._log.truncate(0)

    def passes(self, seconds: float) -> None:
        """Time passes."""
        self.loop.settle(seconds)

    def caller(self, address: str = "198.51.100.7") -> Party:
        """Somebody connects."""
        protocol = self.worker.accept(None)
        transport = MemoryTransport(self.loop, protocol, (address, 50000))
        self._callers.append(transport)
        self.loop.do(protocol.connection_made, transport)
        return Party(self, transport, f"caller {len(self._callers)}")

    def upstream(self, number: int = 1) -> Party:
        """The upstream at the end of the connection that was dialled as number `number`."""
        connections = self.loop.network.connections
        assert len(connections) >= number, f"{len(connections)} connections were dialled"
        return Party(self, connections[number - 1], f"upstream {number}")

    @property
    def dialled(self) -> int:
        """How many connections the gateway has dialled."""
        return len(self.loop.network.dialled)

    def end(self) -> None:
        """Everybody leaves; nothing may be left behind."""
        for transport in self._callers:
            self.loop.do(transport.lose, None)
        assert not self.worker.active, "an exchange is left"
        assert not self.worker.connections, "a connection of a caller is left"
        for total, idle, waiting in self.worker.pool.counts().values():
            assert total == idle, "a connection to an upstream is left busy"
            assert not waiting, "a request is left waiting"
        assert "bug:" not in self.log, self.log

    def close(self) -> None:
        """Stop the worker."""
        self.loop.run_until_complete(self.worker.drain(0.0))
        os.close(self._nowhere)


@contextmanager
def on_stage(configuration: Snapshot, cut: Cut = whole, limits: Limits = DEFAULT) -> Iterator[Stage]:
    """A stage for the length of a block."""
    loop = MemoryLoop()
    stage = Stage(loop, configuration, cut, limits)
    try:
        yield stage
        stage.end()
    finally:
        stage.close()
        loop.close()


def plain() -> Snapshot:
    """One upstream, `api`, without TLS, so that the dialogue can be read."""
    return snapshot(upstream("api", "http://api.test"))


def once() -> Snapshot:
    """As `plain`, but calls are tried once, whatever becomes of them."""
    return snapshot(upstream("api", "http://api.test", retries=Retries(limit=0)))


def scene(configuration: Callable[[], Snapshot] = plain) -> Callable[[Play], Callable[[], None]]:
    """Hold a conversation once, with every message whole: for long messages, and for what no cut can change."""

    def prepare(play: Play) -> Callable[[], None]:
        def hold() -> None:
            with on_stage(configuration()) as stage:
                play(stage)

        return _named(hold, play)

    return prepare


def conversation(configuration: Callable[[], Snapshot] = plain) -> Callable[[Play], Callable[[], None]]:
    """Hold a conversation in every way of rule 2."""

    def prepare(play: Play) -> Callable[[], None]:
        def hold() -> None:
            longest = _hold(play, configuration(), whole, "whole")
            _hold(play, configuration(), bytewise, "byte by byte")
            places = min(longest, CUTS_LIMIT)
            for place in range(1, places):
                _hold(play, configuration(), cut_at(place, places), f"cut at byte {place}")

        return _named(hold, play)

    return prepare


def _hold(play: Play, configuration: Snapshot, cut: Cut, title: str) -> int:
    try:
        with on_stage(configuration, cut) as stage:
            play(stage)
    except BaseException as error:
        error.add_note(f"held {title}")
        raise
    return stage.longest


def _named(hold: Callable[[], None], play: Play) -> Callable[[], None]:
    """As functools.wraps, but without the original's parameter, which pytest would take for a fixture."""
    hold.__name__, hold.__qualname__, hold.__doc__ = play.__name__, play.__qualname__, play.__doc__
    hold.__module__ = play.__module__
    return hold


def _with_one_chunk(data: bytes) -> bytes:
    """Chunked bodies with their chunks joined."""
    shown, at = b"", 0
    while match := _CHUNKED_HEAD.search(data, at):
        content, end = _join_chunks(data, match.end())
        shown += data[at : match.end()] + content
        at = end
    return shown + data[at:]


def _join_chunks(data: bytes, at: int) -> tuple[bytes, int]:
    """The chunks from `at` as one, and where they end; what is no chunk stays as it is."""
    content = b""
    while line := _CHUNK_LINE.match(data, at):
        size = int(line[1], 16)
        if not size or data[line.end() + size : line.end() + size + 2] != b"\r\n":
            break
        content += data[line.end() : line.end() + size]
        at = line.end() + size + 2
    return (b"%x\r\n%b\r\n" % (len(content), content) if content else b""), at


def _readable(data: bytes) -> str:
    return "\n".join(f"    {line!r}" for line in data.decode("latin-1").splitlines(keepends=True)) or "    nothing"


def api(path: str = "") -> str:
    """The URL of the upstream of `plain`."""
    return f"{endpoint('http://api.test').origin}{path}"
