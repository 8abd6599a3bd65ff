"""Endpoints, circuits and health checks as people write them: one class for each object, with its fields."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from exeat.config import endpoint_grammar as grammar
from exeat.config import fields as f
from exeat.config.entries import Entry
from exeat.model.circuit import Balance

MOST_ENDPOINTS = 100
_REFERENCE = r".*\$\{.*\}.*"
_STATUS = "[1-5][0-9][0-9]"


def _whole(first: int, last: int, *, off: bool = False) -> WithJsonSchema:
    """How the schema describes a whole number, or `off`."""
    text = rf"^([0-9]+{'|off' if off else ''}|{_REFERENCE})$"
    return WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": first, "maximum": last}, {"type": "string", "pattern": text}]}
    )


WeightField = Annotated[int, PlainValidator(grammar.whole(0, grammar.MOST_WEIGHT)), _whole(0, grammar.MOST_WEIGHT)]
EndpointPriorityField = Annotated[
    int, PlainValidator(grammar.whole(0, grammar.LAST_PRIORITY)), _whole(0, grammar.LAST_PRIORITY)
]
TimesField = Annotated[int, PlainValidator(grammar.whole(1, grammar.MOST)), _whole(1, grammar.MOST)]
TimesOrOffField = Annotated[
    int | None, PlainValidator(grammar.whole_or_off(1, grammar.MOST)), _whole(1, grammar.MOST, off=True)
]
PercentField = Annotated[int, PlainValidator(grammar.whole(1, 100)), _whole(1, 100)]
PercentOrOffField = Annotated[int | None, PlainValidator(grammar.whole_or_off(1, 100)), _whole(1, 100, off=True)]
CheckPathField = Annotated[
    bytes, PlainValidator(f.from_text(grammar.parse_check_path)), f.text_schema("/healthz", r"^/")
]
StatusesField = Annotated[
    tuple[tuple[int, int], ...],
    PlainValidator(grammar.parse_statuses),
    WithJsonSchema(
        {
            "type": "array",
            "minItems": 1,
            "examples": [["200-299"], [200, 204]],
            "items": {
                "anyOf": [
                    {"type": "integer", "minimum": 100, "maximum": 599},
                    {"type": "string", "pattern": rf"^({_STATUS}(-{_STATUS})?|{_REFERENCE})$"},
                ]
            },
        }
    ),
]
BalanceField = Annotated[
    Balance, PlainValidator(grammar.parse_balance), WithJsonSchema({"enum": ["weighted", "least-pending"]})
]


class Endpoint(Entry):
    """One address of an upstream. Its URL alone stands for `{url: …}`."""

    url: f.UrlField = Field(description="Where it is; its path begins every call that goes there.")
    weight: WeightField = Field(
        default=1,
        description="How many calls it gets, compared to the others of its priority, from 0 to 1000. With 0 it gets"
        " calls only when none of those is well.",
    )
    priority: EndpointPriorityField = Field(
        default=0, description="The lowest number goes first; the next gets calls when no endpoint before it is well."
    )


def _endpoint(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _endpoints(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("must be a list, as in [https://a.example.com, https://b.example.com]")  # noqa: TRY004
    if not value:
        raise ValueError("is an empty list; list something, or remove the line")
    if len(value) > MOST_ENDPOINTS:
        raise ValueError(f"lists more than {MOST_ENDPOINTS} endpoints")
    return value


EndpointField = Annotated[Endpoint, BeforeValidator(_endpoint, json_schema_input_type=Endpoint | f.UrlField)]
EndpointsField = Annotated[
    list[EndpointField],
    BeforeValidator(_endpoints, json_schema_input_type=list[EndpointField]),
]


class Circuit(Entry):
    """When an endpoint that fails gets a rest, and how it comes back. `off` alone stands for never.

    A call fails by what no caller has caused: no connection, no head of an answer in time, an answer that isn't HTTP,
    or one with the status 500, 502, 503 or 504.
    """

    failures: TimesOrOffField = Field(
        default=5, description="So many calls that fail in a row open it; `off`: none do."
    )
    ratio: PercentOrOffField = Field(
        default=50,
        description="Or so many percent of the calls within `window`, from `calls` calls on; `off`: none do.",
    )
    calls: TimesField = Field(default=20, description="From how many calls within `window` on percents count.")
    window: f.DurationField = Field(default=10.0, description="How far back calls count for percents.")
    slow: f.TotalField = Field(
        default=None, description="The head of an answer that takes longer makes a call slow; without it, none is."
    )
    slow_ratio: PercentField = Field(default=50, description="With `slow`: so many percent of slow calls open it.")
    rest: f.DurationField = Field(
        default=5.0,
        description="How long the endpoint rests at first; twice as long each time it opens again before it has"
        " recovered.",
    )
    rest_limit: f.DurationField = Field(default=60.0, description="The longest rest.")
    ramp: f.TotalField = Field(
        default=10.0,
        description="After a rest one call tries the endpoint; if that goes well, its share grows from a tenth to the"
        " whole within this time. `off`: it has the whole at once.",
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        written = self.model_fields_set
        if self.failures is None and self.ratio is None and self.slow is None:
            raise ValueError("opens for nothing: failures, ratio and slow are off; write 'circuit: off'")
        if self.slow is None and "slow_ratio" in written:
            raise ValueError("has 'slow_ratio' without 'slow'; write from when on a call is slow, as in slow: 2s")
        if self.ratio is None and self.slow is None:
            for name in ("calls", "window"):
                if name in written:
                    raise ValueError(f"has '{name}', which only 'ratio' and 'slow' go by, and both are off; remove it")
        if self.rest > self.rest_limit:
            advice = "raise rest_limit, or shorten rest"
            raise ValueError(f"rest {self.rest:g}s is longer than rest_limit {self.rest_limit:g}s; {advice}")
        return self


def _circuit(value: object) -> object:
    if value == "off":
        return None
    if not isinstance(value, dict | Circuit):
        raise ValueError("write off, or a mapping, as in {failures: 5, rest: 5s}")  # noqa: TRY004
    return value


CircuitField = Annotated[Circuit | None, BeforeValidator(_circuit, json_schema_input_type=Circuit | grammar.Off)]


class HealthCheck(Entry):
    """A request that Exeat sends to each endpoint by itself, to see whether it is well.

    It is a GET without any credential. An endpoint that isn't well rests as one whose circuit is open.
    """

    path: CheckPathField = Field(description="What to ask for: a path, from the root of the endpoint's host on.")
    every: f.DurationField = Field(default=10.0, description="How often, from `100ms` on.")
    timeout: f.DurationField = Field(
        default=2.0,
        description="How long the head of the answer may take, connecting included; half of `every`, where that is"
        " shorter and this isn't written.",
    )
    statuses: StatusesField = Field(
        default=((200, 299),),
        description="Which statuses mean that it is well.",
        json_schema_extra={"default": ["200-299"]},
    )
    healthy: TimesField = Field(default=2, description="So many good checks in a row end a rest that checks began.")
    unhealthy: TimesField = Field(default=3, description="So many bad checks in a row begin a rest.")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.every < grammar.OFTEN_S:
            raise ValueError(f"every {self.every:g}s is too often; write 100ms or more")
        if "timeout" in self.model_fields_set and self.timeout >= self.every:
            advice = "shorten timeout, or check less often"
            raise ValueError(f"timeout {self.timeout:g}s isn't shorter than every {self.every:g}s; {advice}")
        return self

    @property
    def timeout_s(self) -> float:
        """How long a check may take."""
        return self.timeout if "timeout" in self.model_fields_set else min(self.timeout, self.every / 2)
