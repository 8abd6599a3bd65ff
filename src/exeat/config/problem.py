"""What is wrong with a document or a setting, and where: one line that a person can act on."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
QUOTE_LIMIT = 80
_QUOTED = re.compile(r"\0(.*?)\0", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written: a file and its line (from 1), or an environment variable."""

    source: str
    line: int | None = None
    variable: bool = False

    @property
    def provenance(self) -> str:
        """What an object says of where it comes from: `file exeat.yaml:12` or `environment`."""
        return "environment" if self.variable else f"file {self}"

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


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
    """Where every value of a document was written; a value without a place of its own has its parent's."""

    whole: Place
    by_path: dict[Path, Place] = field(default_factory=dict)

    def find(self, path: Path) -> Place:
        """The place of a path, or of the nearest part of it that has one."""
        for length in range(len(path), 0, -1):
            place = self.by_path.get(path[:length])
            if place is not None:
                return place
        return self.whole

    def problem(self, path: Path, message: str) -> Problem:
        """A problem at a path."""
        return Problem(render_path(path), self.find(path), message)


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
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def quote(value: object) -> str:
    """A value within a message, marked so that `unquote` can hide it where it may be a secret."""
    text = str(value)
    return f"\0'{text if len(text) <= QUOTE_LIMIT else text[:QUOTE_LIMIT] + '…'}'\0"


def unquote(message: str, *, hide: bool) -> str:
    """A message with its quoted values shown, or hidden."""
    return _QUOTED.sub("the value" if hide else r"\1", message)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, else nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake pays for it

    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
