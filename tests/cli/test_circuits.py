"""What a worker tells of its circuits: the counters what is to be shared, the supervisor what is an event."""

from typing import Any

import orjson
import pytest

from exeat.cli.circuits import Circuits
from exeat.proxy.balancing import Balancing
from exeat.state.ledger import Pause, Rest
from tests.support.values import snapshot, upstream

A, B = "https://a.test", "https://b.test"
NAME = f"billing {A}"
SECOND = 1_000_000_000


class Place:
    """A worker, as far as this is about it: its endpoints, and what it says to whom."""

    def __init__(self) -> None:
        self.now = 100.0
        self.balancing = Balancing(lambda: self.now)
        self.upstream = upstream("billing", A, B)
        self.balancing.follow(snapshot(self.upstream))
        self.heard_by_worker: list[object] = []
        self.said: list[Rest] = []
        self.told: list[dict[str, Any]] = []
        self.heard: Any = None
        self.rests: Any = None
        Circuits(self, self, lambda payload: self.told.append(orjson.loads(payload)))  # type: ignore[arg-type]

    def hear(self, word: object) -> None:
        """As Worker does."""
        self.heard_by_worker.append(word)
        if isinstance(word, Rest):
            self.balancing.rest(word.endpoint, word.for_ns / SECOND, word.reason)

    def say(self, word: Rest) -> None:
        """As Counters does."""
        self.said.append(word)

    def call(self, *, failed: bool, calls: int = 1) -> None:
        """Have calls of the first endpoint end like this."""
        for _ in range(calls):
            _, state = self.balancing.choose(self.upstream, self.upstream.endpoints[:1], (), self.now)
            self.balancing.judge(state, failed=failed, took_s=0.01, now=self.now)
            self.balancing.leave(state)
            self.now += 0.001


@pytest.fixture
def place() -> Place:
    """A worker with two endpoints."""
    return Place()


def test_it_opens_and_recovers(place: Place) -> None:
    """Others hear that an endpoint rests, again when its probe fails, and that it is well; events are two."""
    place.call(failed=True, calls=5)
    (rest,) = place.said
    assert (rest.endpoint, round(rest.for_ns / SECOND, 1), rest.reason) == (NAME, 5.0, "5 calls failed in a row")
    place.now += 6
    place.call(failed=True)
    assert [round(word.for_ns / SECOND) for word in place.said] == [5, 10]
    place.now += 11
    place.call(failed=False)
    assert place.said[2].for_ns == 0
    place.now += 11
    place.balancing.tend()
    assert [(one["state"], one["own"]) for one in place.told] == [("open", True), ("closed", True)]
    assert {word.for_ns for word in place.said[2:]} == {0}


def test_what_it_hears(place: Place) -> None:
    """What another worker has seen isn't said again; the supervisor knows that it isn't this worker's own."""
    place.heard(Rest(NAME, 5 * SECOND, "why"))
    place.heard(Pause("github", "", 0, None, None, SECOND))
    assert (place.said, len(place.heard_by_worker)) == ([], 2)
    assert [(one["endpoint"], one["state"], one["own"]) for one in place.told] == [(NAME, "open", False)]


def test_after_the_counters_were_away(place: Place) -> None:
    """What rests here is said again, but for what operators have said: that everybody knows."""
    place.call(failed=True, calls=5)
    place.balancing.rest(f"billing {B}", 60.0, "drained by hand", held=True)
    place.now += 2
    (rest,) = place.rests()
    assert (rest.endpoint, round(rest.for_ns / SECOND)) == (NAME, 3)
    place.now += 5
    assert list(place.rests()) == []
