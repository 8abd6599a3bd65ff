"""Texts with placeholders in braces, such as `{timestamp}.{body}`; `{{` and `}}` stand for braces themselves."""

import re
from collections.abc import Callable, Iterator

OF_THE_REQUEST = frozenset(
    {
        "method",
        "host",
        "path",
        "query",
        "target",
        "timestamp",
        "body",
        "body_sha256",
        "body_sha256_base64",
    }
)
OF_THE_RESULT = frozenset({"signature", "timestamp", "body_sha256", "body_sha256_base64"})
FIELD = "field:"  # `{field:NAME}`: a field of the request

_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


def check_template(text: str, known: frozenset[str], *, fields: bool = False) -> frozenset[str]:
    """The names of the placeholders in a text; ValueError says what is wrong with one, and which there are.

    `fields` allows `{field:NAME}`.
    """
    names = set()
    for match in _PIECE.finditer(text):
        name = match[1]
        if match[0] in {"{", "}"}:
            raise ValueError("has a brace on its own; write '{{' or '}}' for a brace that is meant as such")
        if name is None:
            continue
        if name not in known and not (fields and _names_field(name)):
            there_are = ", ".join(f"{{{each}}}" for each in sorted(known)) + (", {field:NAME}" if fields else "")
            raise ValueError(f"has a placeholder that doesn't exist; there are {there_are}")
        names.add(name)
    return frozenset(names)


def fill_template(text: str, value_of: Callable[[str], bytes]) -> list[bytes]:
    """The octets of a text whose placeholders are replaced, piece by piece."""
    return [literal.encode() if name is None else value_of(name) for literal, name in _pieces(text)]


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Literal text, or the name of a placeholder."""
    for match in _PIECE.finditer(text):
        if match[1] is not None:
            yield "", match[1]
        else:
            yield {"{{": "{", "}}": "}"}.get(match[0], match[0]), None


def _names_field(name: str) -> bool:
    return name.startswith(FIELD) and _FIELD_NAME.fullmatch(name.removeprefix(FIELD)) is not None
