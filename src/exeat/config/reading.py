"""YAML or JSON text into plain data and the line of every value.

Rule 1: scalars are those of the YAML 1.2 core schema, so `off`, `no` and `12:30` stay text.
Rule 2: a duplicate key, a merge of two readings, is refused.
Rule 3: depth and expanded size are bounded, so that aliases can't multiply ("billion laughs").
Rule 4: messages hold positions and key names, never a value.

The parser's events are read one by one: no tree of nodes is built, and nothing here recurses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from exeat.config.problem import Path, Place, Places, Problem, render_path

DEPTH_LIMIT = 32
SIZE_LIMIT = 2_000_000  # values, aliases expanded; 10 000 consumers with a key each are 80 000
NUMBER_LIMIT = 30  # a longer "number" is a digest that happens to have no letters

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

Scalar = str | int | float | bool | None


class Reading(NamedTuple):
    """What a text holds: its data (None if it can't be read), where, and what is wrong."""

    data: object
    places: Places
    problems: list[Problem]


class _RefusalError(Exception):
    """Reading can't go on."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end hasn't come yet."""

    value: dict[str, object] | list[object]
    path: Path
    anchor: str | None
    size: int = 1
    key: str | None = None
    lines: dict[str, int] = field(default_factory=dict)


def read_text(text: str, name: str) -> Reading:
    """Read one document; `name` is what problems call it."""
    reader = _Reader(name)
    try:
        data = reader.read(text)
    except _RefusalError as refusal:
        reader.problems.append(Problem("", Place(name, refusal.line), refusal.message))
        data = None
    except yaml.MarkedYAMLError as error:
        reader.problems.append(_explain(error, name))
        data = None
    except (yaml.YAMLError, UnicodeError):
        message = "holds a character that YAML doesn't allow (a control character, or no Unicode)"
        reader.problems.append(Problem("", Place(name), message))
        data = None
    return Reading(data, reader.places, reader.problems)


def _explain(error: yaml.MarkedYAMLError, name: str) -> Problem:
    """The parser's words; they name characters and structure, not values."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    words = error.problem or "can't be read"
    if "cannot start any token" in words:
        words = "a tab or a special character where a value should begin; indent with spaces, and quote text"
    message = f"not valid YAML: {words}"
    return Problem("", Place(name, line), message)


class _Reader:
    """Builds data from parser events; one use."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places = Places(Place(name))
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[object, int]] = {}
        self._size = 0
        self._documents = 0
        self._root: object = None

    def read(self, text: str) -> object:
        for event in _events(text):
            line = event.start_mark.line + 1 if event.start_mark else 1
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin(event, line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._alias(event, line)
                case yaml.DocumentStartEvent():
                    self._document(line)
                case _:
                    pass
        return self._root

    def _document(self, line: int) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _RefusalError(line, "a second document begins here ('---'); write one document a file")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if self._expects_key():
            self._take_key(event.value, line)
            return
        value = _scalar(event.value) if event.implicit[0] and event.tag is None else event.value
        if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
            raise _RefusalError(line, "a tag ('!…') can't be used here; quote text that begins with '!'")
        self._remember(event.anchor, value, 1)
        self._put(value, 1, line)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int) -> None:
        if self._expects_key():
            raise _RefusalError(line, "a name must be plain text; quote a value that begins with '{' or '['")
        if event.tag not in {None, "!"}:
            raise _RefusalError(line, "a tag ('!…') can't be used here")
        if len(self._open) >= DEPTH_LIMIT:
            raise _RefusalError(line, f"more than {DEPTH_LIMIT} levels deep")
        path = self._path()
        self.places.by_path.setdefault(path, Place(self.name, line))
        value: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, path, event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        self._remember(done.anchor, done.value, done.size)
        self._put(done.value, done.size, None)

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise _RefusalError(line, "an alias ('*…') of nothing written before; quote text that begins with '*'")
        if self._expects_key():
            raise _RefusalError(line, "an alias ('*…') can't be a name")
        self._put(*known, line)

    def _remember(self, anchor: str | None, value: object, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _take_key(self, key: str, line: int) -> None:
        parent = self._open[-1]
        parent.key = key
        path = (*parent.path, key)
        first = parent.lines.setdefault(key, line)
        if isinstance(parent.value, dict) and key in parent.value:
            message = f"is written twice (first on line {first}); keep one"
            self.problems.append(Problem(render_path(path), Place(self.name, line), message))
        self.places.by_path[path] = Place(self.name, line)

    def _path(self) -> Path:
        if not self._open:
            return ()
        parent = self._open[-1]
        if isinstance(parent.value, list):
            return (*parent.path, len(parent.value))
        return (*parent.path, parent.key or "")

    def _put(self, value: object, size: int, line: int | None) -> None:
        self._size += size if line is not None else 0
        if self._size > SIZE_LIMIT:
            raise _RefusalError(line or 1, "too large once its aliases are written out")
        if not self._open:
            self._root = value
            return
        parent = self._open[-1]
        parent.size += size
        if isinstance(parent.value, list):
            if line is not None:
                self.places.by_path[*parent.path, len(parent.value)] = Place(self.name, line)
            parent.value.append(value)
        else:
            parent.value[parent.key or ""] = value
            parent.key = None


def _events(text: str) -> Iterator[yaml.Event]:
    return yaml.parse(text, Loader=_Loader)


def _scalar(text: str) -> Scalar:
    """A plain scalar of the YAML 1.2 core schema (§10.3.2)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) > NUMBER_LIMIT or text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
