"""Limits: rates, quotas, budgets and concurrency, as a document gives them and as counters know them.

Times are nanoseconds, money is counted in billionths of a currency's unit: whole numbers, so that nothing is rounded.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from exeat.model.json_path import JsonPath
from exeat.model.paths import PathRules

SECOND_NS = 1_000_000_000
NANOS = 1_000_000_000  # of a currency's unit
LOWEST_PRIORITY = 7
DEFAULT_PRIORITY = 3  # as the urgency of RFC 9218 §4.1: 0 comes first


class Kind(StrEnum):
    """What a limit counts."""

    RATE = "rate"
    QUOTA = "quota"
    BUDGET = "budget"
    CONCURRENCY = "concurrency"
    PROVIDER = "provider"  # what an upstream says of its own limits


class Scope(StrEnum):
    """Whose limit it is."""

    GATEWAY = "gateway"
    CONSUMER = "consumer"
    KEY = "key"
    UPSTREAM = "upstream"
    GRANT = "grant"


Unit = Literal["minute", "hour", "day", "week", "month", "year"]
Split = Literal["consumer", "key", "ip", "header"]


@dataclass(frozen=True, slots=True)
class Per:
    """What splits one limit into many: each consumer, key, address, or value of a field (lower-case) has its own."""

    by: Split
    field: bytes = b""


@dataclass(frozen=True, slots=True)
class PriceRule:
    """The price (billionths) of calls that a rule covers."""

    methods: frozenset[bytes] | None
    paths: PathRules | None
    amount: int


@dataclass(frozen=True, slots=True)
class Price:
    """What a call costs, in billionths of `currency`.

    `rules` in their order and else `call` say it before the call. Otherwise `reserve` is held back until the answer
    says it: in `field` (lower-case), at `json`, or by its length, `megabyte` for each 10^6 bytes. What `field` and
    `json` hold is multiplied by `factor`, in billionths too.
    """

    currency: str
    call: int = 0
    rules: tuple[PriceRule, ...] = ()
    reserve: int = 0
    field: bytes | None = None
    json: JsonPath | None = None
    megabyte: int | None = None
    factor: int = NANOS

    @property
    def is_known_before(self) -> bool:
        """Whether the price is known before the call."""
        return self.field is None and self.json is None and self.megabyte is None


@dataclass(frozen=True, slots=True)
class Increase:
    """A budget (billionths) that holds until a time (ns since the epoch)."""

    amount: int
    until: int


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.

    `amount` is how many requests a rate or quota lets pass, how many exchanges run at once, or the budget's billionths
    of `currency`. A rate has `period` (ns) and `burst`; quotas and budgets count by the calendar's `unit` in `zone`.
    `id` stands for owner, name, window and currency: while it stays the same, what was counted is kept. `wait_ns` is
    how long a request may stand in line, with at most `queue` others; 0 refuses at once. `goes_on` lets calls pass
    while a quota or budget can't be counted. `soft` lets them pass beyond a budget. `price` None is the upstream's.
    """

    id: str
    name: str
    kind: Kind
    scope: Scope
    owner: str
    amount: int
    period: int = 0
    burst: int = 0
    unit: Unit = "month"
    zone: str = "UTC"
    per: Per | None = None
    wait_ns: int = 0
    queue: int = 0
    report: bool = False
    goes_on: bool = False
    currency: str = ""
    price: Price | None = None
    soft: bool = False
    increase: Increase | None = None
    interval: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Make ready how long (ns, rounded up) a rate takes to give one request back."""
        object.__setattr__(self, "interval", -(-self.period // self.amount) if self.kind is Kind.RATE else 0)
