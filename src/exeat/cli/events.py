"""Events that operators are told of, in the log and to webhooks; and those of limits that are nearly used up."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson

from exeat.cli.control_child import ControlChild
from exeat.model.limit import SECOND_NS, Kind, Limit
from exeat.model.snapshot import Snapshot
from exeat.model.webhook import EventType
from exeat.policy.price import render_amount
from exeat.state.ledger import Crossing
from exeat.state.shared import limits_of
from exeat.telemetry.logs import Log
from exeat.telemetry.metrics import EVENTS

NEARLY: EventType = "limit.nearly"
REACHED: EventType = "limit.reached"
WORDS: dict[EventType, str] = {
    NEARLY: "limit is nearly used up",
    REACHED: "limit is used up",
    "circuit.opened": "an endpoint rests",
    "circuit.closed": "an endpoint is well again",
    "endpoint.tripped": "an endpoint is tripped by hand",
    "endpoint.drained": "an endpoint is drained by hand",
    "endpoint.reset": "an endpoint is reset by hand",
    "endpoint.restored": "an endpoint is restored by hand",
}
WARNINGS: frozenset[EventType] = frozenset({NEARLY, REACHED, "circuit.opened", "endpoint.tripped", "endpoint.drained"})
WHOLE = 100  # percent
UNLOGGED = frozenset({"kind"})


class Events:
    """Makes events of what the counters say; `snapshot` is what is in force."""

    def __init__(self, control: ControlChild, instance: str, snapshot: Callable[[], Snapshot], log: Log) -> None:
        self._control = control
        self._instance = instance
        self._snapshot = snapshot
        self._log = log
        self._limits: dict[str, Limit] = {}
        self._revision = ""

    def hear(self, payload: bytes) -> None:
        """Tell of a window that has passed a mark."""
        crossing = Crossing(**orjson.loads(payload))
        identifier, value, begin = crossing.name.rsplit("\n", 2)
        limit = self._find(identifier)
        if limit is None:
            return  # the document has it no more
        kind = REACHED if crossing.percent >= WHOLE else NEARLY
        self.tell(kind, describe_crossing(crossing, limit, value, int(begin)))

    def tell(self, kind: EventType, data: Mapping[str, object], identifier: str | None = None) -> None:
        """Log an event, and have webhooks told of it; once, where several instances tell it under one identifier."""
        self._control.measures.count(EVENTS, kind)
        say = self._log.warning if kind in WARNINGS else self._log.info
        say(WORDS[kind], **_facts(data))
        timestamp = render_time(datetime.now(UTC).timestamp())
        event = {"type": kind, "timestamp": timestamp, "data": {**data, "instance": self._instance}}
        self._control.announce(identifier or f"evt_{secrets.token_hex(12)}", event)

    def _find(self, identifier: str) -> Limit | None:
        snapshot = self._snapshot()
        if snapshot.revision != self._revision:
            self._limits = {limit.id: limit for limit in limits_of(snapshot)}
            self._revision = snapshot.revision
        return self._limits.get(identifier)


def describe_crossing(crossing: Crossing, limit: Limit, value: str, begin: int) -> dict[str, object]:
    """What is said of a limit; the value of a field that splits it is a digest already, see proxy/claims.py."""
    is_money = limit.kind is Kind.BUDGET
    per = limit.per
    return {
        "scope": limit.scope.value,
        "owner": limit.owner,
        "limit": limit.name,
        "kind": limit.kind.value,
        "per": None if per is None else per.by + (f":{per.field.decode()}" if per.field else ""),
        "value": None if per is None else value,
        "used": render_amount(crossing.used) if is_money else crossing.used,
        "amount": render_amount(crossing.amount) if is_money else crossing.amount,
        "currency": limit.currency or None,
        "window": {"unit": limit.unit, "begin": render_time(begin), "end": render_time(crossing.ends_at / SECOND_NS)},
    }


def _facts(data: Mapping[str, object]) -> dict[str, object]:
    """What a line of the log says of it."""
    facts = {name: value for name, value in data.items() if name not in UNLOGGED and value not in (None, "")}
    window = facts.get("window")
    return {**facts, "window": f"{window['begin']}/{window['end']}"} if isinstance(window, dict) else facts


def render_time(seconds: float) -> str:
    """RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
