"""`exeat upstream presets`: the well-known APIs that are known, and what is known of each."""

from typing import Any

from exeat.cli.admin.table import render_table
from exeat.cli.output import FINE, complain, say, say_json
from exeat.config.presets import Preset, UnknownPresetError, preset_names, read_preset
from exeat.config.problem import suggest
from exeat.config.writing import render_yaml


def list_presets(name: str | None, *, as_json: bool) -> int:
    """Print the presets, or what one of them says."""
    if name is not None:
        return _show_preset(name, as_json=as_json)
    found = {one: read_preset(one) for one in preset_names()}
    if as_json:
        say_json([{"name": one, **describe(preset)} for one, preset in found.items()])
        return FINE
    rows = [(one, preset.title, ", ".join([*preset.parameters, *preset.secrets])) for one, preset in found.items()]
    say(render_table(("NAME", "API", "NEEDS"), rows))
    return FINE


def _show_preset(name: str, *, as_json: bool) -> int:
    try:
        found = describe(read_preset(name))
    except UnknownPresetError:
        return complain([no_preset(name)])
    if as_json:
        say_json({"name": name, **found})
    else:
        say(render_yaml(found))
    return FINE


def describe(preset: Preset) -> dict[str, Any]:
    """A preset as its file has it, without what isn't said."""
    return preset.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def no_preset(name: str) -> str:
    """What is said where there is no preset of a name."""
    advice = suggest(name, preset_names()) or "; `exeat upstream presets` lists them, --preset names another one"
    return f"there is no preset '{name}'{advice}"
