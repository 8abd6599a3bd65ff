"""Paths into JSON values, of the few kinds that redaction needs: `$.card.number`, `$.items[*].token`, `$..password`.

A subset of RFC 9535: names, `[*]` for every item or member, `..name` for a name at any depth.
"""

import re
from typing import NamedTuple

_STEP = re.compile(r"(\.\.?)([A-Za-z_][A-Za-z0-9_\-]*)|\[\*\]|\.\*|\['([^'\\]+)'\]")


class Step(NamedTuple):
    """One step: a member's name, or None for every one; `deep` looks for it at any depth."""

    name: str | None
    deep: bool = False


class JsonPath(NamedTuple):
    """A path: as written, and its steps."""

    text: str
    steps: tuple[Step, ...]


def parse_json_path(text: str) -> JsonPath:
    """Parse a path; ValueError says how one is written."""
    steps: list[Step] = []
    at = 1
    while text.startswith("$") and at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            break
        steps.append(Step(match[2] or match[3], deep=match[1] == ".."))
        at = match.end()
    if not steps or at < len(text):
        raise ValueError(f"{text!r} isn't a JSON path; write $.card.number, $.items[*].token or $..password")
    return JsonPath(text, tuple(steps))
