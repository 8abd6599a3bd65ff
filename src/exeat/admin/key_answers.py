"""What answers about keys look like."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from exeat.admin.answers import Answer, Time, Warned


class Key(Warned):
    """A key of a consumer, without its text."""

    id: str
    consumer: str
    label: str
    state: Literal["active", "expired", "revoked"]
    created_at: Time
    created_by: str
    expires_at: Time | None
    revoked_at: Time | None
    last_used_at: Time | None
    networks: list[str]
    limits: Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"$ref": "#/components/schemas/Limit"}})] = (
        Field(description="As they are written in the document.")
    )
    replaces: str | None = Field(description="The key that it was made to replace.")
    revision: int


class AwsPair(Answer):
    """What clients of AWS sign with."""

    access_key_id: str
    secret_access_key: str


class NewKey(Key):
    """A key as it is made: the only answer that holds its text."""

    key: str = Field(description="The key; it isn't kept, and is never shown again.")
    aws: AwsPair | None = Field(
        default=None, description="The pair with which clients of AWS sign for the key, where that was asked for."
    )


class Keys(Answer):
    """A page of keys, by id."""

    items: list[Key]
    next: str | None
