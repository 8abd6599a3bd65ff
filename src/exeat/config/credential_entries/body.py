"""A credential in the body of a request, as the document writes it."""

from typing import Literal

from pydantic import Field

from exeat.config import fields as f
from exeat.config.entries import Entry


class Body(Entry):
    """A member of the request's JSON object, or a field of its form."""

    kind: Literal["body"] = Field(description="The kind of the credential.")
    name: f.ParameterField = Field(description="The name of the member or field.")
    secret: f.TokenField = Field(description="Its value.")
    format: Literal["json", "form"] = Field(default="json", description="What the upstream's bodies are.")
