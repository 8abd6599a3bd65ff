"""What every object of the document is made of, and the entries that stand in several of them."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from exeat.config import fields as f
from exeat.model.paths import PathRules


class Entry(BaseModel):
    """An object of the document: closed and frozen, and never showing what was put in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class Paths(Entry):
    """Which paths may be called: those that `allow` lists (all, without it), and none that `deny` lists."""

    allow: f.PathListField = Field(default=(), description="Patterns that may be called.")
    deny: f.PathListField = Field(default=(), description="Patterns that may not, whatever `allow` says.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.allow or self.deny):
            raise ValueError("lists neither allow nor deny; remove it, or list paths")
        return self


def _paths(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("must be a list, as in ['/v1/**']")  # noqa: TRY004
    return {"allow": value} if isinstance(value, list) else value


PathsField = Annotated[Paths, BeforeValidator(_paths, json_schema_input_type=Paths | f.PathListField)]


def path_rules(entry: Paths | None) -> PathRules | None:
    """Which paths an upstream, a grant or a price's rule covers."""
    return None if entry is None else PathRules(entry.allow, entry.deny)
