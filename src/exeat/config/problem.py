"""What is wrong with a document or a setting, and where: one line that a person can act on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Path = tuple[str | int, ...]
QUOTE_LIMIT = 80
_QUOTED = re.compile(r"\0(.*?)\0", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written: a file and its line (from 1), an environment variable, or the database."""

    source: str
    line: int | None = None
    kind: Literal["file", "environment", "database"] = "file"

    @property
    def provenance(self) -> str:
        """What an object says of where it comes from: `file exeat.yaml:12`, `environment` or `database`."""
        return f"file {self}" if self.kind == "file" else self.kind

    def __str__(self) -> str:
        source = printable(self.source)
        return source if self.line is None else f"{source}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the path in the document, where that was written, and what to do; never a secret."""

    path: str
    place: Place
    message: str

    def __str__(self) -> str:
        parts = (str(self.place), self.path, self.message)
        return ": ".join(part for part in parts if part)


@dataclass(slots=True)
class Places:
    """Where every value of a document was written; a value without a place of its own has its parent's.

    `written` holds the strings with references as they were: what stands at those paths now is never quoted.
    """

    whole: Place
    by_path: dict[Path, Place] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)

    def find(self, path: Path) -> Place:
        """The place of a path, or of the nearest part of it that has one."""
        for length in range(len(path), 0, -1):
            place = self.by_path.get(path[:length])
            if place is not None:
                return place
        return self.whole

    def problem(self, path: Path, message: str, *, hide: bool = False) -> Problem:
        """A problem at a path; what the message quotes is hidden if it may come from a reference."""
        hide = hide or any(key[: len(path)] == path or path[: len(key)] == key for key in self.written)
        return Problem(render_path(path), self.find(path), unquote(message, hide=hide))


class ConfigError(Exception):
    """Nothing is applied; `problems` says why, all of it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class DocumentError(ConfigError):
    """The document can't be applied."""


class SettingsError(ConfigError):
    """The process can't start with these settings."""


def render_path(path: Path) -> str:
    """`upstreams.github.hosts[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{printable(part)}" for part in path)
    return text.removeprefix(".")


def printable(text: str) -> str:
    """Text without what would move a terminal's cursor, break a log's line or not be Unicode."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def quote(value: object) -> str:
    """A value within a message, marked so that `unquote` can hide it where it may be a secret."""
    text = printable(str(value))
    return f"\0'{text if len(text) <= QUOTE_LIMIT else text[:QUOTE_LIMIT] + '…'}'\0"


def unquote(message: str, *, hide: bool) -> str:
    """A message with its quoted values shown, or hidden."""
    return _QUOTED.sub("the value" if hide else r"\1", message)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
