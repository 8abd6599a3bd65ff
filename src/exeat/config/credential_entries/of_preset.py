"""What a document writes of a credential whose kind is that of a preset."""

from typing import Any

from pydantic import ConfigDict, Field

from exeat.config import fields as f
from exeat.config.entries import Entry


def _describe(schema: dict[str, Any]) -> None:
    """The schema of what is written: anything but a kind, since members of the preset's kind can stand here too."""
    schema["not"] = {"anyOf": [{"required": ["kind"]}, {"required": ["pool"]}]}
    schema["additionalProperties"] = True


def require_kinds(upstream: dict[str, Any]) -> None:
    """The schema of an upstream: without a preset, each of its credentials names its kind."""
    named = {"anyOf": [{"not": {"type": "object"}}, {"required": ["kind"]}]}
    members = {"properties": {name: {"items": named} for name in ("pool", "members")}}
    credential = {"allOf": [members, {"anyOf": [*named["anyOf"], {"required": ["pool"]}]}]}
    upstream["anyOf"] = [{"required": ["preset"]}, {"properties": {"credential": credential}}]


class OfPreset(Entry):
    """Beside `preset`, without a kind: the secrets that the preset asks for, and members that replace the preset's.

    It is described here for editors; where the document is read, the preset makes a credential of it.
    """

    model_config = ConfigDict(json_schema_extra=_describe)

    secret: f.TokenField | None = Field(default=None, description="The secret; see the preset for what that is.")
