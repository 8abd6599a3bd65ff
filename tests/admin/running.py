"""A gateway that an admin API can ask, whose answers are always the same."""

from collections.abc import AsyncIterator, Mapping, Sequence

import orjson

from exeat.admin.running import Came, Finding, Left, Running, Setting, Tested, Told
from exeat.model.limit import NANOS, SECOND_NS, Increase, Kind, Limit, Per, Scope
from exeat.model.secret import Secret

RECORD = b'{"id":"id-1",\n"kind":"exchange"}'
TICK = {
    "time": "2026-09-22T12:00:00Z", "in_flight": 2, "requests_per_s": 1.5, "errors": {"rate-limited": 0.1},
    "upstream_errors": {}, "p50_ms": 1.5, "p95_ms": None, "p99_ms": None, "cost": {"EUR": "1.75"}, "skipped": 0,
}  # fmt: skip
RESETS_AT = 1_790_121_600_000_000  # 2026-09-23T00:00:00Z
RAISED = "upstream/github/budget/b/month-UTC/EUR"
BUDGET = {"budget": "10 EUR/month", "name": "b", "price": "0.01 EUR"}  # as it is written
LIMITS = (
    Limit("consumer/web/quota/quota-day/day-UTC", "quota-day", Kind.QUOTA, Scope.CONSUMER, "web", 100, unit="day"),
    Limit(
        RAISED, "b", Kind.BUDGET, Scope.UPSTREAM, "github", 10 * NANOS,
        currency="EUR", soft=True, increase=Increase(20 * NANOS, 1_790_121_600 * SECOND_NS),
    ),
    Limit("gateway//rate/r/1s", "r", Kind.RATE, Scope.GATEWAY, "", 10, period=SECOND_NS, burst=20, report=True),
    Limit(
        "key/k/concurrency/c/per-header:x-a", "c", Kind.CONCURRENCY, Scope.KEY, "k", 5, per=Per("header", b"x-a")
    ),
)  # fmt: skip
EVENT = {
    "id": "evt_1", "type": "limit.reached", "timestamp": "2026-09-22T11:00:00Z", "data": {"owner": "web", "used": 100},
}  # fmt: skip


class Following:
    """A record, a tick, and the end."""

    def __init__(self, *told: Told) -> None:
        self.told = told or (Told("record", RECORD), Told("tick", orjson.dumps(TICK)))
        self.is_over = False

    async def __aiter__(self) -> AsyncIterator[Told]:
        """All that happens."""
        for one in self.told:
            yield one

    def end(self) -> None:
        """Note that nobody follows any more."""
        self.is_over = True


def left(limits: Sequence[Limit]) -> Mapping[str, Left]:
    """How each stands: a quarter of it is used."""
    known = [limit for limit in limits if limit.per is None]
    return {limit.id: Left(limit.amount, 3 * limit.amount // 4, RESETS_AT) for limit in known}


async def call(_key: Secret, envelope: bytes) -> Came:
    """What came back: what was sent."""
    return Came(200, {"exeat-request-id": "id-1"}, envelope, 1.5)


def test(upstream: str, path: str | None) -> Tested | None:
    """One upstream answers."""
    if upstream != "github":
        return None
    return Tested("GET", path or "/", 200, accepted=True, meaning="it answers", duration_ms=1.5)


RUNNING = Running(
    follow=lambda _query: Following(),
    limits=lambda: LIMITS,
    left=left,
    events=lambda: [EVENT],
    call=call,
    settings=lambda: [
        Setting("EXEAT_LISTEN", is_set=True, is_secret=False, value="127.0.0.1:8080", description="Where."),
        Setting("EXEAT_KEYRING", is_set=False, is_secret=True, value=None, description="Master keys."),
    ],
    examine=lambda days: [Finding("document", "fine", f"has no problems; {days} days were verified.")],
    test=test,
)
