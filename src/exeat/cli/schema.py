"""`exeat schema`: the JSON Schema of the document."""

from exeat.cli.output import FINE, say
from exeat.config.schema import render_schema


def schema() -> int:
    """Print the schema."""
    say(render_schema())
    return FINE
