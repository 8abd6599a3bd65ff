"""Credentials that are the same for every call: in a field, the query, the path or a cookie."""

from typing import Annotated, Literal, Self

from pydantic import Field, PlainValidator, model_validator

from exeat.config import fields as f
from exeat.config.entries import Entry
from exeat.config.grammar import CONTROLS
from exeat.errors import GatewayError
from exeat.model.secret import Secret
from exeat.policy.inject import encode_segment
from exeat.policy.signed_links import PARAMETER as LINK_PARAMETER
from exeat.wire.target import check_path


class Bearer(Entry):
    """`Authorization: Bearer <secret>`."""

    kind: Literal["bearer"] = Field(description="The kind of the credential.")
    secret: f.BearerField = Field(description="The token, without the word Bearer.")


class Basic(Entry):
    """`Authorization: Basic …` from a user name and a password."""

    kind: Literal["basic"] = Field(description="The kind of the credential.")
    username: f.UsernameField = Field(description="The user name; many APIs want their key here.")
    password: f.PasswordField = Field(default_factory=lambda: Secret(""), description="The password; may be left out.")

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if not (self.username.reveal() or self.password.reveal()):
            raise ValueError("has neither a username nor a password")
        return self


class Header(Entry):
    """A field of its own, `<name>: <prefix><secret>`."""

    kind: Literal["header"] = Field(description="The kind of the credential.")
    name: f.FieldNameField = Field(description="The name of the field.")
    secret: f.TokenField = Field(description="The field's value.")
    prefix: f.PrefixField = Field(default="", description="Text before the secret, such as `Token `.")


def _parameter(text: str) -> str:
    if CONTROLS.search(text):
        raise ValueError("holds a control character")
    if text == LINK_PARAMETER.decode():
        raise ValueError("is the parameter of Exeat's own signed links, which never leaves; it can't hold a credential")
    return text


class Query(Entry):
    """A query parameter, `?<name>=<secret>`."""

    kind: Literal["query"] = Field(description="The kind of the credential.")
    name: Annotated[str, PlainValidator(f.from_text(_parameter)), f.text_schema("api_key")] = Field(
        description="The name of the parameter."
    )
    secret: f.TokenField = Field(description="The parameter's value; Exeat percent-encodes it.")


class Segment(Entry):
    """A segment of the path, before the caller's own path: `<prefix><secret>`."""

    kind: Literal["path"] = Field(description="The kind of the credential.")
    secret: f.TokenField = Field(description="The secret; Exeat percent-encodes it.")
    prefix: f.SegmentPrefixField = Field(
        default="/", description="What stands before it in the path, such as `/bot`; begins with a slash."
    )

    @model_validator(mode="after")
    def _stays_below_the_url(self) -> Self:
        try:
            check_path((self.prefix + encode_segment(self.secret.reveal())).encode())
        except GatewayError:
            raise ValueError("has a secret that servers read as steps up or down the path ('.' or '..')") from None
        return self


class Cookie(Entry):
    """A cookie beside those of the caller, `Cookie: <name>=<secret>`."""

    kind: Literal["cookie"] = Field(description="The kind of the credential.")
    name: f.CookieNameField = Field(description="The name of the cookie.")
    secret: f.CookieValueField = Field(description="The cookie's value.")


class Caller(Entry):
    """The caller's own `Authorization` goes to the upstream."""

    kind: Literal["caller"] = Field(description="The kind of the credential.")


class Nothing(Entry):
    """No credential; the caller's own `Authorization` doesn't go to the upstream either."""

    kind: Literal["none"] = Field(description="The kind of the credential.")
