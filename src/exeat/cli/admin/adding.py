"""`exeat upstream add`: a well-known API becomes an upstream, once its secret is seen to be accepted.

Rule 1: a secret comes from a prompt that doesn't show it, standard input, a file or a variable, or is a reference;
never from the command line itself.
Rule 2: what isn't accepted isn't added, unless nobody asked whether it is.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exeat.cli.admin.api import Api, ApiError, path_of, problems_in
from exeat.cli.admin.asking import ask_line, read_secret, read_text
from exeat.cli.admin.changes import show_warnings
from exeat.cli.admin.fields import parse_fields
from exeat.cli.admin.naming import NOT_FOUND
from exeat.cli.admin.presets import no_preset
from exeat.cli.admin.reach import UsageError, guarded, with_api
from exeat.cli.admin.verifying import Outcome, verify
from exeat.cli.output import FAILED, FINE, complain, say, say_json
from exeat.cli.stored_part import read_stored_part
from exeat.config.grammar import parse_name
from exeat.config.preset_use import facts
from exeat.config.presets import Preset, UnknownPresetError, placeholders, read_preset
from exeat.config.problem import unquote
from exeat.config.settings import Settings, read_settings
from exeat.config.trial import compile_alone
from exeat.config.writing import render_yaml

MAIN = "secret"  # the one that is meant where none is named


class Wanted(NamedTuple):
    """What is asked for: the upstream's name, its preset, members to be written beside it, where its secrets are.

    `files` and `variables` are each as written: `[NAME=]VALUE`, where without a name the main secret is meant.
    """

    name: str
    preset: str | None
    fields: Sequence[str]
    files: Sequence[str] = ()
    variables: Sequence[str] = ()
    why: str = ""


def add_upstream(wanted: Wanted, *, verifies: bool, dry_run: bool, as_json: bool) -> int:
    """Ask for what is missing, see whether the secret is accepted, and make the upstream."""
    if dry_run:
        return guarded(lambda: _print_lines(wanted, as_json=as_json))

    def work(api: Api) -> int:
        preset, entry = _entry(wanted)
        path = path_of("upstreams", wanted.name)
        _refuse_present(api, path, wanted.name)
        settings = read_settings()
        _ask_parameters(entry, preset)
        _ask_secrets(entry, preset, wanted, settings)
        outcome = _try(entry, preset, wanted.name, settings) if verifies else None
        if outcome is not None and not outcome.accepted:
            return _refuse(wanted.name, preset, outcome, as_json=as_json)
        if outcome is not None and outcome.renewed is not None:
            at = MAIN if MAIN in entry["credential"] else "refresh_token"
            entry["credential"][at] = _escape(outcome.renewed.reveal())
        body = api.put(path, entry, None, why=wanted.why or None).body
        if as_json:
            say_json({"name": wanted.name, "preset": entry["preset"], "verified": _data(outcome), **_made(body)})
            return FINE
        show_warnings(
            [one for one in problems_in(body["warnings"]) if f"{one.path}.".startswith(f"upstreams.{wanted.name}.")]
        )
        if outcome is not None:
            say(_sentence(preset, outcome))
        say(f"upstream {wanted.name} is made: revision {body['revision']}.")
        return FINE

    return with_api(work)


def _print_lines(wanted: Wanted, *, as_json: bool) -> int:
    """Print the lines of a document that say the same, the secrets as references to variables."""
    preset, entry = _entry(wanted)
    _ask_parameters(entry, preset)
    missing = _missing_secrets(entry, preset)
    if missing:
        prefix = wanted.name.upper().replace("-", "_")
        references = {name: f"${{{prefix}_{name.upper()}}}" for name in missing}
        entry["credential"] = {**_own(entry), **references}
    document = {"upstreams": {wanted.name: entry}}
    if as_json:
        say_json(document)
    else:
        say(render_yaml(document))
    return FINE


def _entry(wanted: Wanted) -> tuple[Preset, dict[str, Any]]:
    """The preset, and the upstream's entry as far as it is written."""
    try:
        parse_name(wanted.name)
    except ValueError as error:
        raise UsageError(unquote(f"'{wanted.name}': {error}", hide=False)) from error
    name = wanted.preset or wanted.name
    try:
        preset = read_preset(name)
    except UnknownPresetError:
        raise UsageError(no_preset(name)) from None
    return preset, {"preset": name, **parse_fields(wanted.fields, "upstreams", wanted.name)}


def _refuse_present(api: Api, path: str, name: str) -> None:
    try:
        present = api.get(path)
    except ApiError as error:
        if error.status == NOT_FOUND:
            return
        raise
    where = present.body["source"]
    advice = "change it there" if present.body["read_only"] else f"change it with `exeat upstream set {name}`"
    raise UsageError(f"upstream {name} is there already, in: {where}; {advice}")


def _ask_parameters(entry: dict[str, Any], preset: Preset) -> None:
    """The parameters that nobody has said, from whoever sits at the terminal."""
    said = entry.get("with", {})
    if not isinstance(said, dict):
        raise UsageError("'with' isn't NAME=VALUE; write it as in with.site=acme")
    needed = [name for name in dict.fromkeys(placeholders(facts(preset, entry))) if name in preset.parameters]
    missing = [name for name in needed if name not in said and preset.parameters[name].default is None]
    for name in missing:
        parameter = preset.parameters[name]
        what = f"with.{name} ({parameter.what}; such as {parameter.example})"
        value = ask_line(what)
        if not value:
            raise UsageError(f"{what} is missing; write it as in with.{name}={parameter.example}")
        said = {**said, name: value}
    if said:
        entry["with"] = said


def _ask_secrets(entry: dict[str, Any], preset: Preset, wanted: Wanted, settings: Settings) -> None:
    """The secrets that the preset needs, each from where it is said to be, else asked for."""
    missing = _missing_secrets(entry, preset)
    found = _said_secrets(wanted, settings)
    for name in found:
        if name not in missing:
            known = ", ".join(missing) or "none, for its credential is written already"
            raise UsageError(f"the preset asks for no secret '{name}'; it asks for {known}")
    asked = [name for name in missing if name not in found]
    if len(asked) > 1 and not sys.stdin.isatty():
        raise UsageError(f"{len(asked)} secrets are missing; say where they are, as in --secret-file {asked[0]}=FILE")
    found |= {name: read_secret(f"{name} ({preset.secrets[name]})").reveal() for name in asked}
    if missing:
        entry["credential"] = {**_own(entry), **{name: _escape(found[name]) for name in missing}}


def _said_secrets(wanted: Wanted, settings: Settings) -> dict[str, str]:
    """The secrets of files and variables; UsageError where one isn't there."""
    found: dict[str, str] = {}
    for name, file in _named(wanted.files, "--secret-file"):
        found[name] = read_text(file).rstrip("\r\n")
        if not found[name]:
            raise UsageError(f"--secret-file: {file} is empty")
    for name, variable in _named(wanted.variables, "--secret-env"):
        if name in found:
            raise UsageError(f"the secret '{name}' is in a file and in a variable; say one of them")
        found[name] = settings.environment().values.get(variable, "")
        if not found[name]:
            raise UsageError(f"--secret-env: the variable {variable} isn't set, or is empty")
    return found


def _missing_secrets(entry: Mapping[str, Any], preset: Preset) -> list[str]:
    """The secrets that the preset's credential needs; none if another credential is written."""
    template = facts(preset, entry).get("credential")
    own = _own(entry)
    return [name for name in dict.fromkeys(placeholders(template)) if name in preset.secrets and name not in own]


def _own(entry: Mapping[str, Any]) -> dict[str, Any]:
    written = entry.get("credential", {})
    return written if isinstance(written, dict) else {}


def _named(written: Sequence[str], option: str) -> list[tuple[str, str]]:
    """`[NAME=]VALUE` of an option; a value that has a `=` itself is written with its name."""
    found = [
        (name, value) if equals else (MAIN, name) for name, equals, value in (one.partition("=") for one in written)
    ]
    if len({name for name, _ in found}) < len(found):
        raise UsageError(f"{option} names the same secret twice")
    return found


def _escape(text: str) -> str:
    """A secret as a document writes it, where `${` begins a reference."""
    return text.replace("${", "$${")


def _try(entry: Mapping[str, Any], preset: Preset, name: str, settings: Settings) -> Outcome | None:
    """Compile the upstream and make the preset's call; None where there is nothing that could be tried."""
    trial = compile_alone(settings, name, entry, read_stored_part(settings).vault)
    if preset.verify is None and trial.source is None:
        return None
    values = {one: parameter.default for one, parameter in preset.parameters.items() if parameter.default is not None}
    said = entry.get("with", {})
    return verify(preset, trial, {**values, **{one: str(value) for one, value in said.items()}}, settings)


def _refuse(name: str, preset: Preset, outcome: Outcome, *, as_json: bool) -> int:
    if as_json:
        say_json({"name": name, "verified": _data(outcome), "revision": None})
    complain([f"{_sentence(preset, outcome)} upstream {name} isn't made; --no-verify makes it all the same."])
    return FAILED


def _sentence(preset: Preset, outcome: Outcome) -> str:
    call = preset.verify
    if outcome.status is None or call is None:
        return f"{preset.title}: {outcome.meaning}."
    return f"{preset.title} answers {outcome.status} to {call.method} {call.path}: {outcome.meaning}."


def _data(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {"accepted": outcome.accepted, "status": outcome.status, "meaning": outcome.meaning}


def _made(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"revision": body["revision"], "data": body["data"]}
