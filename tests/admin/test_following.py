"""Following a gateway: what is sent, to whom, and until when."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import orjson
import pytest
from starlette.types import Message

from exeat.admin import live
from exeat.admin.app import build_app
from exeat.admin.live import render_event
from exeat.admin.running import Running, Told
from exeat.store.configuration.author import Author
from exeat.store.configuration.edit import editing
from exeat.store.search import Query
from tests.admin.running import RECORD, TICK, Following
from tests.admin.service import LOCAL, PASSWORD, Api, World, calling


@contextmanager
def followed(world: World, following: Following, queries: list[Query] | None = None) -> Iterator[Api]:
    """A caller of a gateway of which this is told."""

    def follow(query: Query) -> Following:
        (queries if queries is not None else []).append(query)
        return following

    with calling(world, token=world.administrator("ada", "viewer"), running=Running(follow=follow)) as api:
        yield api


def events(response: httpx.Response) -> list[tuple[str, object]]:
    """What was sent: events, and their data."""
    found = []
    for block in response.text.strip("\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        if "event" in fields:
            found.append((fields["event"], orjson.loads(fields["data"])))
    return found


def test_events_are_sent_as_they_come(world: World) -> None:
    """A record, a tick and the end are server-sent events, each with JSON in one line; nothing may keep them back."""
    following = Following()
    with followed(world, following) as api:
        response = api.ask("GET", "/live")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.text.startswith("retry: 2000\n\n")
    reason = {"reason": "this gateway ends"}
    assert events(response) == [("record", orjson.loads(RECORD)), ("tick", TICK), ("end", reason)]
    assert following.is_over
    assert render_event("record", b'{"a":\r\n1}') == b'event: record\ndata: {"a":  1}\n\n'


def test_filters_are_those_of_records(world: World) -> None:
    """What is followed is asked for as in a search of records, and refused as there."""
    queries: list[Query] = []
    with followed(world, Following(), queries) as api:
        params = {"where": ["consumer=web", "kind=exchange"], "status": "5xx", "text": "x"}
        assert api.ask("GET", "/live", params=params).is_success
        assert queries == [Query({"consumer": "web", "kind": "exchange"}, status="5xx", text="x")]
        for wrong in ({"status": "9x"}, {"where": "nothing=1"}, {"where": "consumer"}, {"since": "1h"}):
            assert api.refused("GET", "/live", params=wrong) == (400, "malformed-request")


def test_too_many_and_nothing_to_follow(world: World) -> None:
    """Where too many follow already, or no gateway runs, that is said before anything is sent."""
    with calling(world, acting_as=LOCAL, running=Running(follow=lambda _query: None)) as api:
        assert api.refused("GET", "/live") == (503, "overloaded")
    with calling(world, acting_as=LOCAL) as api:
        assert api.refused("GET", "/live") == (409, "conflict")


class Endless(Following):
    """Ticks, before each of which something happens."""

    def __init__(self, *happenings: object) -> None:
        super().__init__()
        self.happenings = happenings

    async def __aiter__(self) -> AsyncIterator[Told]:
        """One tick after each."""
        for happen in self.happenings:
            if callable(happen):
                happen()
            yield Told("tick", b"{}")


def disable(world: World) -> None:
    """Take the log-in away from who follows."""
    with editing(world.engine, Author("test"), now_us=1) as edit:
        edit.put_administrator("ada", role="viewer", disabled=True)


def test_it_ends_with_the_log_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not ask any more is told nothing more, and why."""
    monkeypatch.setattr(live, "LOOK_S", 0.0)
    following = Endless(None, lambda: disable(world), None)
    with followed(world, following) as api:
        reason = {"reason": "The administrator is disabled or gone."}
        assert events(api.ask("GET", "/live")) == [("tick", {}), ("end", reason)]
    assert following.is_over


def test_it_ends_with_the_session(world: World) -> None:
    """A session that ends by itself ends what it follows at once."""
    world.administrator("ada", "viewer", PASSWORD)

    def wait() -> None:
        world.now += 365 * 86400

    running = Running(follow=lambda _query: Endless(None, wait, None))
    with calling(world, running=running) as api:
        api.fine("POST", "/session", {"name": "ada", "password": PASSWORD})
        [tick, end] = events(api.ask("GET", "/live"))
    assert (tick, end) == (("tick", {}), ("end", {"reason": "The session has ended: log in again."}))


def test_whoever_goes_away_is_forgotten(world: World) -> None:
    """Where the connection ends, nothing more is told, whether or not anything happens."""
    following = Waiting()
    app = build_app(world.services(running=Running(follow=lambda _query: following)), acting_as=LOCAL)

    async def run() -> None:
        sent: list[Message] = []
        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])
        gone = asyncio.Event()

        async def receive() -> Message:
            for message in asked:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if len(sent) > 1:
                gone.set()

        scope = {
            "type": "http", "method": "GET", "path": "/api/v1/live", "query_string": b"", "headers": [],
            "client": ("127.0.0.1", 1), "scheme": "http", "server": ("localhost", 1), "http_version": "1.1",
            "asgi": {"version": "3.0", "spec_version": "2.1"},
        }  # fmt: skip
        async with asyncio.timeout(10):
            await app(scope, receive, send)

    asyncio.run(run())
    assert following.is_over


class Waiting(Following):
    """Nothing happens, for ever."""

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Nothing."""
        await asyncio.Event().wait()
        yield Told("tick", b"{}")
