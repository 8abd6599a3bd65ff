"""`preset: NAME` in a document: what a preset says of an upstream, put where the document says nothing.

Rule 1: what the document writes itself wins, field by field; of `credential` and `retries`, member by member.
Rule 2: a credential that names a kind of its own has nothing of the preset's, and an address of its own none of the
preset's siblings: a secret isn't taken along to hosts that nobody named for it.
Rule 3: references aren't resolved yet, so that what is written through one stays one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exeat.config.presets import Preset, UnknownPresetError, fill, links_of, placeholders, preset_names, read_preset
from exeat.config.problem import Path, Place, Places, Problem, render_path, suggest

# Fields that name the upstream's address: with one of them the document has said where it is.
ADDRESSES = ("url", "endpoints")
HOST_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5})?")
# Stands where a preset that can't be used would say more, so that everything else is judged all the same.
PLACEHOLDER_URL = "https://preset.invalid"


@dataclass(slots=True)
class Notes:
    """What is wrong with what is written for presets, and what to blame for what is wrong with what they made of it."""

    places: Places
    problems: list[Problem] = field(default_factory=list)
    written: dict[str, Path] = field(default_factory=dict)

    def fault(self, path: Path, message: str) -> None:
        """Note a problem."""
        self.problems.append(self.places.problem(path, message, hide="credential" in path))

    def note(self, path: Path, written: Path) -> None:
        """What stands at a path was written, or called for, at another one."""
        self.places.by_path.setdefault(path, self.places.find(written))
        if written[-1] != "preset":
            self.written[render_path(path)] = written

    def trace(self, path: Path, template: object, preset: Preset) -> None:
        """What stands at a path is a template of a preset, and so to blame is its parameter, if there is just one."""
        names = [name for name in placeholders(template) if name in preset.parameters]
        if len(names) == 1:
            self.note(path, (*path[:2], "with", names[0]))

    def place(self, problems: list[Problem]) -> list[Problem]:
        """Problems of the whole, where their cause was written: the same of a parameter and of what it is in, once."""
        placed: dict[tuple[str, Place, str], Problem] = {}
        for problem in problems:
            path = self.written.get(problem.path)
            here = problem if path is None else replace(problem, path=render_path(path), place=self.places.find(path))
            placed.setdefault((here.path, here.place, here.message), here)
        return list(placed.values())


def use_presets(data: Mapping[str, object], notes: Notes) -> dict[str, object]:
    """A document with what its presets say; what is wrong with it is noted."""
    upstreams = data.get("upstreams")
    if not isinstance(upstreams, dict):
        return dict(data)
    made = {name: _use(name, entry, notes) if _has_preset(entry) else entry for name, entry in upstreams.items()}
    return {**data, "upstreams": made}


def _use(name: str, entry: dict[str, Any], notes: Notes) -> dict[str, Any]:
    path: Path = ("upstreams", name)
    preset = _find(path, entry, notes)
    if preset is None:
        return _without_preset(entry)
    before = len(notes.problems)
    made = _complete(path, entry, preset, notes)
    return made if len(notes.problems) == before else _without_preset(entry)


def _find(path: Path, entry: Mapping[str, Any], notes: Notes) -> Preset | None:
    if "preset" not in entry:
        notes.fault((*path, "with"), "has no effect without 'preset'; remove it, or name a preset beside it")
        return None
    name = entry["preset"]
    try:
        return read_preset(name if isinstance(name, str) else "")
    except UnknownPresetError:
        near = suggest(name, preset_names()) if isinstance(name, str) else ""
        message = "isn't the name of a preset" + (near or "; `exeat upstream presets` lists them")
        notes.fault((*path, "preset"), message)
        return None


def _complete(path: Path, entry: dict[str, Any], preset: Preset, notes: Notes) -> dict[str, Any]:
    said = facts(preset, entry)
    values = _values(path, entry.get("with", {}), preset, said, notes)
    made = {**{name: fill(value, values) for name, value in said.items() if name != "credential"}, **entry}
    for name in said:
        if name not in entry:
            notes.note((*path, name), (*path, "preset"))
    notes.trace((*path, "url"), said.get("url"), preset)
    at = (*path, "credential")
    if "credential" in said:
        made["credential"] = Completion(preset, values, notes).complete(entry.get("credential"), at)
    elif _is_bare(entry.get("credential")):
        notes.fault(at, _in_braces(preset))
    if preset.idempotency_key is not None:
        made |= _with_key(entry, preset.idempotency_key)
    return made


def _values(path: Path, written: object, preset: Preset, said: Mapping[str, Any], notes: Notes) -> dict[str, str]:
    """The parameters' values: those that are written, else their defaults."""
    if not isinstance(written, dict):
        notes.fault((*path, "with"), "must be a mapping, as in {name: value}")
        return {}
    values = {name: one.default for name, one in preset.parameters.items() if one.default is not None}
    for name, value in written.items():
        fault = _fault_in(name, value, said) if name in preset.parameters else _unknown(name, preset)
        if fault:
            notes.fault((*path, "with", name), fault)
        values[name] = str(value)
    for name in dict.fromkeys(placeholders(said)):
        if name in preset.parameters and name not in values:
            wanted = preset.parameters[name]
            notes.fault((*path, "with", name), f"is required: {wanted.what}, such as {wanted.example}")
    return values


@dataclass(slots=True)
class Completion:
    """What is written of a credential, with what a preset says of it."""

    preset: Preset
    values: dict[str, str]
    notes: Notes

    def complete(self, written: object, path: Path) -> object:
        """The whole credential, alone or a pool of several."""
        if written is None:
            names = " and ".join(f"{name} ({what})" for name, what in self.preset.secrets.items())
            self.notes.fault(path, f"is required: write under it {names}, or 'credential: none'")
            return "none"
        members = _members(written)
        if members is None or not isinstance(written, dict):
            return self._one(written, path)
        name = "pool" if "pool" in written else "members"
        return {**written, name: [self._one(member, (*path, name, at)) for at, member in enumerate(members)]}

    def _one(self, written: object, path: Path) -> object:
        """A credential, of the preset's kind if it names none itself."""
        template = self.preset.credential
        if _is_bare(written):
            self.notes.fault(path, _in_braces(self.preset))
        if not isinstance(written, dict) or "kind" in written:
            return written
        own = {name: value for name, value in written.items() if name not in self.preset.secrets}
        if isinstance(template, list):
            for name in own:
                self.notes.fault((*path, name), _unknown_secret(name, self.preset))
            return [self._filled(part, written, path, (*path, at)) for at, part in enumerate(template)]
        rest = {name: part for name, part in template.items() if name not in own}
        return {**self._filled(rest, written, path, path), **own}

    def _filled(self, template: Mapping[str, Any], written: Mapping[str, Any], at: Path, to: Path) -> dict[str, Any]:
        """The preset's members, filled: the secrets are `written` at one path, and go to another one."""
        for name, value in template.items():
            self.notes.trace((*to, name), value, self.preset)
            for secret in placeholders(value):
                if secret in written and (*at, secret) != (*to, name):
                    self.notes.note((*to, name), (*at, secret))
                elif secret in self.preset.secrets and secret not in written:
                    self.notes.fault((*at, secret), f"is required: {self.preset.secrets[secret]}")
        secrets = {name: written[name] for name in self.preset.secrets if name in written}
        return {name: fill(value, {**self.values, **secrets}) for name, value in template.items()}


def facts(preset: Preset, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a preset says of an upstream where the document says nothing; of `credential`, where it says no kind."""
    said: dict[str, Any] = {}
    if not any(name in entry for name in ADDRESSES):
        said["url"] = preset.url
        if preset.siblings and "siblings" not in entry:
            said["siblings"] = list(preset.siblings)
    if preset.links and "links" not in entry:
        said["links"] = links_of(preset)
    written = entry.get("credential")
    if written is None or (isinstance(written, dict) and _takes_kind(written)):
        said["credential"] = _without(preset.credential, written or {})
    return said


def _without(credential: Any, written: Mapping[str, Any]) -> Any:
    """What a preset says of a credential, without the members that are written."""
    if isinstance(credential, list) or _members(written) is not None:
        return credential
    return {name: value for name, value in credential.items() if name not in written}


def _takes_kind(written: Mapping[str, Any]) -> bool:
    """Whether a credential, or one of a pool, names no kind of its own."""
    members = _members(written)
    if members is None:
        return "kind" not in written
    return any(_is_bare(member) or (isinstance(member, dict) and "kind" not in member) for member in members)


def _members(written: object) -> list[Any] | None:
    """The credentials of a pool; None if it isn't one."""
    if not isinstance(written, dict):
        return None
    found = written.get("pool", written.get("members") if written.get("kind") == "pool" else None)
    return found if isinstance(found, list) else None


def _is_bare(written: object) -> bool:
    """Whether a credential is text that may be the secret itself, without the name that it is written under."""
    return isinstance(written, str) and written not in {"caller", "none"}


def _in_braces(preset: Preset) -> str:
    return f"is text; write {{{', '.join(f'{name}: …' for name in preset.secrets)}}}, or 'caller' or 'none' alone"


def _has_preset(entry: object) -> bool:
    return isinstance(entry, dict) and ("preset" in entry or "with" in entry)


def _without_preset(entry: dict[str, Any]) -> dict[str, Any]:
    """An upstream whose preset can't be used, such that what it says itself can be judged."""
    kept = {name: value for name, value in entry.items() if name not in {"preset", "with"}}
    if not any(name in kept for name in ADDRESSES):
        kept["url"] = PLACEHOLDER_URL
    written = kept.get("credential")
    if _is_bare(written) or (isinstance(written, dict) and _takes_kind(written)):
        del kept["credential"]
    return kept


def _with_key(entry: Mapping[str, Any], key: str | bool) -> dict[str, Any]:  # noqa: FBT001 - `true` is a value of it
    """`retries` with the field in which the API takes idempotency keys, unless nothing is tried again."""
    written = entry.get("retries", {})
    if isinstance(written, int | str) and not isinstance(written, bool) and str(written).isdecimal():
        written = {"limit": written}
    if not isinstance(written, dict) or "idempotency_key" in written or str(written.get("limit")) == "0":
        return {}
    return {"retries": {**written, "idempotency_key": key}}


def _fault_in(name: str, value: object, said: Mapping[str, Any]) -> str:
    """What is wrong with a parameter's value; nothing, if it can stand where it will."""
    if not isinstance(value, str | int | float) or isinstance(value, bool) or value == "":
        return "must be text, as in name: value"
    within_url = any(name in placeholders(text) for text in _texts(said) if text.startswith("https://"))
    within_host = any(name in placeholders(host) for host in said.get("siblings", ()))
    if (within_url or within_host) and "${" not in str(value) and not HOST_PART.fullmatch(str(value)):
        return "stands within a URL, so that it has only letters, digits, '-', '.' and '_'"
    return ""


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _texts(inner)]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []


def _unknown(name: str, preset: Preset) -> str:
    if name in preset.secrets:
        return "is a secret; write it under 'credential'"
    known = ", ".join(preset.parameters) or "none"
    return f"isn't a parameter of the preset{suggest(name, preset.parameters) or f'; known are {known}'}"


def _unknown_secret(name: str, preset: Preset) -> str:
    return f"unknown field{suggest(name, preset.secrets) or '; known are ' + ', '.join(preset.secrets)}"
