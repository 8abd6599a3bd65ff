"""Events of endpoints: that one rests, or is well again, and what operators say of it by hand.

Rule 1: however many workers see it, an endpoint that rests is one event, and that it is well again another one.
Rule 2: what is said by hand is told by every instance under the same id, so that it is sent once.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from exeat.cli.events import Events, render_time
from exeat.model.by_hand import ByHand
from exeat.model.snapshot import Snapshot
from exeat.model.webhook import EventType
from exeat.proxy.balancing import OPENED

OF_STATE: dict[str, EventType] = {"tripped": "endpoint.tripped", "drained": "endpoint.drained"}
GONE = "the worker that saw it fail has ended"


class CircuitEvents:
    """Makes events of what workers say of circuits, and of what is said by hand."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._marks: dict[str, set[int]] = {}  # by endpoint that rests, the processes for which it does
        self._told: set[str] = set()

    def hear(self, process: int, payload: bytes) -> None:
        """Take what a worker says: its own finding, or what it has heard of another one."""
        said = orjson.loads(payload)
        endpoint = said["endpoint"]
        if said["state"] == OPENED:
            self._marks.setdefault(endpoint, set()).add(process)
            if said["own"] and endpoint not in self._told:
                self._told.add(endpoint)
                self._tell("circuit.opened", endpoint, reason=said["reason"], rest_s=said["rest_s"])
        else:
            self._unmark(endpoint, process, None)

    def forget(self, process: int) -> None:
        """A worker is gone, and with it what it knew."""
        for endpoint in [endpoint for endpoint, marks in self._marks.items() if process in marks]:
            self._unmark(endpoint, process, GONE)

    def _unmark(self, endpoint: str, process: int, reason: str | None) -> None:
        marks = self._marks.get(endpoint, set())
        marks.discard(process)
        if not marks:
            self._marks.pop(endpoint, None)
            if endpoint in self._told:
                self._told.discard(endpoint)
                self._tell("circuit.closed", endpoint, reason=reason)

    def _tell(self, kind: EventType, name: str, **facts: object) -> None:
        upstream, _, endpoint = name.partition(" ")
        self._events.tell(kind, {"upstream": upstream, "endpoint": endpoint, **facts})

    def follow(self, before: Snapshot, after: Snapshot) -> None:
        """Tell what was said by hand since; forget endpoints that are gone."""
        known = {endpoint.id for upstream in after.upstreams.values() for endpoint in upstream.everywhere}
        for endpoint in [endpoint for endpoint in self._marks if endpoint not in known]:
            del self._marks[endpoint]
            self._told.discard(endpoint)
        if before.by_hand != after.by_hand:
            now = datetime.now(UTC).timestamp()
            for kind, said in said_since(before.by_hand, after.by_hand, now):
                self._events.tell(kind, _describe(said), _identify(kind, said))


def said_since(before: Iterable[ByHand], after: Iterable[ByHand], now: float) -> Iterator[tuple[EventType, ByHand]]:
    """What is different of what is said by hand, as events."""
    known = {one.id: one for one in before}
    for one in after:
        old = known.get(one.id, ByHand(one.upstream, one.endpoint))
        if one.reset > old.reset:
            yield "endpoint.reset", one
        if one.state is not None and (one.state, one.until) != (old.state, old.until):
            yield OF_STATE[one.state], one
        elif one.state is None and old.at(now) is not None and one.reset == old.reset:
            yield "endpoint.restored", one


def _describe(said: ByHand) -> dict[str, Any]:
    return {
        "upstream": said.upstream,
        "endpoint": said.endpoint,
        "by": said.by,
        "why": said.why,
        "until": None if said.until is None else render_time(said.until),
    }


def _identify(kind: EventType, said: ByHand) -> str:
    text = f"{kind}\n{said.id}\n{said.since}\n{said.reset}"
    return f"evt_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
