"""The line of a worker to the process that counts: what happens when that goes away."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

from exeat.model.limit import Kind
from exeat.state.counters import AWAY_NS, Counters
from exeat.state.leased import LeasedCell
from exeat.state.ledger import PERMITS, WINDOW, Charge, Give, Hold, Pause, Recall, Rest, Said, Stand, Take
from exeat.state.messages import Frames, parse_questions, render_answers, render_word
from exeat.state.shared import lease
from exeat.state.turns import Turns
from exeat.telemetry.logs import Log
from tests.state.world import Plain, make_limit

SECOND = 1_000_000_000
END = 2**62


class Server:
    """The ledger's end of the line; `heard` is what came over it. It answers unless it is `deaf`."""

    def __init__(self, path: Path) -> None:
        self.heard: list[Said] = []
        self.messages = 0
        self.deaf = False
        self._plain = Plain()
        self.ledger = self._plain.memory
        self._turns = Turns(self._plain)
        self._path = path
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        """Listen."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))

    async def stop(self) -> None:
        """Be gone at once."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._path.unlink(missing_ok=True)  # since Python 3.13 a server does so itself
        await asyncio.sleep(0.01)

    async def hear_of_another(self, *said: Said) -> None:
        """Hear what another worker says."""
        await self._turns.answer([(2, list(said))], SECOND, SECOND)
        self._tell()

    def _tell(self) -> None:
        for holder, word in self._turns.words():
            if holder == 1:
                self._writers[-1].write(render_word(word))

    def recall(self, name: str) -> None:
        """Say that others need what lies idle."""
        self._writers[-1].write(render_word(Recall(0, name, WINDOW, 7)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        frames = Frames()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for message in frames.feed(data):
                    self.messages += 1
                    questions = [one for one in parse_questions(message) if not isinstance(one, Pause | Rest)]
                    self.heard += questions
                    answers = await self._turns.answer([(1, questions)], SECOND, SECOND)
                    if not self.deaf:
                        writer.write(render_answers(answers[0]))
                        self._tell()
        writer.close()


class Place:
    """A worker's line, and the server at its other end."""

    def __init__(self, folder: Path) -> None:
        self.now = SECOND
        self._out = io.StringIO()
        self.server = Server(folder / "counters.sock")
        log = Log("worker", as_json=True, out=self._out)
        self.counters = Counters(
            folder / "counters.sock", 4, log, clock=lambda: self.now, wall=lambda: 1_700_000_000 * SECOND + self.now
        )

    def cell(self, kind: Kind = Kind.QUOTA, amount: int = 1000) -> LeasedCell:
        """A cell of this worker."""
        cell = lease(make_limit(kind, amount, unit="year"), "", self.counters)
        assert isinstance(cell, LeasedCell)
        return cell

    async def ask(self, *cells: LeasedCell) -> None:
        """Ask for one of each cell, and wait for the answers."""
        answered = [asyncio.Event() for _ in cells]
        for cell, event in zip(cells, answered, strict=True):
            cell.ask(1, event.set)
        async with asyncio.timeout(5):
            for event in answered:
                await event.wait()

    async def until_there(self) -> None:
        """Wait for the connection."""
        async with asyncio.timeout(5):
            while not self.counters.is_there:
                await asyncio.sleep(0.005)
                self.now += 20_000_000  # so that a connection that stays deaf is given up

    @property
    def said(self) -> list[str]:
        """The messages of the log."""
        return [json.loads(line)["message"] for line in self._out.getvalue().splitlines()]


@contextlib.asynccontextmanager
async def line(folder: Path) -> AsyncIterator[Place]:
    """A line that is connected."""
    place = Place(folder)
    await place.server.start()
    place.counters.follow(needed=True)
    assert await place.counters.connected(5)
    try:
        yield place
    finally:
        await place.counters.close()
        await asyncio.sleep(0.01)
        await place.server.stop()


def test_one_message_for_a_turn(tmp_path: Path) -> None:
    """All questions of one turn of the loop travel together."""

    async def run() -> None:
        async with line(tmp_path) as place:
            before = place.server.messages
            await place.ask(place.cell(Kind.QUOTA), place.cell(Kind.RATE), place.cell(Kind.CONCURRENCY))
            assert place.server.messages == before + 1

    asyncio.run(run())


def test_questions_wait_for_a_new_connection(tmp_path: Path) -> None:
    """A ledger that is back soon is asked again; nobody notices."""

    async def run() -> None:
        async with line(tmp_path) as place:
            await place.server.stop()
            cell = place.cell()
            asking = asyncio.ensure_future(place.ask(cell))
            await asyncio.sleep(0.05)
            await place.server.start()
            await asking
            assert cell.ready_at(place.now, 1) == place.now
            assert place.said == []

    asyncio.run(run())


def test_away(tmp_path: Path) -> None:
    """After a second without it nothing is known; that is said once, and when it is over."""

    async def run() -> None:
        async with line(tmp_path) as place:
            await place.server.stop()
            await asyncio.sleep(0.01)
            place.now += AWAY_NS + 1
            quota, rate, permits = place.cell(), place.cell(Kind.RATE, 100), place.cell(Kind.CONCURRENCY, 100)
            await place.ask(quota, rate, permits)
            assert quota.is_unknown(place.now, 1)
            assert not rate.is_unknown(place.now, 1)
            for cell in (rate, permits):
                for _ in range(25):  # a quarter each
                    assert cell.ready_at(place.now, 1) <= place.now
                    cell.spend(place.now, 1)
                assert cell.ready_at(place.now, 1) > place.now
            await place.server.start()
            await place.until_there()
            assert Hold(permits.name, 25) in place.server.heard
            place.now += SECOND
            await place.ask(quota)
            assert quota.ready_at(place.now, 1) == place.now
            assert [message.partition(":")[0] for message in place.said] == [
                "the counters can't be reached",
                "the counters are reached again",
            ]

    asyncio.run(run())


def test_silence_is_absence(tmp_path: Path) -> None:
    """A ledger that doesn't answer within a second is given up."""

    async def run() -> None:
        async with line(tmp_path) as place:
            place.server.deaf = True
            cell = place.cell()
            asking = asyncio.ensure_future(place.ask(cell))
            await asyncio.sleep(0.02)
            place.now += AWAY_NS + 1
            await asking
            assert cell.is_unknown(place.now, 1)
            place.server.deaf = False
            await place.until_there()

    asyncio.run(run())


def test_charges_are_told_until_they_are_answered(tmp_path: Path) -> None:
    """What was spent without asking isn't forgotten when the line breaks."""

    async def run() -> None:
        async with line(tmp_path) as place:
            place.server.deaf = True
            place.counters.say(Charge("a", END, 5))
            await asyncio.sleep(0.02)
            await place.server.stop()
            place.counters.say(Charge("b", END, 7))
            place.server.heard.clear()
            place.server.deaf = False
            await place.server.start()
            await place.until_there()
            assert place.server.heard == [Charge("a", END, 5), Charge("b", END, 7)]

    asyncio.run(run())


def test_recall(tmp_path: Path) -> None:
    """What lies idle goes back at once when others need it; who has nothing says so."""

    async def run() -> None:
        async with line(tmp_path) as place:
            cell = place.cell()
            for _ in range(20):
                await place.ask(cell)
                cell.spend(place.now, 1)
                while cell.ready_at(place.now, 1) <= place.now and cell.remaining(place.now) > 990:
                    cell.spend(place.now, 1)
            await place.ask(cell)
            place.server.heard.clear()
            place.server.recall(cell.name)
            place.server.recall("nobody has this")
            await asyncio.sleep(0.05)
            gives = [one for one in place.server.heard if isinstance(one, Give)]
            assert gives[0].name == cell.name
            assert gives[0].amount > 0
            assert gives[0].serial == 7
            assert gives[1] == Give("nobody has this", WINDOW, 0, 7)

    asyncio.run(run())


def test_who_waits_for_others_asks_again_on_a_new_connection(tmp_path: Path) -> None:
    """An answer that hangs on what lies idle elsewhere comes, also where the line breaks meanwhile."""

    async def run() -> None:
        async with line(tmp_path) as place:
            cell = place.cell()
            assert cell.must_ask(place.now, 1)  # and its name is that of the window
            await place.server.hear_of_another(Take(cell.name, WINDOW, 1000, END, 1000, 1, 1000))
            asking = asyncio.ensure_future(place.ask(cell))
            await asyncio.sleep(0.02)
            await place.server.stop()
            await place.server.start()
            await place.until_there()
            await asyncio.sleep(0.02)
            assert not asking.done()
            (recall,) = place.server.ledger.recalls()
            await place.server.hear_of_another(Give(cell.name, WINDOW, 1, recall.serial))
            await asking
            assert cell.ready_at(place.now, 1) <= place.now

    asyncio.run(run())


def test_who_stands_in_line_stands_again_on_a_new_connection(tmp_path: Path) -> None:
    """A ledger that has lost its memory is told who waits; who is there first is called first."""

    async def run() -> None:
        async with line(tmp_path) as place:
            cell, called = place.cell(Kind.CONCURRENCY, 1), asyncio.Event()

            def look() -> None:
                if cell.ready_at(place.now, 1) <= place.now:
                    called.set()
                else:
                    cell.stand(place.now, [(3, SECOND, 1)], look)

            await place.server.hear_of_another(Take(cell.name, PERMITS, 1, 0, 1, 1, 1))
            look()
            await asyncio.sleep(0.02)
            await place.server.stop()
            place.server.heard.clear()
            await place.server.start()
            await place.until_there()
            await asyncio.sleep(0.02)
            assert place.server.heard == [Stand(cell.name, PERMITS, 1, 0, [[3, SECOND, 1]])]
            assert not called.is_set()
            await place.server.hear_of_another(Give(cell.name, PERMITS, 1))
            async with asyncio.timeout(5):
                await called.wait()

    asyncio.run(run())


def test_the_end_gives_everything_back(tmp_path: Path) -> None:
    """Who ends holds nothing of a quota afterwards."""

    async def run() -> None:
        async with line(tmp_path) as place:
            cell = place.cell()
            await place.ask(cell)
            await place.ask(cell)
            cell.spend(place.now, 1)
            await place.counters.close()
            assert [window.used for window in place.server.ledger.windows.values()] == [1]

    asyncio.run(run())
