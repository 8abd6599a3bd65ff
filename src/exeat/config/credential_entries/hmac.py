"""Signatures by HMAC, as the document writes them."""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from exeat.config import fields as f
from exeat.config.entries import Entry
from exeat.config.grammar import CONTROLS, parse_field_name
from exeat.config.problem import quote
from exeat.model.secret import Secret
from exeat.model.signing import TimestampFormat
from exeat.policy.sign.template import FIELD, OF_THE_REQUEST, OF_THE_RESULT, check_template

Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]
Fields = tuple[tuple[str, str], ...]


class Style(NamedTuple):
    """What a known scheme signs, and the fields that carry it."""

    template: str
    headers: Fields


STYLES: Final[Mapping[str, Style]] = {
    "generic": Style(
        "{timestamp}.{method}.{target}.{body}", (("X-Signature", "{signature}"), ("X-Timestamp", "{timestamp}"))
    ),
    "slack": Style(
        "v0:{timestamp}:{body}",
        (("X-Slack-Signature", "v0={signature}"), ("X-Slack-Request-Timestamp", "{timestamp}")),
    ),
    "stripe": Style("{timestamp}.{body}", (("Stripe-Signature", "t={timestamp},v1={signature}"),)),
    "github": Style("{body}", (("X-Hub-Signature-256", "sha256={signature}"),)),
}


def _template(value: object) -> str:
    text = _text(value)
    check_template(text, OF_THE_REQUEST, fields=True)
    return text


def _headers(value: object) -> Fields:
    if not isinstance(value, dict) or not value:
        raise ValueError("must be a mapping of fields, as in {X-Signature: '{signature}'}")
    found: dict[str, tuple[str, str]] = {}
    for name, template in value.items():
        try:
            field = parse_field_name(_text(name))
            names = check_template(_line(template), OF_THE_RESULT)
        except ValueError as error:
            raise ValueError(f"{quote(str(name))} {error}") from error
        if not names:
            raise ValueError(
                f"{field} has no placeholder; a field that stays the same is a credential of kind 'header'"
                " beside this one, in a list"
            )
        if field.lower() in found:
            raise ValueError(f"{field} is there twice; names of fields don't tell case apart")
        found[field.lower()] = field, template
    if not any("{signature}" in template for _, template in found.values()):
        raise ValueError("has no {signature} in any field")
    return tuple(found.values())


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text; put quotes around it")  # noqa: TRY004 - pydantic collects ValueError
    if not value:
        raise ValueError("is empty")
    return value


def _line(value: object) -> str:
    text = _text(value)
    if CONTROLS.search(text) or not text.isascii() or text != text.strip():
        raise ValueError("must be one line of ASCII that neither begins nor ends with white space")
    return text


TemplateField = Annotated[str, PlainValidator(_template), f.text_schema("{timestamp}.{body}")]
HeadersField = Annotated[
    Fields,
    PlainValidator(_headers),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "minProperties": 1,
            "examples": [{"X-Signature": "v1={signature}", "X-Timestamp": "{timestamp}"}],
        }
    ),
]


_READERS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "text": str.encode,
    "hex": bytes.fromhex,
    "base64": lambda text: b64decode(text, validate=True),
}


class Hmac(Entry):
    """A signature by HMAC over a text made of the request, in fields of its own."""

    kind: Literal["hmac"] = Field(description="The kind of the credential.")
    secret: f.TokenField = Field(description="The key that signs; it never leaves.")
    style: Literal["generic", "slack", "stripe", "github"] = Field(
        default="generic", description="The scheme whose `template` and `headers` are used where they aren't written."
    )
    template: TemplateField | None = Field(
        default=None,
        description="What is signed: text with `{method}`, `{host}`, `{path}`, `{query}`, `{target}`, `{timestamp}`,"
        " `{body}`, `{body_sha256}`, `{body_sha256_base64}` and `{field:NAME}`.",
    )
    headers: HeadersField | None = Field(
        default=None,
        description="The fields that are added, each text with `{signature}`, `{timestamp}`, `{body_sha256}` or"
        " `{body_sha256_base64}`.",
    )
    algorithm: Algorithm = Field(default="sha256", description="The hash.")
    encoding: Encoding = Field(default="hex", description="How the signature is written.")
    key_encoding: Literal["text", "hex", "base64"] = Field(
        default="text", description="How the key is written: as text that is used as it is, or octets in an encoding."
    )
    timestamp: TimestampFormat = Field(
        default="seconds",
        description="How `{timestamp}` is written: since 1970, as `2026-01-01T00:00:00.000Z`, or as in `Date`.",
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        self.key()
        signed = {name.lower() for name in check_template(self.signed_text(), OF_THE_REQUEST, fields=True)}
        for name, _ in self.fields():
            if FIELD + name.lower() in signed:
                raise ValueError(f"signs the field {name}, which is filled only when that is done; sign something else")
        return self

    def key(self) -> Secret:
        """The key's octets as latin-1 text; ValueError where they can't be read."""
        text = self.secret.reveal()
        try:
            octets = _READERS[self.key_encoding](text)
        except (ValueError, binascii.Error):
            octets = b""
        if not octets:
            raise ValueError(f"has a secret that isn't in {self.key_encoding}, as key_encoding says")
        return Secret(octets.decode("latin-1"))

    def signed_text(self) -> str:
        """The template that is used."""
        return self.template or STYLES[self.style].template

    def fields(self) -> Fields:
        """The fields that are added, each with its template."""
        return self.headers or STYLES[self.style].headers
