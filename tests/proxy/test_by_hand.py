"""What operators say of endpoints, as a worker goes by it: it stands above whatever calls and other workers show."""

from math import inf
from typing import Any

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.by_hand import ByHand
from exeat.proxy.balancing import CLOSED, Balancing
from exeat.proxy.by_hand import Hands
from tests.support.values import snapshot, upstream

A, B = "https://a.test", "https://b.test/v1"
BILLING = upstream("billing", A, B)
NOW = 1_800_000_000.0


class Place:
    """The endpoints of a worker, and two clocks that go together."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.changes: list[tuple[str, str]] = []
        self.balancing = Balancing(
            lambda: 100 + self.passed, lambda name, state, *_: self.changes.append((name, state))
        )
        self.balancing.follow(snapshot(BILLING))
        self.hands = Hands(self.balancing, lambda: NOW + self.passed)

    def call(self) -> str:
        """Where a call goes, or the code of what it is refused with; it ends well."""
        now = 100 + self.passed
        try:
            endpoint, state = self.balancing.choose(BILLING, BILLING.endpoints, (), now)
        except GatewayError as error:
            return error.code.value
        self.balancing.judge(state, failed=False, took_s=0.01, now=now)
        self.balancing.leave(state)
        return endpoint.text

    def where(self, calls: int = 20) -> set[str]:
        """Where so many calls go."""
        return {self.call() for _ in range(calls)}

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds
        self.balancing.tend()


def said(url: str, state: Any = None, **more: Any) -> ByHand:
    return ByHand("billing", url, state, **more)


@pytest.mark.parametrize("state", ["tripped", "drained"])
def test_it_gets_no_calls(state: str) -> None:
    """An endpoint that is held gets nothing, however long; it comes back with a growing share when restored."""
    place = Place()
    place.hands.follow([said(A, state)])
    place.wait(86_400)
    assert place.where() == {"https://b.test"}
    (first, _) = sorted(place.balancing.report(), key=lambda one: str(one["endpoint"]))
    assert (first["state"], first["reason"], first["rests_s"]) == ("open", f"{state} by hand", None)
    place.hands.follow([said(A)])
    assert place.where(200) == {"https://a.test", "https://b.test"}
    place.wait(60)
    assert [place.call() for _ in range(4)].count("https://a.test") == 2


def test_all_are_held() -> None:
    """Where nobody is left, calls are refused as by an open circuit; no probe goes to who was taken out by hand."""
    place = Place()
    place.hands.follow([said(A, "drained"), said(B, "tripped")])
    place.wait(3600)
    assert place.where() == {Code.CIRCUIT_OPEN.value}


def test_its_time_ends() -> None:
    """Held for a time, it is tried again when that is over, and what comes later doesn't touch its recovery."""
    place = Place()
    place.hands.follow([said(A, "tripped", until=NOW + 600)])
    place.wait(599)
    assert place.where() == {"https://b.test"}
    place.hands.follow([said(A, "tripped", until=NOW + 600), said(B)])
    assert place.hands.holds(f"billing {A}")
    place.wait(2)
    assert not place.hands.holds(f"billing {A}")
    assert "https://a.test" in place.where()
    place.hands.follow([said(A, "tripped", until=NOW + 600)])
    assert "https://a.test" in place.where(200)


def test_what_others_see_doesnt_matter() -> None:
    """A rest that another worker tells of doesn't shorten it."""
    place = Place()
    place.hands.follow([said(A, "drained")])
    place.balancing.rest(f"billing {A}", 1.0, "another one saw it fail")
    place.wait(30)
    assert place.where() == {"https://b.test"}


def test_reset() -> None:
    """A reset closes a circuit at once, with the whole share; each counts once, also beside a hold of the other."""
    place = Place()
    place.hands.follow([])
    place.balancing.rest(f"billing {A}", 60.0, "it failed")
    place.hands.follow([said(A, reset=7), said(B, "drained")])
    assert place.where() == {"https://a.test"}
    assert (f"billing {A}", CLOSED) in place.changes
    place.balancing.rest(f"billing {A}", 60.0, "it failed again")
    place.hands.follow([said(A, reset=7), said(B)])
    assert place.where() == {"https://b.test"}


def test_a_reset_from_before() -> None:
    """What was reset before this worker began says nothing of what it has heard since."""
    place = Place()
    place.hands.follow([said(A, reset=7)])
    place.balancing.rest(f"billing {A}", 60.0, "it failed")
    place.hands.follow([said(A, reset=7)])
    assert place.where() == {"https://b.test"}
    place.hands.follow([said(A, reset=8)])
    assert [place.call() for _ in range(4)].count("https://a.test") == 2


def test_reset_and_held_again() -> None:
    """Reset and then drained, before this worker has heard of either: it is drained."""
    place = Place()
    place.hands.follow([said(A, "tripped")])
    place.hands.follow([said(A, "drained", reset=8)])
    assert place.where() == {"https://b.test"}


def test_of_an_endpoint_that_isnt_there() -> None:
    """What is said of an endpoint that the configuration doesn't have waits for it."""
    place = Place()
    place.hands.follow([said("https://c.test", "drained"), ByHand("other", A, "tripped", until=inf)])
    assert place.where() == {"https://a.test", "https://b.test"}
    more = upstream("billing", A, B, "https://c.test")
    place.balancing.follow(snapshot(more))
    place.hands.follow([said("https://c.test", "drained")])
    now = 100.0
    found = {place.balancing.choose(more, more.endpoints, (), now)[0].text for _ in range(30)}
    assert found == {"https://a.test", "https://b.test"}
