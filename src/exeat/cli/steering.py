"""What a running gateway can be told on its own machine: a Unix socket in its data directory, one line each way.

Only the gateway's own user reaches it. A question is `{"do": NAME}`, its answer a JSON object; see cli/reload.py.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import orjson

from exeat.telemetry.logs import Log

SOCKET_FILE = "gateway.sock"
LONGEST_PATH = 100  # of a socket's address: 104 bytes on some systems
QUESTION_S = 5.0
Answers = Mapping[str, Callable[[], Awaitable[dict[str, object]]]]


class NobodyThereError(Exception):
    """No gateway runs with a data directory, or it ended before it answered."""


class Steering:
    """The side of the gateway: `answers` has what is done for each question."""

    def __init__(self, folder: Path, answers: Answers, log: Log) -> None:
        self._path = folder / SOCKET_FILE
        self._answers = answers
        self._log = log
        self._server: asyncio.Server | None = None

    async def begin(self) -> None:
        """Listen. Whoever holds the data directory's lock is the only one who does, so what lies there is a remnant."""
        before = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            with short_name(self._path) as name:
                self._server = await asyncio.start_unix_server(self._serve, name)
        except OSError as error:
            self._log.warning(
                "`exeat reload` can't reach this gateway; signals do", file=str(self._path), reason=error.strerror
            )
        finally:
            os.umask(before)

    def end(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(orjson.dumps(await self._answer(reader)) + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, object]:
        try:
            async with asyncio.timeout(QUESTION_S):
                question = orjson.loads(await reader.readline())
            work = self._answers[question["do"]]
        except (TimeoutError, ValueError, TypeError, KeyError):
            return {"fault": "this gateway doesn't know what it was asked; is it of another version?"}
        return await work()


def ask(folder: Path, name: str) -> dict[str, object]:
    """Ask the gateway that uses a data directory; NobodyThereError if there is none, or it doesn't answer."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            with short_name(folder / SOCKET_FILE) as address:
                sock.connect(address)
            sock.sendall(json.dumps({"do": name}).encode() + b"\n")
            with sock.makefile("rb") as stream:
                line = stream.readline()
        except PermissionError as error:
            raise NobodyThereError(f"{folder / SOCKET_FILE} is another user's; run this as the gateway's") from error
        except OSError as error:
            raise NobodyThereError(f"no gateway runs here with the data directory {folder}") from error
    if not line.endswith(b"\n"):
        raise NobodyThereError("the gateway ended before it answered; its log says why")
    answer: dict[str, object] = json.loads(line)
    return answer


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """A name that fits a socket's address, however long the path is: by way of an open folder (Linux)."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
