"""`exeat key create`: a new key, shown this once, and the lines that make the document know it."""

import re
import secrets

from exeat.cli.output import FINE, complain, say, say_json
from exeat.config.grammar import NAME
from exeat.model.key import ALPHABET, ID_LENGTH, SECRET_LENGTH, NewKey, make_key


def create(consumer: str | None, *, as_json: bool) -> int:
    """Print a new key; nothing of it is kept."""
    if consumer is not None and not re.fullmatch(NAME, consumer):
        return complain([f"'{consumer}' can't be a consumer's name; write it as in web-shop"])
    made = make_key("".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH + SECRET_LENGTH)))
    if as_json:
        say_json(made._asdict())
    else:
        say(_render(made, consumer or "my-app"))
    return FINE


def _render(made: NewKey, consumer: str) -> str:
    return f"""\
{made.key}

This is the only time the key is shown: give it to whoever runs {consumer}.
The document needs its SHA-256 alone:

consumers:
  {consumer}:
    keys:
      - {{id: {made.id}, sha256: {made.sha256}}}
    grants: []  # what it may call: names of upstreams, or destinations
"""
