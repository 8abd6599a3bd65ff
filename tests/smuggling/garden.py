"""Real parsers side by side: each is sent the same bytes, and tells which requests it sees in them."""

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.smuggling.chains import NO_PATH, SERVERS
from tests.support.capture import Capture, Script, bound_socket
from tests.support.messages import Message
from tests.support.programs import Program, find_program, free_port

HERE = Path(__file__).parent
PYTHON = ("aiohttp", "gunicorn", "tornado", "uvicorn", "waitress")
PARSERS = (*SERVERS, *PYTHON, "Node")
LIMIT_S = 15.0
AT_ONCE = 8
# Follows the bytes that are judged: a reader who ends their last request at another byte sees something else here.
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: sentinel\r\nConnection: close\r\n\r\n"
_SEEN = re.compile(rb"\r\nseen: ([0-9a-f]+)\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})")


@dataclass(frozen=True)
class Seen:
    """A request as one parser sees it: its framing fields, and the body by its size and hash."""

    method: str
    target: str
    host: str | None
    length: str | None
    coding: str | None
    size: int
    sha256: str


def as_seen(message: Message) -> Seen:
    """A request as the strict reader sees it."""
    host, size, coding = (message.value(name) for name in (b"host", b"content-length", b"transfer-encoding"))
    return Seen(
        message.method.decode("latin-1"),
        message.target.decode("latin-1"),
        None if host is None else host.decode("latin-1"),
        None if size is None else size.decode(),
        None if coding is None else coding.decode(),
        len(message.body),
        hashlib.sha256(message.body).hexdigest(),
    )


@dataclass(frozen=True)
class Told:
    """What one parser told about some bytes: the requests that it saw, and the final statuses that it answered."""

    requests: tuple[Seen, ...]
    statuses: tuple[int, ...]


async def ask_all(folder: Path, messages: Sequence[bytes]) -> dict[str, tuple[Told, ...]]:
    """What every parser tells about each of the messages, in their order."""
    async with _parsers(folder) as ports:
        turns = asyncio.Semaphore(AT_ONCE)
        asked = {}
        async with asyncio.TaskGroup() as group:
            for name, port in ports.items():
                asked[name] = [group.create_task(_ask(port, message, turns)) for message in messages]
    return {name: tuple(task.result() for task in tasks) for name, tasks in asked.items()}


@asynccontextmanager
async def _parsers(folder: Path) -> AsyncIterator[dict[str, int]]:
    """Every parser's port by its name, while they run."""
    listener = bound_socket()
    async with Capture(listener, answers=_tell):
        behind = listener.getsockname()[1]
        listener.close()
        with ExitStack() as stack:
            programs = {name: make(folder / name, behind, NO_PATH) for name, make in SERVERS.items()}
            for name in PYTHON:
                programs[name] = _program(folder / name, sys.executable, str(HERE / "servers.py"), name)
            programs["Node"] = _program(folder / "node", find_program("node"), str(HERE / "server.js"))
            for program in programs.values():
                stack.enter_context(program)
            yield {name: program.port for name, program in programs.items()}


def _program(folder: Path, *command: str) -> Program:
    folder.mkdir()
    port = free_port()
    return Program([*command, str(port)], port, folder)


def _tell(message: Message) -> Script:
    """The upstream of the parsers that are proxies: what they send is what they have seen."""
    told = json.dumps(vars(as_seen(message))).encode().hex().encode()
    return Script(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSeen: " + told + b"\r\n\r\n")


async def _ask(port: int, message: bytes, turns: asyncio.Semaphore) -> Told:
    """Send bytes on a connection of their own, and then the sentinel."""
    async with turns, asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        received = bytearray()
        with suppress(ConnectionError):
            writer.write(message + SENTINEL)
            while more := await reader.read(64 * 1024):
                received += more
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return Told(
        tuple(Seen(**json.loads(bytes.fromhex(found.decode()))) for found in _SEEN.findall(received)),
        tuple(map(int, _STATUS.findall(received))),
    )
