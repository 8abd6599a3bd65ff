"""The types of a document's fields: what each accepts, and how the JSON Schema describes it."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import PlainValidator, WithJsonSchema

from exeat.config import grammar
from exeat.config.grammar import CONTROLS, NAME, Pattern
from exeat.config.problem import quote, suggest
from exeat.model.json_path import JsonPath, parse_json_path
from exeat.model.origin import Target
from exeat.model.paths import PathPattern
from exeat.model.secret import Secret
from exeat.model.upstream import Network
from exeat.model.webhook import EVENT_TYPES
from exeat.policy.webhook import parse_secret

T = TypeVar("T")
HOPS_LIMIT = 10
DAYS_LIMIT = 36500
Mode = Literal["enforce", "report"]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text; quote it")  # noqa: TRY004 - pydantic collects ValueError
    if not value:
        raise ValueError("is empty")
    return value


def from_text(parse: Callable[[str], T]) -> Callable[[object], T]:
    """A validator of text that a grammar parses."""

    def validate(value: object) -> T:
        return parse(_text(value))

    return validate


def _several(parse: Callable[[Any], T]) -> Callable[[object], tuple[T, ...]]:
    """A validator of a list; every wrong item is named. An empty list reads as 'none' to some and 'all' to others."""

    def validate(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list, as in [a, b]")  # noqa: TRY004
        if not value:
            raise ValueError("is an empty list; list something, or remove the line")
        return tuple(_items(parse, value))

    return validate


def _items(parse: Callable[[Any], T], values: list[object]) -> list[T]:
    items, faults = [], []
    for value in values:
        try:
            items.append(parse(value))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError("; ".join(faults))
    return items


def _secret(value: object) -> Secret:
    """Text that can stand in a field, in one line."""
    if not isinstance(value, str):
        raise ValueError("must be text; put quotes around it")  # noqa: TRY004
    if CONTROLS.search(value):
        raise ValueError("holds a control character (a line break?); a secret is one line")
    if value.startswith("\ufeff"):
        raise ValueError("begins with a byte order mark, which nobody sees; take it off")
    return Secret(value)


COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")  # RFC 6265 §4.1.1


def _token(value: object) -> Secret:
    secret = _secret(value)
    text = secret.reveal()
    if not text:
        raise ValueError("is empty")
    if text != text.strip():
        raise ValueError("begins or ends with white space, which a field can't keep")
    return secret


def _bearer(value: object) -> Secret:
    secret = _token(value)
    if secret.reveal().lower().startswith("bearer "):
        raise ValueError("begins with 'Bearer '; write the token alone, Exeat adds the word")
    if " " in secret.reveal():
        raise ValueError("holds a space, which a bearer token can't (RFC 6750)")
    return secret


def _cookie_value(value: object) -> Secret:
    secret = _token(value)
    if not COOKIE_VALUE.fullmatch(secret.reveal()):
        raise ValueError("holds a character that a cookie can't (white space, '\"', ',', ';', '\\' or none of ASCII)")
    return secret


def _username(value: object) -> Secret:
    secret = _secret(value)
    if ":" in secret.reveal():
        raise ValueError("holds ':', which separates it from the password (RFC 7617)")
    return secret


def _pem(value: object) -> Secret:
    return Secret(_text(value))


def _prefix(value: object) -> str:
    if not isinstance(value, str) or CONTROLS.search(value):
        raise ValueError("must be text without control characters")
    return value


def parse_token(text: str) -> str:
    """The name of a field."""
    if not grammar.TOKEN.fullmatch(text):
        raise ValueError("isn't a field's name (letters, digits and '-')")
    return text


def _parameter(value: object) -> str:
    text = _text(value)
    if CONTROLS.search(text):
        raise ValueError("holds a control character")
    return text


def _flag(value: object) -> bool:
    """`true` or `false`; from the environment as text. `no` and `off` are text in YAML 1.2, and no guess is made."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("write true or false")


def _hops(value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and int(text) <= HOPS_LIMIT):
        raise ValueError(f"write a whole number from 0 to {HOPS_LIMIT}")
    return int(text)


def _total(value: object) -> float | None:
    return None if value == "off" else grammar.parse_duration(value)


def _digest(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("must be text; put quotes around it")  # noqa: TRY004
    if value.startswith("exeat_"):
        raise ValueError(
            "is a key, not its SHA-256: this key has been written down, so make a new one with 'exeat key create'"
        )
    if not grammar.DIGEST.fullmatch(value):
        raise ValueError("must be the SHA-256 of a key: 64 hexadecimal digits, as 'exeat key create' prints it")
    return bytes.fromhex(value)


def _webhook_secret(value: object) -> Secret:
    return parse_secret(_secret(value).reveal())


def _event(value: object) -> str:
    if value in EVENT_TYPES:
        return str(value)
    known = ", ".join(EVENT_TYPES)
    raise ValueError(f"{quote(str(value))} is no event{suggest(str(value), EVENT_TYPES)}; there are {known}")


def _mode(value: object) -> str:
    if value in ("enforce", "report"):
        return str(value)
    raise ValueError("write enforce or report")


def _days(value: object) -> float:
    """Seconds of a number of days, as in `400d`."""
    text = _text(value)
    number = text.removesuffix("d")
    if number == text or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= DAYS_LIMIT:
        raise ValueError(f"write a number of days from 1d to {DAYS_LIMIT}d, as in 400d")
    return int(number) * 86400.0


def _one_of(*words: str) -> Callable[[object], str]:
    def choose(value: object) -> str:
        if value in words:
            return str(value)
        raise ValueError(f"write {' or '.join(words)}")

    return choose


def _key_id(value: object) -> str:
    text = _text(value)
    if not text.isascii() or not text.isalnum() or len(text) > 64:  # noqa: PLR2004
        raise ValueError("has letters and digits only, at most 64")
    return text


def text_schema(example: str, pattern: str | None = None) -> WithJsonSchema:
    """How the schema describes text."""
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "examples": [example]}
    return WithJsonSchema(schema | ({"pattern": pattern} if pattern else {}))


def _list_schema(*examples: str, pattern: str | None = None) -> WithJsonSchema:
    item: dict[str, Any] = {"type": "string", "minLength": 1} | ({"pattern": pattern} if pattern else {})
    return WithJsonSchema({"type": "array", "items": item, "minItems": 1, "examples": [list(examples)]})


def _duration_schema(*, off: bool = False) -> WithJsonSchema:
    reference = r"|\$\{.*\}"
    pattern = rf"^([0-9]+(\.[0-9]+)?(ms|s|m|h)?{'|off' if off else ''}{reference})$"
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number", "exclusiveMinimum": 0}]}
    )


SECRET_SCHEMA = WithJsonSchema({"type": "string", "examples": ["${TOKEN}", "${file:/run/secrets/token}"]})

HopsField = Annotated[
    int, PlainValidator(_hops), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": HOPS_LIMIT})
]
FlagField = Annotated[bool, PlainValidator(_flag), WithJsonSchema({"type": "boolean"})]
ModeField = Annotated[Mode, PlainValidator(_mode), WithJsonSchema({"enum": ["enforce", "report"]})]
RetentionField = Annotated[
    float,
    PlainValidator(_days),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,4}d$", "examples": ["400d"]}),
]
SizeField = Annotated[int, PlainValidator(grammar.parse_size), text_schema("16KiB", r"^[0-9]{1,9}(B|KiB|MiB)?$")]
JsonPathsField = Annotated[
    tuple[JsonPath, ...],
    PlainValidator(_several(from_text(parse_json_path))),
    _list_schema("$.card.number", "$..password"),
]
DurabilityField = Annotated[
    Literal["process", "disk"],
    PlainValidator(_one_of("process", "disk")),
    WithJsonSchema({"enum": ["process", "disk"]}),
]
OnFailureField = Annotated[
    Literal["refuse", "continue"],
    PlainValidator(_one_of("refuse", "continue")),
    WithJsonSchema({"enum": ["refuse", "continue"]}),
]
TextField = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string", "minLength": 1})]
UrlField = Annotated[
    Target, PlainValidator(from_text(grammar.parse_upstream_url)), text_schema("https://api.example.com/v1")
]
UrlsField = Annotated[
    tuple[Target, ...],
    PlainValidator(_several(from_text(grammar.parse_upstream_url))),
    _list_schema("https://a.internal:8443", "https://b.internal:8443"),
]
HostField = Annotated[str, PlainValidator(from_text(grammar.parse_exact_host)), text_schema("api.example.com")]
HostsField = Annotated[
    tuple[str, ...],
    PlainValidator(_several(from_text(grammar.parse_exact_host))),
    _list_schema("api.example.com"),
]
PatternField = Annotated[Pattern, PlainValidator(from_text(grammar.parse_pattern)), text_schema("*.example.com")]
MethodsField = Annotated[
    frozenset[bytes],
    PlainValidator(lambda value: frozenset(_several(from_text(grammar.parse_method))(value))),
    _list_schema("GET", "POST"),
]
PathListField = Annotated[
    tuple[PathPattern, ...],
    PlainValidator(_several(from_text(grammar.parse_path_pattern))),
    _list_schema("/v1/**", pattern=r"^(/|\*\*$)"),
]
NetworksField = Annotated[
    tuple[Network, ...], PlainValidator(_several(grammar.parse_network)), _list_schema("10.0.0.0/8")
]
PrivateField = Annotated[
    tuple[Network, ...], PlainValidator(_several(grammar.parse_private)), _list_schema("10.1.2.0/24")
]
Nat64Field = Annotated[
    tuple[Network, ...], PlainValidator(_several(grammar.parse_nat64)), _list_schema("2001:db8:64::/96")
]
BrowserOriginsField = Annotated[
    tuple[bytes, ...],
    PlainValidator(_several(from_text(grammar.parse_browser_origin))),
    _list_schema("https://app.example.com"),
]
DurationField = Annotated[float, PlainValidator(grammar.parse_duration), _duration_schema()]
TotalField = Annotated[float | None, PlainValidator(_total), _duration_schema(off=True)]
TokenField = Annotated[Secret, PlainValidator(_token), SECRET_SCHEMA]
BearerField = Annotated[Secret, PlainValidator(_bearer), SECRET_SCHEMA]
UsernameField = Annotated[Secret, PlainValidator(_username), SECRET_SCHEMA]
PasswordField = Annotated[Secret, PlainValidator(_secret), SECRET_SCHEMA]
PemField = Annotated[Secret, PlainValidator(_pem), SECRET_SCHEMA]
PrefixField = Annotated[str, PlainValidator(_prefix), WithJsonSchema({"type": "string", "examples": ["Token "]})]
SegmentPrefixField = Annotated[
    str, PlainValidator(from_text(grammar.parse_segment_prefix)), text_schema("/bot", "^/.*$")
]
CookieNameField = Annotated[str, PlainValidator(from_text(grammar.parse_cookie_name)), text_schema("session")]
CookieValueField = Annotated[Secret, PlainValidator(_cookie_value), SECRET_SCHEMA]
ParameterField = Annotated[str, PlainValidator(_parameter), text_schema("api_key")]
ParametersField = Annotated[tuple[str, ...], PlainValidator(_several(_parameter)), _list_schema("page", "state")]
FieldNameField = Annotated[str, PlainValidator(from_text(grammar.parse_field_name)), text_schema("X-Api-Key")]
NameField = Annotated[str, PlainValidator(from_text(grammar.parse_name)), text_schema("ops", f"^{NAME.pattern}$")]
PresetField = Annotated[str, PlainValidator(_text), text_schema("github", f"^{NAME.pattern}$")]
PresetValuesField = Annotated[
    dict[str, Any],
    PlainValidator(lambda value: value),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
            "examples": [{"site": "acme"}],
        }
    ),
]
WebhookUrlField = Annotated[
    Target, PlainValidator(from_text(grammar.parse_webhook_url)), text_schema("https://hooks.example.com/exeat")
]
WebhookSecretField = Annotated[Secret, PlainValidator(_webhook_secret), SECRET_SCHEMA]
EventsField = Annotated[
    tuple[str, ...],
    PlainValidator(_several(_event)),
    WithJsonSchema({"type": "array", "items": {"enum": list(EVENT_TYPES)}, "minItems": 1}),
]
DigestField = Annotated[bytes, PlainValidator(_digest), text_schema("5e88…", r"^([0-9a-fA-F]{64}|.*\$\{.*\}.*)$")]
KeyIdField = Annotated[str, PlainValidator(_key_id), WithJsonSchema({"type": "string", "maxLength": 64})]
TimeField = Annotated[float, PlainValidator(from_text(grammar.parse_time)), text_schema("2027-01-31T00:00:00Z")]
