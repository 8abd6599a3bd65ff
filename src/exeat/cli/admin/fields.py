"""`FIELD=VALUE` on a command line, as members of an object: `url=https://…`, `tls.verify=false`, `grants=one,two`.

Rule 1: a secret is never taken from a command line, which others on the machine can see: a reference to it is.
"""

from collections.abc import Sequence

from exeat.cli.admin.reach import UsageError
from exeat.config.display import show
from exeat.config.reading import read_text
from exeat.config.sources import LISTS, LITERAL

_OPENING = ("[", "{", '"', "'")


def parse_fields(written: Sequence[str], section: str, name: str) -> dict[str, object]:
    """The members that they write; UsageError if one can't be, or holds a secret."""
    members: dict[str, object] = {}
    for text in written:
        field, equals, value = text.partition("=")
        path = field.split(".")
        if not equals or not all(path):
            raise UsageError(f"'{field}' isn't FIELD=VALUE; write it as in url=https://api.example.com")
        _put(members, path, _parse_value(path[-1], value, field))
    if show({section: {name: members}}) != {section: {name: members}}:
        raise UsageError(
            "a secret doesn't belong on a command line, where others see it: keep it with `exeat credential set NAME`"
            " and write a reference, as in credential.secret='${vault:NAME}'"
        )
    return members


def _put(members: dict[str, object], path: Sequence[str], value: object) -> None:
    for part in path[:-1]:
        inner = members.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UsageError(f"'{'.'.join(path)}' contradicts another field")
        members = inner
    if path[-1] in members:
        raise UsageError(f"'{'.'.join(path)}' contradicts another field")
    members[path[-1]] = value


def _parse_value(name: str, text: str, field: str) -> object:
    """A value as a document would have it: only what is written as one is a list, a mapping, a number or null."""
    if name in LITERAL and text not in {"", "null"}:
        return text
    if text.startswith(_OPENING):
        reading = read_text(text, field)
        if reading.problems:
            raise UsageError(f"{field}: {reading.problems[0].message}")
        return reading.data
    if name in LISTS and text not in {"", "null"}:
        return [part.strip() for part in text.split(",") if part.strip()]
    data = read_text(text, field).data
    return text if isinstance(data, str | list | dict) or (data is None and text not in {"", "null"}) else data
