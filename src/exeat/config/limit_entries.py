"""Limits and prices as people write them: one class for each object, its fields with what they mean."""

from collections.abc import Callable
from typing import Annotated, Any, Self, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from exeat.config import fields as f
from exeat.config import limit_grammar as grammar
from exeat.config.entries import Entry, PathsField
from exeat.model.json_path import JsonPath
from exeat.model.limit import LOWEST_PRIORITY, Per

T = TypeVar("T")

KINDS = ("rate", "quota", "budget", "concurrency")
MOST_LIMITS = 100
_FIGURES = "[0-9](_?[0-9])*"
_REFERENCE = r".*\$\{.*\}.*"
_CURRENCY = "[A-Z]{3}"
_MONEY = rf"^([0-9][0-9_]*(\.[0-9]{{1,9}})? {_CURRENCY}|{_REFERENCE})$"
_CALENDAR = f"({'|'.join(grammar.UNITS)})"


def _from_number(parse: Callable[[str], T]) -> Callable[[object], T]:
    """A validator of text that begins with a number: of a number alone, the grammar says what belongs behind it."""
    from_text = f.from_text(parse)

    def validate(value: object) -> T:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return parse(str(value)) if is_number else from_text(value)

    return validate


CountField = Annotated[
    int,
    PlainValidator(grammar.parse_count),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": grammar.MOST},
                {"type": "string", "pattern": f"^({_FIGURES}|{_REFERENCE})$"},
            ]
        }
    ),
]
RateField = Annotated[
    grammar.Rate,
    PlainValidator(_from_number(grammar.parse_rate)),
    f.text_schema(
        "100/minute", rf"^ *({_FIGURES} */ *(second|minute|hour|day|[0-9]+(\.[0-9]+)?(ms|s|m|h)) *|{_REFERENCE})$"
    ),
]
QuotaField = Annotated[
    grammar.Quota,
    PlainValidator(_from_number(grammar.parse_quota)),
    f.text_schema("50_000/month", rf"^ *({_FIGURES} */ *{_CALENDAR} *|{_REFERENCE})$"),
]
BudgetField = Annotated[
    grammar.Budget,
    PlainValidator(_from_number(grammar.parse_budget)),
    f.text_schema("25 USD/day", rf"^ *([0-9][0-9_]*(\.[0-9]{{1,9}})? {_CURRENCY} */ *{_CALENDAR} *|{_REFERENCE})$"),
]
RaisedField = Annotated[
    grammar.Money, PlainValidator(_from_number(grammar.parse_raised)), f.text_schema("300 USD", _MONEY)
]
MoneyField = Annotated[
    grammar.Money, PlainValidator(_from_number(grammar.parse_money)), f.text_schema("0.005 USD", _MONEY)
]
ReserveField = Annotated[
    grammar.Money, PlainValidator(_from_number(grammar.parse_reserve)), f.text_schema("0.05 USD", _MONEY)
]
FactorField = Annotated[
    int,
    PlainValidator(grammar.parse_factor),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "number", "exclusiveMinimum": 0}]}),
]
CurrencyField = Annotated[
    str,
    PlainValidator(f.from_text(lambda text: grammar.parse_money(f"0 {text}").currency)),
    f.text_schema("USD", f"^({_CURRENCY}|{_REFERENCE})$"),
]
CostPathField = Annotated[
    JsonPath, PlainValidator(f.from_text(grammar.parse_cost_path)), f.text_schema("$.usage.cost", r"^\$")
]
CostHeaderField = Annotated[str, PlainValidator(f.from_text(f.parse_token)), f.text_schema("X-Cost")]
ZoneField = Annotated[str, PlainValidator(f.from_text(grammar.parse_zone)), f.text_schema("Europe/Berlin")]
PerField = Annotated[
    Per,
    PlainValidator(f.from_text(grammar.parse_per)),
    f.text_schema("header:X-Tenant", f"^(consumer|key|ip|header:.+|{_REFERENCE})$"),
]
LimitNameField = Annotated[
    str,
    PlainValidator(f.from_text(grammar.parse_limit_name)),
    f.text_schema("nightly-import", rf"^([A-Za-z0-9][A-Za-z0-9._\-]{{0,63}}|{_REFERENCE})$"),
]
InstantField = Annotated[int, PlainValidator(f.from_text(grammar.parse_instant)), f.text_schema("2027-01-31T00:00:00Z")]
PriorityField = Annotated[
    int,
    PlainValidator(grammar.parse_place),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LOWEST_PRIORITY}),
]


class PriceRule(Entry):
    """The price of the calls that a rule covers."""

    methods: f.MethodsField | None = Field(default=None, description="Their methods; all, without it.")
    paths: PathsField | None = Field(
        default=None, description="Their paths, below the upstream's URL; a list stands for `allow`. All, without it."
    )
    price: MoneyField = Field(description="What such a call costs, as in `0.02 USD`.")

    @model_validator(mode="after")
    def _covers_something(self) -> Self:
        if self.methods is None and self.paths is None:
            raise ValueError("names neither methods nor paths; write 'otherwise' for the price of all other calls")
        return self


class Price(Entry):
    """What a call costs: an amount for each, by rules, or as the answer says. `0.005 USD` alone stands for `call`.

    One of `call`, `rules`, `field`, `json` and `megabyte` has to be there. With one of the last three the cost is known
    only once the answer is: until then `reserve` is held back from the budget, and where the answer doesn't say it,
    `reserve` is what the call has cost.
    """

    model_config = ConfigDict(protected_namespaces=())

    call: MoneyField | None = Field(default=None, description="What each call costs.")
    rules: list[PriceRule] | None = Field(
        default=None, description="Prices of certain calls; the first rule that covers a call counts."
    )
    otherwise: MoneyField | None = Field(
        default=None, description="With `rules`: what a call costs that no rule covers; nothing, without it."
    )
    field: CostHeaderField | None = Field(default=None, description="The field of the answer that says the cost.")
    json_path: CostPathField | None = Field(
        default=None,
        alias="json",
        description="Where in the answer's JSON the cost stands (the sum, where that is several numbers); in a stream"
        " of events, in the last one that has it. Read are JSON of up to 1 MiB, and the last four events, of up to"
        " 256 KiB together; of codings, `gzip` and `deflate` alone are asked for.",
    )
    megabyte: MoneyField | None = Field(
        default=None, description="What each megabyte (1 000 000 bytes) of the answer's body costs."
    )
    currency: CurrencyField | None = Field(
        default=None,
        description="With `field` or `json`: the currency of what they say; that of `reserve`, without it.",
    )
    reserve: ReserveField | None = Field(
        default=None, description="What is held back until the answer says the cost; required where it does."
    )
    factor: FactorField | None = Field(
        default=None,
        description="With `field` or `json`: what is read is multiplied by this, where it counts something else than"
        " money, such as tokens. 1, without it.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        ways = [
            name
            for name, value in (
                ("call", self.call),
                ("rules", self.rules),
                ("field", self.field),
                ("json", self.json_path),
                ("megabyte", self.megabyte),
            )
            if value is not None
        ]
        if len(ways) != 1:
            fault = f"has {' and '.join(ways)}" if ways else "says no price"
            raise ValueError(f"{fault}; write one of call, rules, field, json and megabyte")
        self._check_options(ways[0])
        self._check_currencies()
        return self

    def _check_options(self, way: str) -> None:
        later = way in {"field", "json", "megabyte"}
        if later and self.reserve is None:
            raise ValueError(
                "needs 'reserve': about what the dearest call costs, held back until the answer says the cost,"
                " as in reserve: 0.05 USD"
            )
        if not later and self.reserve is not None:
            raise ValueError("has 'reserve', but its price is known before the call; remove it")
        for name in ("currency", "factor"):
            if way not in {"field", "json"} and getattr(self, name) is not None:
                raise ValueError(f"has '{name}', which belongs to field and json; remove it")
        if self.otherwise is not None and way != "rules":
            raise ValueError("has 'otherwise' without 'rules'; write 'call' for what each call costs")
        if self.rules is not None and not self.rules:
            raise ValueError("has an empty list of rules; write some, or 'call' for what each call costs")

    def _check_currencies(self) -> None:
        found = sorted(self.currencies())
        if len(found) > 1:
            raise ValueError(f"is in {' and '.join(found)}; write all of a price in one currency")

    def currencies(self) -> set[str]:
        """The currencies that are written; one, in a valid price."""
        amounts = [self.call, self.otherwise, self.megabyte, self.reserve, *(rule.price for rule in self.rules or ())]
        written = {self.currency} if self.currency else set()
        return written | {amount.currency for amount in amounts if amount is not None}


def _price(value: object) -> object:
    return {"call": value} if isinstance(value, str | int | float) and not isinstance(value, bool) else value


PriceField = Annotated[Price, BeforeValidator(_price, json_schema_input_type=Price | MoneyField)]


class Increase(Entry):
    """A budget that is higher until a time, after which it is what it was."""

    budget: RaisedField = Field(description="The amount until then, without a unit: `300 USD`.")
    until: InstantField = Field(
        description="When it ends: ISO 8601 with an offset, or a date: the beginning of that day, in UTC."
    )


def _one_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [kind]} for kind in KINDS]


class Limit(Entry):
    """How much may pass: one of `rate`, `quota`, `budget` and `concurrency`, with options.

    All limits that apply to a call are checked: those of the gateway, the consumer, the key, the grant and the
    upstream. Each is one count for all that it covers, in all workers and instances, unless `per` splits it.
    """

    model_config = ConfigDict(json_schema_extra=_one_kind)

    rate: RateField | None = Field(
        default=None,
        description="Requests in a time: `100/minute` (second, minute, hour, day), or any length, `20/10s`. It is"
        " spread evenly: what is used comes back bit by bit, not at the full minute.",
    )
    quota: QuotaField | None = Field(
        default=None,
        description="Requests in a calendar's minute, hour, day, week (from Monday), month or year: `50_000/month`.",
    )
    budget: BudgetField | None = Field(
        default=None,
        description="Money in a calendar's minute, hour, day, week, month or year: `25 USD/day`. A call's cost is held"
        " back before it is sent, and given back where nothing was.",
    )
    concurrency: CountField | None = Field(default=None, description="How many exchanges may run at once.")
    name: LimitNameField | None = Field(
        default=None,
        description="What callers, logs and metrics call it; otherwise `rate`, `quota-month`, `budget-day` or"
        " `concurrency`, and where there are several of these, by what they differ in (`rate-second`,"
        " `quota-day-per-key`). What was counted goes with it: it begins anew under another name.",
    )
    burst: CountField | None = Field(
        default=None,
        description="With `rate`: how many may pass at once after a rest; as many as the rate, without it.",
    )
    zone: ZoneField | None = Field(
        default=None, description="With `quota` and `budget`: the time zone of the calendar; UTC, without it."
    )
    price: PriceField | None = Field(
        default=None,
        description="With `budget`: what a call costs. Without it, the `price` of the upstream that is called counts,"
        " and calls to upstreams without one in this currency cost nothing.",
    )
    soft: f.FlagField = Field(
        default=False, description="With `budget`: let calls pass beyond it; what is spent is counted and reported."
    )
    increase: Increase | None = Field(default=None, description="With `budget`: a higher amount until a time.")
    per: PerField | None = Field(
        default=None,
        description="Count each `consumer`, `key`, address (`ip`) or value of a field (`header:X-Tenant`) by itself.",
    )
    mode: f.ModeField = Field(
        default="enforce", description="`report` lets pass what would be refused, and records it."
    )
    wait: f.DurationField | None = Field(
        default=None,
        description="How long a request may stand in line in place of being refused at once: `2s`. First come, first"
        " served, by `priority` of the consumer.",
    )
    queue: CountField | None = Field(
        default=None, description="With `wait`: how many may stand in line at once; 100, without it."
    )
    unless_known: f.OnFailureField | None = Field(
        default=None,
        description="With `quota` and `budget`, where the count can't be reached: `refuse` calls with"
        " `state-unavailable`, as without it, or `continue`. Rates and concurrency are then counted by each process"
        " alone.",
    )

    @property
    def kind(self) -> str:
        """Which of the kinds it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) > 1:
            raise ValueError(f"has {' and '.join(kinds)}; write an entry for each")
        if not kinds:
            raise ValueError("limits nothing; write one of rate, quota, budget and concurrency")
        return self


def _limits(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("must be a list, as in [{rate: 100/minute}, {quota: 50_000/month}]")  # noqa: TRY004
    if len(value) > MOST_LIMITS:
        raise ValueError(f"has more than {MOST_LIMITS} entries, all of which each call would be checked by")
    return value


LimitsField = Annotated[list[Limit], BeforeValidator(_limits, json_schema_input_type=list[Limit])]
