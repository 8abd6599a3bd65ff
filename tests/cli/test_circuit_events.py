"""Events of endpoints: one for each change, however many workers see it, and the words of operators."""

from typing import Any

import orjson
import pytest

from exeat.cli.circuit_events import GONE, CircuitEvents, said_since
from exeat.cli.events import Events
from exeat.cli.measures import Measures
from exeat.model.by_hand import ByHand
from exeat.model.snapshot import Snapshot
from exeat.telemetry.logs import Log
from tests.support.values import snapshot, upstream

A, B = "https://a.test", "https://b.test"
NAME = f"billing {A}"


class Told:
    """The control process, as far as it is told of events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.ids: list[str] = []
        self.measures = Measures(lambda _: True)

    def announce(self, identifier: str, event: dict[str, Any]) -> None:
        self.ids.append(identifier)
        self.events.append((event["type"], event["data"]))

    @property
    def types(self) -> list[str]:
        return [kind for kind, _ in self.events]


@pytest.fixture
def told() -> Told:
    """Nobody has been told anything."""
    return Told()


@pytest.fixture
def circuits(told: Told) -> CircuitEvents:
    """The events of one instance."""
    return CircuitEvents(Events(told, "aaa", snapshot, Log("test")))  # type: ignore[arg-type]


def said(state: str, *, own: bool, name: str = NAME) -> bytes:
    """What a worker says."""
    return orjson.dumps({"endpoint": name, "state": state, "reason": "it failed", "rest_s": 5.0, "own": own})


def test_one_event_for_all_workers(circuits: CircuitEvents, told: Told) -> None:
    """Whoever sees it first tells of it; it is well again when it is for all of them."""
    circuits.hear(1, said("open", own=True))
    circuits.hear(2, said("open", own=False))
    circuits.hear(3, said("open", own=True))
    assert told.events == [
        (
            "circuit.opened",
            {"upstream": "billing", "endpoint": A, "reason": "it failed", "rest_s": 5.0, "instance": "aaa"},
        )
    ]
    circuits.hear(1, said("closed", own=True))
    circuits.hear(2, said("closed", own=True))
    assert told.types == ["circuit.opened"]
    circuits.hear(3, said("closed", own=True))
    assert told.types == ["circuit.opened", "circuit.closed"]
    circuits.hear(3, said("closed", own=True))
    circuits.hear(3, said("open", own=True))
    assert told.types == ["circuit.opened", "circuit.closed", "circuit.opened"]
    assert len(set(told.ids)) == 3


def test_what_another_instance_has_seen(circuits: CircuitEvents, told: Told) -> None:
    """The instance that saw an endpoint fail tells of it; the others don't."""
    circuits.hear(1, said("open", own=False))
    circuits.hear(1, said("closed", own=True))
    assert told.events == []


def test_workers_that_end(circuits: CircuitEvents, told: Told) -> None:
    """Where nobody is left who knows of a rest, it is over, and the reason is said."""
    circuits.hear(1, said("open", own=True))
    circuits.hear(2, said("open", own=False))
    circuits.forget(1)
    assert told.types == ["circuit.opened"]
    circuits.forget(2)
    assert told.events[1][1]["reason"] == GONE
    circuits.forget(2)
    assert len(told.events) == 2


def test_endpoints_that_are_gone(circuits: CircuitEvents, told: Told) -> None:
    """An endpoint that the document has no more is forgotten, and tells again when it is back."""
    there, gone = snapshot(upstream("billing", A)), snapshot()
    circuits.hear(1, said("open", own=True))
    circuits.follow(there, there)
    circuits.hear(2, said("open", own=True))
    circuits.follow(there, gone)
    circuits.hear(1, said("open", own=True))
    assert told.types == ["circuit.opened", "circuit.opened"]


def by_hand(*words: ByHand) -> Snapshot:
    """A configuration in which operators have said this."""
    from dataclasses import replace  # noqa: PLC0415 - one use

    return replace(snapshot(upstream("billing", A, B)), by_hand=words)


DRAINED = ByHand("billing", A, "drained", None, 1000.0, "ada", "a new disk")


def test_words_of_operators(circuits: CircuitEvents, told: Told) -> None:
    """What is said by hand is an event, with who said it; another instance tells it under the same id."""
    circuits.follow(by_hand(), by_hand(DRAINED))
    assert told.events == [
        (
            "endpoint.drained",
            {
                "upstream": "billing", "endpoint": A, "by": "ada", "why": "a new disk", "until": None,
                "instance": "aaa",
            },
        )
    ]  # fmt: skip
    other = Told()
    CircuitEvents(Events(other, "bbb", snapshot, Log("test"))).follow(by_hand(), by_hand(DRAINED))  # type: ignore[arg-type]
    assert other.ids == told.ids
    circuits.follow(by_hand(DRAINED), by_hand(DRAINED))
    assert len(told.ids) == 1


TRIPPED = ByHand("billing", A, "tripped", 2000.0)
NOTHING = ByHand("billing", A)


@pytest.mark.parametrize(
    ("before", "after", "now", "kinds"),
    [
        ([], [TRIPPED], 0, ["endpoint.tripped"]),
        ([TRIPPED], [DRAINED], 0, ["endpoint.drained"]),
        ([DRAINED], [NOTHING], 0, ["endpoint.restored"]),
        ([TRIPPED], [NOTHING], 3000, []),
        ([TRIPPED], [ByHand("billing", A, reset=3)], 0, ["endpoint.reset"]),
        ([], [ByHand("billing", A, reset=3)], 0, ["endpoint.reset"]),
        ([ByHand("billing", A, reset=3)], [ByHand("billing", A, "drained", reset=4)], 0,
         ["endpoint.reset", "endpoint.drained"]),
        ([DRAINED], [], 0, []),
        ([DRAINED], [DRAINED, ByHand("billing", B, "drained")], 0, ["endpoint.drained"]),
    ],
)  # fmt: skip
def test_which_words_are_events(before: list[ByHand], after: list[ByHand], now: float, kinds: list[str]) -> None:
    """Each word is told as what it is; what ended by itself isn't restored by anybody."""
    assert [kind for kind, _ in said_since(before, after, now)] == kinds
