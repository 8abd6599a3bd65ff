"""The entry `retries` of a document: when a call to an upstream is tried again, and after which pauses."""

from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from exeat.config import fields as f
from exeat.config.endpoint_grammar import Off, whole
from exeat.config.entries import Entry
from exeat.config.grammar import parse_field_name
from exeat.config.problem import quote
from exeat.model.retries import DEFAULT

MOST_RETRIES: Final = 10
STANDARD_KEY: Final = "Idempotency-Key"
_REFERENCE: Final = r".*\$\{.*\}.*"


def _status(value: object) -> int:
    try:
        return whole(400, 599)(value)
    except ValueError:
        raise ValueError(f"{quote(value)} is no status of an error; write numbers from 400 to 599") from None


def _statuses(value: object) -> frozenset[int]:
    """Statuses of answers that are worth another attempt, or `off` for none."""
    if value == "off":
        return frozenset()
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list, as in [502, 503, 504], or off")
    return frozenset(_status(item) for item in value)


def _idempotency_key(value: object) -> str | None:
    """The name of a field; `true` is the standard's, `off` none."""
    if value in ("off", "false") or value is False:
        return None
    if value == "true" or value is True:
        return STANDARD_KEY
    if not isinstance(value, str):
        raise ValueError("write true, off, or the name of the field that the upstream reads")  # noqa: TRY004
    return parse_field_name(value)


def _whole_schema(first: int, last: int) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": first, "maximum": last},
                {"type": "string", "pattern": f"^([0-9]+|{_REFERENCE})$"},
            ]
        }
    )


TriesField = Annotated[int, PlainValidator(whole(0, MOST_RETRIES)), _whole_schema(0, MOST_RETRIES)]
ShareField = Annotated[int, PlainValidator(whole(1, 100)), _whole_schema(1, 100)]
ErrorStatusesField = Annotated[
    frozenset[int],
    PlainValidator(_statuses),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "anyOf": [
                            {"type": "integer", "minimum": 400, "maximum": 599},
                            {"type": "string", "pattern": f"^([45][0-9][0-9]|{_REFERENCE})$"},
                        ]
                    },
                    "examples": [[502, 503, 504]],
                },
                {"const": "off"},
            ]
        }
    ),
]
KeyFieldField = Annotated[
    str | None,
    PlainValidator(_idempotency_key),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "minLength": 1}], "examples": [True]}),
]


class Retries(Entry):
    """When a call is tried again. A number stands for `{limit: …}`, and `off` for 0.

    What was sent is sent again only where it can do nothing twice: by its method, or by an `Idempotency-Key`.
    """

    limit: TriesField = Field(default=DEFAULT.limit, description="How many attempts may follow the first, up to 10.")
    statuses: ErrorStatusesField = Field(
        default=DEFAULT.statuses,
        description="Which answers are worth another attempt; 429 only where it has `Retry-After`. `off` for none.",
    )
    backoff: f.DurationField = Field(
        default=DEFAULT.backoff_s,
        description="The longest pause before the second attempt; twice that before the third, and so on. How much of"
        " it is waited is left to chance (full jitter).",
    )
    backoff_limit: f.DurationField = Field(default=DEFAULT.backoff_limit_s, description="The longest of these pauses.")
    retry_after_limit: f.DurationField = Field(
        default=DEFAULT.retry_after_limit_s,
        description="The longest pause that the upstream asks for (`Retry-After`) and gets; where it asks for a longer"
        " one, its answer is passed on.",
    )
    budget: ShareField = Field(
        default=DEFAULT.budget,
        description="How many percent of the upstream's calls of the last 10 s may be retries. 3 a second always may.",
    )
    body: f.SizeField = Field(
        default=DEFAULT.body_bytes,
        description="How much of a request's body is kept to be sent again. A longer one streams, and isn't.",
    )
    idempotency_key: KeyFieldField = Field(
        default=None,
        description="The upstream honours an idempotency key: in the field `Idempotency-Key` (`true`), or the one that"
        " is named here. POST and PATCH without one get one, the same for each attempt, and are tried again.",
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.backoff > self.backoff_limit:
            written = self.model_fields_set
            advice = "shorten backoff" if "backoff_limit" in written else "write a longer backoff_limit beside it"
            fault = f"backoff {self.backoff:g}s is longer than backoff_limit {self.backoff_limit:g}s"
            raise ValueError(f"{fault}; {advice}")
        others = sorted(self.model_fields_set - {"limit"})
        if not self.limit and others:
            raise ValueError(f"has '{others[0]}', and limit 0, so that nothing is tried again; write one of them")
        return self


def _retries(value: object) -> object:
    if value == "off":
        return {"limit": 0}
    if isinstance(value, dict | Retries):
        return value
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return {"limit": whole(0, MOST_RETRIES)(value)}
        except ValueError:
            pass
    raise ValueError(f"write a number from 0 to {MOST_RETRIES}, off, or a mapping, as in {{limit: 2, backoff: 100ms}}")


RetriesField = Annotated[Retries, BeforeValidator(_retries, json_schema_input_type=Retries | TriesField | Off)]
