"""Events on their way to webhooks, with a pace that doesn't keep a test waiting."""

import asyncio
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest

from exeat.cli.channel import Receivers
from exeat.cli.control.database import Database
from exeat.cli.control.webhooks import Pace, Webhooks
from exeat.config.compile import load
from exeat.config.handover import render_webhooks
from exeat.config.settings import read_settings
from exeat.model.webhook import Webhook
from exeat.proxy.dial import Trust
from exeat.telemetry.logs import Log
from tests.support.certificates import Authority
from tests.support.markers import MARKERS
from tests.support.receiver import Receiver

QUICK = Pace(limit_s=0.5, first_s=0.05, last_s=0.2, give_up_s=60.0)
LIMIT_S = 10.0


@dataclass
class Desk:
    """Webhooks of a folder, and what they have said."""

    folder: Path
    authority: Authority
    log: io.StringIO = field(default_factory=io.StringIO)
    kept: list[str] = field(default_factory=list)
    opened: list[Database] = field(default_factory=list)

    def webhooks(self, *entries: dict[str, object]) -> tuple[Webhook, ...]:
        """These as a document compiles them."""
        file = self.folder / "exeat.yaml"
        file.write_bytes(orjson.dumps({"webhooks": entries}))
        MARKERS.add_input(file)
        return load(read_settings({}, self.folder)).webhooks

    def make(self, pace: Pace, database: str = "exeat.db") -> Webhooks:
        """What serves them."""
        log = Log("test", level="debug", as_json=True, out=self.log)
        self.opened.append(Database(f"sqlite:///{self.folder}/{database}"))
        return Webhooks(self.opened[-1], Trust(str(self.authority.file)), self.kept.append, log, pace=pace)

    def said(self, message: str) -> list[dict[str, object]]:
        """What was logged with a message that begins like this."""
        lines = map(orjson.loads, self.log.getvalue().splitlines())
        return [line for line in lines if line["message"].startswith(message)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all receivers."""
    return Authority(Path(tmp_path_factory.mktemp("authority")))


@pytest.fixture
def desk(tmp_path: Path, authority: Authority) -> Iterator[Desk]:
    """A folder with a database of its own."""
    desk = Desk(tmp_path, authority)
    yield desk
    for database in desk.opened:
        database.unprepared.dispose()


def event(number: int, kind: str = "limit.reached") -> bytes:
    """An event as the supervisor says it."""
    said = {"type": kind, "timestamp": "2026-01-01T00:00:00Z", "data": {"number": number}}
    return orjson.dumps({"id": f"evt_{number}", "event": said})


async def until(holds: Callable[[], object]) -> None:
    """Look until something holds."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - a test looks
            await asyncio.sleep(0.005)


@contextmanager
def receivers(authority: Authority, *statuses: tuple[int, ...]) -> Iterator[list[Receiver]]:
    """Receivers that answer like this."""
    made = [Receiver(authority, *those) for those in statuses]
    for one in made:
        one.__enter__()
    try:
        yield made
    finally:
        for one in made:
            one.__exit__(None, None, None)


def test_each_gets_what_it_wants(desk: Desk) -> None:
    """An event goes to the webhooks that are told of its kind, and is acknowledged when it is kept."""

    async def run(first: Receiver, second: Receiver) -> None:
        webhooks = desk.make(QUICK)
        entries = (first.entry("a", events=["limit.nearly"]), second.entry("b"))
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(*entries))))
        webhooks.take(event(1))
        webhooks.take(event(2, "limit.nearly"))
        await until(lambda: len(first.messages) == 1 and len(second.messages) == 2)
        await webhooks.end()

    with receivers(desk.authority, (), ()) as (first, second):
        asyncio.run(run(first, second))
        assert [message.data["number"] for message in first.messages] == [2]
        assert [message.id for message in second.messages] == ["evt_1", "evt_2"]
    assert desk.kept == ["evt_1", "evt_2"]


def test_pauses_grow() -> None:
    """Five seconds, twice as many each time, an hour at most."""
    pauses = [Pace().pause_s(attempts) for attempts in (1, 2, 3, 10, 11, 12, 10_000)]
    assert pauses == [5, 10, 20, 2560, 3600, 3600, 3600]


def test_it_is_tried_until_it_is_taken(desk: Desk) -> None:
    """Failures of every kind are followed by another attempt; what follows is said once, and when it is over."""

    async def run(receiver: Receiver) -> None:
        webhooks = desk.make(QUICK)
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(receiver.entry()))))
        webhooks.take(event(1))
        await until(lambda: desk.said("a webhook takes events again"))
        await webhooks.end()

    with receivers(desk.authority, (500, 500, 301, 404, 0)) as (receiver,):
        asyncio.run(run(receiver))
        assert [message.id for message in receiver.messages] == ["evt_1"] * 6
    said = desk.said("a webhook doesn't take an event")
    assert [(line["level"], line["reason"]) for line in said] == [
        ("warning", "it answers 500"),
        ("debug", "it answers 500"),
        ("warning", "it answers 301"),
        ("warning", "it answers 404"),
        ("warning", "no answer within 0.5 s"),
    ]
    assert [line["again_s"] for line in said] == [0.05, 0.1, 0.2, 0.2, 0.2]


def test_it_is_given_up(desk: Desk) -> None:
    """What nobody takes in all that time is dropped, and that is said."""

    async def run(receiver: Receiver) -> None:
        webhooks = desk.make(QUICK._replace(give_up_s=0.3))
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(receiver.entry()))))
        webhooks.take(event(1))
        await until(lambda: desk.said("an event was never taken"))
        count = len(receiver.messages)
        await asyncio.sleep(0.5)
        assert len(receiver.messages) == count
        await webhooks.end()

    with receivers(desk.authority, (500,) * 20) as (receiver,):
        asyncio.run(run(receiver))


def test_too_many_wait(desk: Desk) -> None:
    """A webhook that takes nothing holds no more than its part; what is over is dropped, and that is said."""

    async def run(bad: Receiver, good: Receiver) -> None:
        webhooks = desk.make(QUICK._replace(most=3, first_s=30.0, last_s=30.0))
        entries = desk.webhooks(bad.entry("bad"), good.entry("good"))
        webhooks.follow(Receivers(webhooks=render_webhooks(entries)))
        for number in range(6):
            webhooks.take(event(number))
            await until(lambda number=number: len(good.messages) == number + 1)  # type: ignore[misc]  # a default that binds
        await webhooks.end()

    with receivers(desk.authority, (500,) * 9, ()) as (bad, good):
        asyncio.run(run(bad, good))
        assert {message.id for message in bad.messages} == {"evt_0", "evt_1", "evt_2"}
    assert [line["id"] for line in desk.said("too many events wait")] == ["evt_3", "evt_4", "evt_5"]


def test_a_successor_goes_on(desk: Desk) -> None:
    """What one process has kept, another sends; nothing is sent twice that was taken."""

    async def run(receiver: Receiver, *events: bytes, count: int) -> None:
        webhooks = desk.make(QUICK._replace(first_s=0.3))
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(receiver.entry()))))
        for one in events:
            webhooks.take(one)
        await until(lambda: len(receiver.messages) == count and len(desk.kept) == 2)
        await asyncio.sleep(0.1)
        await webhooks.end()

    with receivers(desk.authority, (204, 500)) as (receiver,):
        asyncio.run(run(receiver, event(1), event(2), count=2))
        asyncio.run(run(receiver, count=3))
        assert [message.id for message in receiver.messages] == ["evt_1", "evt_2", "evt_2"]


def test_an_event_waits_for_the_database(desk: Desk) -> None:
    """It isn't acknowledged before it is kept, and is kept when the database is there again."""

    async def run(receiver: Receiver) -> None:
        webhooks = desk.make(QUICK, "later/exeat.db")
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(receiver.entry()))))
        webhooks.take(event(1))
        await until(lambda: desk.said("events wait for the database"))
        assert desk.kept == []
        (desk.folder / "later").mkdir()
        await until(lambda: receiver.messages)
        await webhooks.end()

    with receivers(desk.authority, ()) as (receiver,):
        asyncio.run(run(receiver))
    assert desk.kept == ["evt_1"]
    assert len(desk.said("events wait for the database")) == 1


@pytest.mark.parametrize(
    ("host", "more", "reason"),
    [
        ("localhost", {"network": {}}, "its network isn't granted"),
        ("localhost", {"network": {"private": ["10.0.0.0/8"]}}, "its network isn't granted"),
        ("127.0.0.2", {}, "can't be reached"),
        ("nowhere.invalid", {}, "nowhere.invalid"),
    ],
)
def test_where_it_may_not_go(desk: Desk, host: str, more: dict[str, object], reason: str) -> None:
    """No byte goes to an address that isn't granted; what the name is given as doesn't matter."""

    async def run(receiver: Receiver) -> None:
        webhooks = desk.make(QUICK)
        entry = {**receiver.entry(), "url": receiver.url.replace("127.0.0.1", host), **more}
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(entry))))
        webhooks.take(event(1))
        await until(lambda: desk.said("a webhook doesn't take an event"))
        await webhooks.end()

    with receivers(desk.authority, ()) as (receiver,):
        asyncio.run(run(receiver))
        assert receiver.messages == []
    assert reason in str(desk.said("a webhook doesn't take an event")[0]["reason"])


def test_another_certificate_is_refused(desk: Desk, tmp_path: Path) -> None:
    """A receiver whose certificate no trusted authority has signed gets nothing."""

    async def run(receiver: Receiver) -> None:
        webhooks = desk.make(QUICK)
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(receiver.entry()))))
        webhooks.take(event(1))
        await until(lambda: desk.said("a webhook doesn't take an event"))
        await webhooks.end()

    with receivers(Authority(tmp_path, "stranger"), ()) as (receiver,):
        asyncio.run(run(receiver))
        assert receiver.messages == []
    assert "TLS with" in str(desk.said("a webhook doesn't take an event")[0]["reason"])


def test_own_listeners_are_refused(desk: Desk) -> None:
    """Exeat doesn't call itself."""

    async def run(receiver: Receiver) -> None:
        webhooks = desk.make(QUICK)
        compiled = desk.webhooks(receiver.entry())
        own = (("127.0.0.1", compiled[0].origin.port),)
        webhooks.follow(Receivers(own=own, webhooks=render_webhooks(compiled)))
        webhooks.take(event(1))
        await until(lambda: desk.said("a webhook doesn't take an event"))
        await webhooks.end()

    with receivers(desk.authority, ()) as (receiver,):
        asyncio.run(run(receiver))
    assert "own listeners" in str(desk.said("a webhook doesn't take an event")[0]["reason"])


def test_no_thread_for_each(desk: Desk) -> None:
    """However many webhooks there are, one thread keeps what waits for them."""

    async def run(hanging: Receiver) -> int:
        webhooks = desk.make(QUICK)
        entries = [hanging.entry(f"w{number}") for number in range(20)]
        webhooks.follow(Receivers(webhooks=render_webhooks(desk.webhooks(*entries))))
        webhooks.take(event(1))
        await until(lambda: len(hanging.messages) >= 20)
        served = sum(thread.name.startswith("webhooks") for thread in threading.enumerate())
        await webhooks.end()
        return served

    with receivers(desk.authority, (0,) * 20) as (hanging,):
        assert asyncio.run(run(hanging)) == 1
