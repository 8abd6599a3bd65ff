"""The document's sources, file, environment and database, as plain data, and how they become one.

A variable's name is a path: `EXEAT_UPSTREAMS__GITHUB__URL`. Names are written with `_` for `-`; a list is
comma-separated; a value that begins with `[` or `{` is JSON, except where a secret is expected.
"""

import os
from pathlib import Path as File
from stat import S_ISREG
from typing import NamedTuple

from exeat.config.environment import PREFIX, Environment
from exeat.config.problem import Path, Place, Places, Problem
from exeat.config.reading import read_text
from exeat.model.secret_fields import SECRET_FIELDS

SIZE_LIMIT = 64 << 20
DEPTH_LIMIT = 6
NAMED = ("upstreams", "consumers")  # sections whose keys are names
LISTS = frozenset(
    [
        "endpoints",
        "methods",
        "paths",
        "allow",
        "deny",
        "private",
        "hosts",
        "siblings",
        "links",
        "networks",
        "grants",
        "origins",
        "destinations",
        "domains",
        "nat64",
        "query_values",
        "events",
        "redact",
        "statuses",
        "repositories",
    ]
)
LITERAL = SECRET_FIELDS | {"prefix"}  # may begin with a bracket


class Source(NamedTuple):
    """Data from one source or several, where each value was written, and what is wrong."""

    data: dict[str, object]
    places: Places
    problems: list[Problem]


def read_file(path: File, name: str) -> Source:
    """Read the document's file; every failure is one problem."""
    text, problem = read_regular(path, SIZE_LIMIT)
    if text is None:
        return Source({}, Places(Place(name)), [Problem("", Place(name), problem)])
    reading = read_text(text, name)
    if isinstance(reading.data, dict):
        return Source(reading.data, reading.places, reading.problems)
    if reading.data is not None:
        message = "holds no mapping; a document begins with 'upstreams:', 'destinations:' or 'consumers:'"
        reading.problems.append(Problem("", Place(name, 1), message))
    return Source({}, reading.places, reading.problems)


def read_regular(path: File, limit: int) -> tuple[str | None, str]:
    """The text of a regular file, or None and why not; a device or pipe could hang or fill the memory.

    A byte order mark, which some editors put before a text, is no part of it.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            return None, "isn't a file"
        if status.st_size > limit:
            return None, f"is larger than {limit >> 10} KiB"
        return path.read_bytes().decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return None, "isn't UTF-8 text"
    except OSError as error:
        return None, f"can't be read: {os.strerror(error.errno or 0)}"
    except ValueError:
        return None, "isn't a possible file name"


def read_variables(environment: Environment) -> Source:
    """The part of the document that variables write."""
    source = Source({}, Places(Place("environment", kind="environment")), [])
    for variable in environment.document_variables():
        _read_variable(variable, environment.values[variable], source)
    return source


def _read_variable(variable: str, text: str, source: Source) -> None:
    place = Place(variable, kind="environment")
    path = _path_of(variable)
    if path is None:
        message = "doesn't name a field; write for example EXEAT_UPSTREAMS__GITHUB__URL"
        source.problems.append(Problem("", place, message))
        return
    value: object
    if path[-1] == "key_sha256":
        path = (*path[:-1], "keys")
        value = [{"sha256": digest} for digest in _split(text)]
    elif text.lstrip()[:1] in {"[", "{"} and path[-1] not in LITERAL:
        reading = read_text(text, variable)
        source.problems.extend(Problem("", place, problem.message) for problem in reading.problems)
        value = reading.data
    else:
        value = _split(text) if path[-1] in LISTS else text
    if not _put(source.data, path, value):
        source.problems.append(Problem("", place, "contradicts another variable that writes the same field"))
    for length in range(1, len(path)):
        source.places.by_path.setdefault(path[:length], place)
    source.places.by_path[path] = place


def _path_of(variable: str) -> tuple[str, ...] | None:
    parts = variable.removeprefix(PREFIX).lower().split("__")
    if not all(parts) or len(parts) > DEPTH_LIMIT:
        return None
    if parts[0] in NAMED and len(parts) > 1:
        parts[1] = parts[1].replace("_", "-")
    return tuple(parts)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _put(data: dict[str, object], path: tuple[str, ...], value: object) -> bool:
    """Put a value at a path; False if something else is there."""
    for part in path[:-1]:
        inner = data.setdefault(part, {})
        if not isinstance(inner, dict):
            return False
        data = inner
    if path[-1] in data:
        return False
    data[path[-1]] = value
    return True


def merge(first: Source, second: Source) -> Source:
    """One document of both; a name in both is a problem, destinations add up."""
    merged = Source(dict(first.data), first.places, [*first.problems, *second.problems])
    for section, value in second.data.items():
        present = merged.data.get(section)
        if present is None:
            merged.data[section] = value
            _adopt(merged.places, second.places, (section,))
        elif section in NAMED and isinstance(present, dict) and isinstance(value, dict):
            _merge_names(merged, second, section, present, value)
        elif section == "destinations" and isinstance(present, list) and isinstance(value, list):
            merged.data[section] = [*present, *value]
            for index in range(len(value)):
                there: Path = (section, len(present) + index)
                merged.places.by_path[there] = second.places.find((section, index))
        else:
            merged.problems.append(_in_both(second.places, merged.places, (section,)))
    return merged


def _merge_names(
    merged: Source, second: Source, section: str, present: dict[str, object], value: dict[str, object]
) -> None:
    merged.data[section] = {**value, **present}
    for name in value:
        path: Path = (section, name)
        if name in present:
            merged.problems.append(_in_both(second.places, merged.places, path))
        else:
            _adopt(merged.places, second.places, path)


def _in_both(second: Places, file: Places, path: Path) -> Problem:
    return second.problem(path, f"is also in {file.find(path)}; write it in one of them")


def _adopt(into: Places, places: Places, path: Path) -> None:
    """Take over the places at and below a path."""
    into.by_path[path] = places.find(path)
    into.by_path.update({key: place for key, place in places.by_path.items() if key[: len(path)] == path})
