"""One request to the sample API and its answer, as values."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

JSON = "application/json"


class Refusal(Exception):  # noqa: N818 - the service refuses; nothing went wrong in it
    """What a service won't do: a status, and a sentence for the caller."""

    def __init__(self, status: int, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields or {}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the service received it; `fields` by lower-case name, `origin` as `https://host:port`."""

    method: str
    origin: str
    path: str
    query: Mapping[str, list[str]]
    fields: Mapping[str, str]
    body: bytes = b""

    @property
    def segments(self) -> tuple[str, ...]:
        """The path in pieces, for `match`."""
        return tuple(piece for piece in self.path.split("/") if piece)

    def parameter(self, name: str, default: str = "") -> str:
        """The first query parameter of a name."""
        return self.query.get(name, [default])[0]

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from the query, between 1 and `most`."""
        return parse_number(self.parameter(name, str(default)), 1, most)

    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise Refusal(400, "The body isn't JSON.") from error
        if not isinstance(value, dict):
            raise Refusal(400, "The body isn't a JSON object.")
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. A body in pieces is sent as they come: with `length` bytes in all, or in chunks if that is None."""

    status: int
    body: bytes | Iterable[bytes] = b""
    fields: tuple[tuple[str, str], ...] = ()
    length: int | None = None


def parse_number(text: str, least: int, most: int) -> int:
    """A whole number within bounds, or a Refusal."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise Refusal(400, f"'{text[:20]}' isn't a number from {least} to {most}.")
    return int(text)


def answer_json(value: object, status: int = 200, **fields: str) -> Answer:
    """An answer in JSON; `cache_control="no-store"` adds `Cache-Control: no-store`."""
    named = tuple((name.replace("_", "-").title(), text) for name, text in fields.items())
    body = json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
    return Answer(status, body, (("Content-Type", JSON), *named))


def not_found(what: str = "There is nothing at this path.") -> Refusal:
    """The refusal of a path that leads nowhere."""
    return Refusal(404, what)
