"""Strings in a JSON text on its way, replaced where they stand; every other byte passes as it came (RFC 8259).

Rule 1: the text may come in any slices; what is held back is at most one string, and no longer one than HELD_BYTES.
Rule 2: nothing is judged: what isn't JSON passes as it is.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, final

import orjson

from exeat.model.json_path import JsonPath

HELD_BYTES: Final = 64 * 1024  # a longer string isn't looked at
DEPTH_LIMIT: Final = 1000  # what lies deeper isn't looked at
Replace = Callable[[bytes], bytes]

_SPACE = rb"[ \t\r\n]*+"
_REST = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'  # of a string, after its opening quote
_REST_OF_STRING = re.compile(_REST, re.DOTALL)
_STRING = re.compile(b'"' + _REST + b'"', re.DOTALL)
_BETWEEN = re.compile(rb"[ \t\r\n,:]*+")
_SCALAR = re.compile(rb'[^ \t\r\n,:"\[\]{}]*+')
_WITHOUT_BRACKETS = re.compile(rb'(?:[^"\[\]{}]++|"' + _REST + rb'")*+', re.DOTALL)
_QUOTE, _BACKSLASH = b'"'[0], b"\\"[0]
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")
_OBJECT = b"{"[0]


class _Patterns(NamedTuple):
    """A member of one of the names whose value is a string; the beginning of one; the beginnings of the names."""

    whole: re.Pattern[bytes]
    begun: re.Pattern[bytes]
    beginnings: tuple[bytes, ...]


@lru_cache(maxsize=1024)
def _patterns(names: tuple[str, ...]) -> _Patterns:
    # The quote that opens a name never follows a backslash; one within a string always does.
    quoted = [text for name in names for text in (orjson.dumps(name), json.dumps(name).encode())]
    name = rb"(?<!\\)(?:" + b"|".join(map(re.escape, dict.fromkeys(quoted))) + b")" + _SPACE
    beginnings = {text[:end] for text in quoted for end in range(1, len(text))}
    return _Patterns(
        re.compile(name + b":" + _SPACE + b'("' + _REST + b'")', re.DOTALL),
        re.compile(name + b"(?::" + _SPACE + b'(?:"' + _REST + rb"\\?)?)?\Z", re.DOTALL),
        tuple(sorted(beginnings, key=len, reverse=True)),
    )


@final
class NamedStrings:
    """Replaces the strings that are the value of a member of one of these names, wherever it is."""

    def __init__(self, names: tuple[str, ...], replace: Replace) -> None:
        self._whole, self._begun, self._beginnings = _patterns(names)
        self._replace = replace
        self._before = b""  # the last byte that has left
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; what can leave by now."""
        text = self._before + self._held + data
        at = len(self._before)
        parts: list[bytes] = []
        for match in self._whole.finditer(text, at):
            parts += [text[at : match.start(1)], _replaced(match[1], self._replace)]
            at = match.end()
        cut = self._cut(text, at)
        parts.append(text[at:cut])
        self._before, self._held = text[max(cut - 1, 0) : cut], text[cut:]
        return b"".join(parts)

    def _cut(self, text: bytes, at: int) -> int:
        """Where what has to be held back begins: a member that may be one of them."""
        begun = self._begun.search(text, at)
        if begun is not None:
            cut = begun.start()
        elif text.endswith(self._beginnings):
            cut = len(text) - len(next(one for one in self._beginnings if text.endswith(one)))
        else:
            return len(text)
        return len(text) if len(text) - cut > HELD_BYTES else max(cut, at)

    def finish(self) -> bytes:
        """The text is complete; what was held back."""
        held, self._held = self._held, b""
        return held


class _State(NamedTuple):
    """One path as far as it has been followed: the step that comes next, all of them if that is their number."""

    path: JsonPath
    step: int


_States = tuple[_State, ...]


@final
class _Frame:
    """An object or array that is open: where paths are with it (`states`), and with the value that comes next."""

    __slots__ = ("is_object", "next", "states", "wants_name")

    def __init__(self, states: _States, *, is_object: bool) -> None:
        self.states = states
        self.is_object = is_object
        self.wants_name = is_object
        self.next: _States = () if is_object else _follow(states, None)


def _follow(states: _States, name: str | None) -> _States:
    """Where paths are one level deeper, at the member of a name, or at an item of an array (None)."""
    found: list[_State] = []
    for state in states:
        path, number = state
        if number == len(path.steps):
            continue
        step = path.steps[number]
        if step.deep:
            found.append(state)
        if (step.name is None and not step.deep) or (name is not None and step.name == name):
            found.append(_State(path, number + 1))
    return tuple(found)


@final
class PlacedStrings:
    """Replaces the strings at these places. Parts of the text that no path leads into are skipped."""

    def __init__(self, paths: tuple[JsonPath, ...], replace: Replace) -> None:
        self._replace = replace
        self._start: _States = tuple(_State(path, 0) for path in paths)
        self._frames: list[_Frame] = []
        self._dead = 0  # how many brackets are open that no path leads into
        self._is_in_string = False  # one that isn't looked at
        self._held = b""
        self._found: list[tuple[int, int]] = []  # where the strings are, in the text at hand, that are to be replaced

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; what can leave by now."""
        text = self._held + data
        at = 0  # what is before it has been read
        while at < len(text):
            before, at = at, self._step(text, at)
            if at == before:
                break  # a string that isn't whole yet
        parts: list[bytes] = []
        left = 0
        for first, last in self._found:
            parts += [text[left:first], _replaced(text[first:last], self._replace)]
            left = last
        self._found.clear()
        parts.append(text[left:at])
        self._held = text[at:]
        return b"".join(parts)

    def _step(self, text: bytes, at: int) -> int:
        """Read on from a place; the place after what was read."""
        if self._is_in_string:
            return self._skip_string(text, at)
        if self._dead:
            return self._skip_dead(text, at)
        at = _end(_BETWEEN, text, at)
        if at == len(text):
            return at
        byte = text[at]
        if byte == _QUOTE:
            return self._string(text, at)
        if byte in _OPENING:
            self._open(is_object=byte == _OBJECT)
        elif byte in _CLOSING:
            self._close()
        else:
            self._value_ends()
            return _end(_SCALAR, text, at)
        return at + 1

    def finish(self) -> bytes:
        """The text is complete; what was held back."""
        held, self._held = self._held, b""
        return held

    def _skip_string(self, text: bytes, at: int) -> int:
        at = _end(_REST_OF_STRING, text, at)
        if text[at : at + 1] == b'"':
            self._is_in_string = False
            at += 1
        return at

    def _skip_dead(self, text: bytes, at: int) -> int:
        at = _end(_WITHOUT_BRACKETS, text, at)
        if at == len(text):
            return at
        byte = text[at]
        if byte == _QUOTE:
            self._is_in_string = True
        elif byte in _OPENING:
            self._dead += 1
        else:
            self._dead -= 1
            if not self._dead:
                self._value_ends()
        return at + 1

    def _string(self, text: bytes, at: int) -> int:
        """Read the string that begins here, whole if it is a name or wanted; one that isn't whole yet is left."""
        frame = self._frames[-1] if self._frames else None
        is_name = frame is not None and frame.wants_name
        if frame is not None and (is_name or _is_wanted(frame.next)):
            end = _end(_STRING, text, at)
            if end > at:
                self._take_string(frame, text, at, end)
                return end
            if len(text) - at <= HELD_BYTES:
                return at
        self._is_in_string = True
        if frame is not None:
            frame.next = () if is_name else frame.next
            frame.wants_name = frame.is_object and not is_name
        return at + 1

    def _take_string(self, frame: _Frame, text: bytes, first: int, last: int) -> None:
        if frame.wants_name:
            frame.wants_name = False
            frame.next = _follow(frame.states, _text(text[first:last]))
        else:
            self._found.append((first, last))
            self._value_ends()

    def _open(self, *, is_object: bool) -> None:
        states = self._frames[-1].next if self._frames else self._start
        if states and len(self._frames) < DEPTH_LIMIT:
            frame = _Frame(states, is_object=is_object)
            if is_object or frame.next:
                self._frames.append(frame)
                return
        self._dead = 1

    def _close(self) -> None:
        if self._frames:
            self._frames.pop()
            self._value_ends()

    def _value_ends(self) -> None:
        if self._frames:
            frame = self._frames[-1]
            frame.wants_name = frame.is_object


def _is_wanted(states: _States) -> bool:
    return any(number == len(path.steps) for path, number in states)


def _end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _text(string: bytes) -> str | None:
    try:
        text = orjson.loads(string)
    except orjson.JSONDecodeError:
        return None
    return text if isinstance(text, str) else None


def _replaced(string: bytes, replace: Replace) -> bytes:
    text = _text(string)
    if text is None:
        return string
    before = text.encode()
    after = replace(before)
    return string if after == before else orjson.dumps(after.decode("utf-8", "replace"))
