"""`exeat upstream`, `consumer`, `destination` and `section`: the objects of the configuration, one at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exeat.cli.admin.api import Answer, Api, ApiError, Problem, path_of, problems_in
from exeat.cli.admin.asking import read_text
from exeat.cli.admin.changes import show_warnings
from exeat.cli.admin.fields import parse_fields
from exeat.cli.admin.naming import NOT_FOUND, named
from exeat.cli.admin.reach import UsageError, with_api
from exeat.cli.admin.table import render_table
from exeat.cli.output import FINE, complain, say, say_json
from exeat.config.reading import read_text as read_yaml
from exeat.config.writing import render_yaml

LONGEST = 60


class Kind(NamedTuple):
    """A kind of object: what it is called, the section of the document it stands in, and the member lists show."""

    name: str
    plural: str
    shown: str


UPSTREAM = Kind("upstream", "upstreams", "url")
CONSUMER = Kind("consumer", "consumers", "grants")
DESTINATION = Kind("destination", "destinations", "private")
SECTION = Kind("section", "sections", "")
KINDS = {kind.name: kind for kind in (UPSTREAM, CONSUMER, DESTINATION, SECTION)}


def list_objects(kind: str, *, as_json: bool) -> int:
    """Print all objects of a kind, whichever source they are written in."""
    known = KINDS[kind]

    def work(api: Api) -> int:
        found = list(api.items(path_of(known.plural)))
        if as_json:
            say_json([_without_warnings(one) for one in found])
            return FINE
        rows = [(one["name"], one["source"], _about(known, one["data"])) for one in found]
        say(render_table(("NAME", "SOURCE", known.shown.upper()), rows))
        return FINE

    return with_api(work)


def show_object(kind: str, name: str, *, as_json: bool) -> int:
    """Print one object as it is written; secrets are references, or masked."""
    known = KINDS[kind]

    def work(api: Api) -> int:
        with named(api, path_of(known.plural), name):
            found = api.get(path_of(known.plural, name)).body
        if as_json:
            say_json(_without_warnings(found))
            return FINE
        version = "" if found["revision"] is None else f", revision {found['revision']}"
        say(f"# {kind} {name}: {found['source']}{version}\n{render_yaml(_mapping(name, found['data']))}")
        return FINE

    return with_api(work)


def set_object(kind: str, name: str, written: Sequence[str], file: str | None, *, as_json: bool) -> int:
    """Make an object, put a file in its place, or change some of its members."""
    known = KINDS[kind]

    def work(api: Api) -> int:
        if file is not None and written:
            raise UsageError("write FIELD=VALUE or --file, not both")
        path = path_of(known.plural, name)
        data = parse_fields(written, known.plural, name) if file is None else _read(file)
        present = _find(api, path)
        if file is None and kind != DESTINATION.name and not written:
            raise UsageError("there is nothing to set; write FIELD=VALUE, as in url=https://api.example.com, or --file")
        if file is None and present is not None:
            if not written:
                say(f"destination {name} is there already.")
                return FINE
            _refuse_read_only(present)
            body = api.patch(path, data, present.tag).body
        else:
            _refuse_read_only(present)
            made = _without_null(data) if isinstance(data, dict) and file is None else data
            body = api.put(path, made, None if present is None else present.tag).body
        if as_json:
            say_json(body)
        else:
            show_warnings([one for one in problems_in(body["warnings"]) if _is_about(one, known, name)])
            say(f"{kind} {name} is {'made' if present is None else 'changed'}: revision {body['revision']}.")
        return FINE

    return with_api(work)


def remove_object(kind: str, name: str, *, as_json: bool) -> int:
    """Remove an object; a consumer's keys are revoked."""
    known = KINDS[kind]

    def work(api: Api) -> int:
        path = path_of(known.plural, name)
        with named(api, path_of(known.plural), name):
            present = api.get(path)
        _refuse_read_only(present)
        api.delete(path, present.tag)
        if as_json:
            say_json({"name": name, "removed": True})
        else:
            say(f"{kind} {name} is removed.")
        return FINE

    return with_api(work)


def _is_about(problem: Problem, kind: Kind, name: str) -> bool:
    """Whether a problem is one of this object: those of all others are for who looks at the whole."""
    owners = (f"{kind.plural}.{name}", f"{kind.plural}[{name}]", name if kind is SECTION else None)
    return any(owner and f"{problem.path}.".startswith((f"{owner}.", f"{owner}[")) for owner in owners)


def _refuse_read_only(present: Answer | None) -> None:
    """What is written elsewhere has no version to be changed by: say where it is before it is tried."""
    if present is not None and present.body["read_only"]:
        raise UsageError(f"'{present.body['name']}' is written in: {present.body['source']}; change it there")


def _find(api: Api, path: str) -> Answer | None:
    try:
        return api.get(path)
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _read(file: str) -> object:
    reading = read_yaml(read_text(file), file)
    if reading.problems:
        complain(reading.problems[1:])
        raise UsageError(str(reading.problems[0]))
    return reading.data


def _mapping(name: str, data: object) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {name: data}


def _without_null(members: Mapping[str, object]) -> dict[str, object]:
    """Members for an object that isn't there yet: null, which removes one, has nothing to remove."""
    kept = {name: _without_null(value) if isinstance(value, dict) else value for name, value in members.items()}
    return {name: value for name, value in kept.items() if value is not None}


def _without_warnings(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "warnings"}


def _about(kind: Kind, data: object) -> str:
    """A few words about an object."""
    if not isinstance(data, Mapping):
        return ""
    value = data.get(kind.shown) or data.get("endpoints") or _preset_of(data)
    parts = value if isinstance(value, list) else [value]
    text = ", ".join(_word(part) for part in parts)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _preset_of(data: Mapping[str, Any]) -> str:
    return f"preset {data['preset']}" if "preset" in data else ""


def _word(part: object) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    return str(part.get("upstream") or part.get("destination") or part.get("url") or "…")
