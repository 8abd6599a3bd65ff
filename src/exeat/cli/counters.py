"""The process that counts for all workers: `python -m exeat.cli.counters DESCRIPTOR`, started by the supervisor alone.

It knows no configuration: each question says what it is about.
"""

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Final, cast, final

import orjson
import uvloop

from exeat.cli.channel import CountersStart, Kind, Messages, render
from exeat.cli.measures import render_measures
from exeat.cli.passing import Passing
from exeat.state.counters_file import COUNTERS_FILE
from exeat.state.durable import DurableLedger
from exeat.state.ledger import Give, Grant, Learnt, Ledger, More, Pause, Recall, Rest, Said
from exeat.state.messages import (
    Frames,
    parse_questions,
    render_answers,
    render_instances,
    render_word,
)
from exeat.state.redis_address import parse_redis_address
from exeat.state.turns import NEVER, Turns
from exeat.telemetry.logs import Log
from exeat.telemetry.metrics import LEDGER_UP, Sample

BACKLOG: Final = 128
TEND_S: Final = 1.0
SECOND_NS: Final = 1_000_000_000
REJOIN_NS: Final = 1_000_000_000  # in which workers say which permits they hold
LAST_WORDS_S: Final = 1.0


@final
class Holder(asyncio.Protocol):
    """The connection of one worker."""

    def __init__(self, number: int, process: "Process") -> None:
        self.number = number
        self.instances = 1  # as the worker knows
        self._process = process
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A worker has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._process.holders[self.number] = self
        self._process.passing.greet(self)

    def data_received(self, data: bytes) -> None:
        """Take its questions; who speaks another language is sent away."""
        try:
            for message in self._frames.feed(data):
                self._process.ask(self, parse_questions(message))
        except (ValueError, TypeError, KeyError):
            self._process.log.warning("what came over the socket isn't from a worker; it is sent away")
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """A worker has gone."""
        self._process.lose(self)

    def send(self, message: bytes) -> None:
        """Answer."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(message)


@final
class Process:
    """The ledger, its socket, and the line to the supervisor."""

    def __init__(self, channel: socket.socket) -> None:
        self.log = Log("counters")
        self.holders: dict[int, Holder] = {}
        self.passing = Passing(self.holders)
        self._channel = channel
        self._messages = Messages()
        self._ledger: Ledger | None = None
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._asked: list[tuple[Holder, list[Said]]] = []
        self._turns: Turns | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._gone: list[int] = []
        self._for_gone: list[tuple[int, list[Said]]] = []  # what is answered for those
        self._work = asyncio.Event()
        self._numbers = 0
        self._wishes = 0  # that have been answered
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Count until the supervisor says DRAIN, or is gone; the exit code of the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, _leave_it_to_the_supervisor)
        code = 0
        reading = loop.create_task(self._read())
        self._tasks.append(reading)
        await asyncio.wait([reading])
        if (error := reading.exception()) is not None:
            self._report(error)
            code = 1
        await self._end()
        return code

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(self._channel, 65536):
                for kind, payload in self._messages.feed(data):
                    if kind is Kind.DRAIN:
                        return
                    if kind is Kind.START:
                        await self._begin(pickle.loads(payload))  # noqa: S301 - from our own parent, privately

    def _report(self, error: BaseException) -> None:
        if isinstance(error, OSError):
            self.log.error("limits can't be counted together", reason=str(error))
        else:
            self.log.bug(error)

    async def _begin(self, start: CountersStart) -> None:
        loop = asyncio.get_running_loop()
        self.log = Log("counters", level=start.log_level, as_json=start.log_json)
        self._ledger = await self._open(start)
        self._turns = Turns(self._ledger)
        for work in (self._answer(), self._tend(self._ledger)):
            self._tasks.append(loop.create_task(self._guard(work)))
        self._telling = loop.create_task(self._tell())
        self._server = await loop.create_unix_server(self._accept, sock=_bind(Path(start.socket)), backlog=BACKLOG)
        self._channel.send(render(Kind.READY))

    async def _open(self, start: CountersStart) -> Ledger:
        if start.redis_url is None:
            permits_from = time.monotonic_ns() + REJOIN_NS if start.is_successor else 0
            return DurableLedger(Path(start.data_dir) / COUNTERS_FILE, self.log, permits_from=permits_from)
        from exeat.state.redis_ledger import open_redis_ledger  # noqa: PLC0415 - few need the library

        address = parse_redis_address(start.redis_url)
        return await open_redis_ledger(address, self.log, self._work.set, start.ca_file, start.ca_folder)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        await self._settle()
        if self._telling is not None:
            self._events.put_nowait(None)
            await asyncio.wait([self._telling], timeout=LAST_WORDS_S)
        if self._ledger is not None:
            self._ledger.close()
        self.log.debug("counters ended", questions=self._wishes)

    # Questions

    def _accept(self) -> Holder:
        self._numbers += 1
        return Holder(self._numbers, self)

    def ask(self, holder: Holder, said: list[Said | Learnt]) -> None:
        """Take questions; all that come in one turn of the loop are answered together. Words are for the others."""
        self._asked.append((holder, [one for one in said if not isinstance(one, Pause | Rest)]))
        self.passing.take(holder, (one for one in said if isinstance(one, Pause | Rest)))
        self._work.set()

    def lose(self, holder: Holder) -> None:
        """A worker is gone; what it has said before counts."""
        del self.holders[holder.number]
        self._gone.append(holder.number)
        self._work.set()

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        """Run what never ends; after a fault, the supervisor starts a process that goes by what is in the file."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the outermost boundary
            self.log.bug(error)
            os._exit(1)

    async def _answer(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            await self._settle()

    async def _settle(self) -> None:
        """Answer what has been asked, and tell who waits."""
        ledger, turns = self._ledger, self._turns
        if ledger is None or turns is None:
            return
        asked, self._asked = self._asked, []
        gone, self._gone = self._gone, []
        for_gone, self._for_gone = self._for_gone, []
        questions = [*((holder.number, said) for holder, said in asked), *for_gone]
        answers = await turns.answer(questions, time.monotonic_ns(), time.time_ns())
        self._wishes += sum(map(len, answers))
        for (holder, _), answer in zip(asked, answers, strict=False):  # nobody hears those for who is gone
            holder.send(render_answers(answer))
        for number in gone:
            turns.leave(number)
        for number, word in turns.words():  # before recalls, which are of what was granted so far
            self._tell_holder(number, word)
        for recall in ledger.recalls():
            if recall.holder in self.holders:
                self._tell_holder(recall.holder, recall)
            else:
                self._for_gone.append((recall.holder, [Give(recall.name, recall.kind, 0, recall.serial)]))
                self._work.set()
        self._come_again(turns.due_at)
        for holder in self.holders.values():
            if holder.instances != ledger.instances:
                holder.instances = ledger.instances
                holder.send(render_instances(holder.instances))
        await self.passing.pass_on(ledger)
        for crossing in ledger.crossings():
            self._events.put_nowait(render(Kind.EVENT, orjson.dumps(crossing._asdict())))

    def _tell_holder(self, number: int, word: Recall | Grant | More) -> None:
        holder = self.holders.get(number)
        if holder is not None:
            holder.send(render_word(word))

    def _come_again(self, due_at: int) -> None:
        """Have the loop come again when somebody's turn may be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due_at < NEVER:
            after_s = max(0, due_at - time.monotonic_ns()) / SECOND_NS
            self._timer = asyncio.get_running_loop().call_later(after_s, self._work.set)

    async def _tell(self) -> None:
        """Tell the supervisor of windows that have passed a mark, without keeping workers waiting."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # it is gone, and this process ends with it
            while (message := await self._events.get()) is not None:
                await loop.sock_sendall(self._channel, message)

    async def _tend(self, ledger: Ledger) -> None:
        while True:
            ledger.tend(time.monotonic_ns(), time.time_ns())
            if self._turns is not None:
                self._turns.tend()
            self.passing.tend()
            up = Sample(LEDGER_UP.name, (), int(ledger.is_reachable))
            self._events.put_nowait(render(Kind.METRICS, render_measures(os.getpid(), (), (up,))))
            await asyncio.sleep(TEND_S)


def _bind(path: Path) -> socket.socket:
    """A socket that this user alone may connect to; one that a process left behind is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def _leave_it_to_the_supervisor() -> None:
    """Do nothing: a signal of a terminal reaches the supervisor, too."""


def main() -> None:
    """Count, on the descriptor given by the supervisor."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)  # noqa: FBT003 - the standard library's signature
    sys.exit(uvloop.run(Process(channel).run()))


if __name__ == "__main__":
    main()
