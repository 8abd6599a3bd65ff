"""Events that operators are told of: limits that are nearly or wholly used up, in the log and to webhooks."""

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

NEARLY: EventType = "limit.nearly"
REACHED: EventType = "limit.reached"
WORDS = {NEARLY: "limit is nearly used up", REACHED: "limit is used up"}
WHOLE = 100  # percent


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
        data = describe_crossing(crossing, limit, value, int(begin)) | {"instance": self._instance}
        self._log.warning(WORDS[kind], **_facts(data))
        event = {"type": kind, "timestamp": _time(datetime.now(UTC).timestamp()), "data": data}
        self._control.announce(f"evt_{secrets.token_hex(12)}", event)

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
        "window": {"unit": limit.unit, "begin": _time(begin), "end": _time(crossing.ends_at / SECOND_NS)},
    }


def _facts(data: Mapping[str, object]) -> dict[str, object]:
    """What a line of the log says of it."""
    window = data["window"]
    assert isinstance(window, dict)  # noqa: S101 - made above
    names = ("scope", "owner", "limit", "per", "value", "used", "amount", "currency")
    facts = {name: data[name] for name in names if data[name] not in {None, ""}}
    return {**facts, "window": f"{window['begin']}/{window['end']}"}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
