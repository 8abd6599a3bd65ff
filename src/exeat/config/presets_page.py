"""The reference page of presets, written from their files.

`python -m exeat.config.presets_page DIRECTORY` writes it; a test compares.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exeat.config.presets import Preset, SignedLink, preset_names, read_preset
from exeat.model.vendors import FIELDS

PAGE = "presets.md"
WIDTH = 120  # characters of a line of text
PREFACE = """# Presets

<!-- Written by python -m exeat.config.presets_page; change the files in src/exeat/presets instead. -->

Well-known APIs that need little more than a secret; how they are used is told in [Presets](../guides/presets.md).
Each fact has the page that says so. A fact that is marked with **?** was not seen on its page, or has none: look before
you rely on it. Of the fields that speak of limits, Exeat goes by those that aren't in brackets.

| preset | API | needs |
|---|---|---|
"""
UNSURE = " **?**"


def render_presets() -> str:
    """docs/reference/presets.md."""
    presets = {name: read_preset(name) for name in preset_names()}
    rows = "".join(f"| [{name}](#{name}) | {one.title} | {_needs(one)} |\n" for name, one in presets.items())
    return PREFACE + rows + "".join(_section(name, one) for name, one in presets.items())


def _needs(preset: Preset) -> str:
    named = [f"`{name}`" for name, one in preset.parameters.items() if one.default is None]
    return ", ".join([*named, *(f"`{name}`" for name in preset.secrets)])


def _section(name: str, preset: Preset) -> str:
    facts = "".join(
        f"| {what} | {text}{_unsure(fact, preset)} | {_page(fact, preset)} |\n" for fact, what, text in _facts(preset)
    )
    notes = f"\n{textwrap.fill(preset.notes, WIDTH, break_on_hyphens=False)}\n" if preset.notes else ""
    return (
        f"\n## {name}\n\n{preset.title}.\n\n```yaml\n{_example(name, preset)}```\n\n"
        f"{_parameters(preset)}| | | source |\n|---|---|---|\n{facts}{notes}"
    )


def _example(name: str, preset: Preset) -> str:
    """The shortest entry, each parameter with its example unless it has a default."""
    wanted = {name: one.example for name, one in preset.parameters.items() if one.default is None}
    prefix = name.upper().replace("-", "_")
    secrets = {one: f"${{{prefix}_{one.upper()}}}" for one in preset.secrets}
    lines = [f"{name}:", f"  preset: {name}"]
    if wanted:
        lines.append(f"  with: {_flow(wanted)}")
    lines.append(f"  credential: {_flow(secrets)}")
    return "upstreams:\n" + "".join(f"  {line}\n" for line in lines)


def _flow(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}: "{value}"' for name, value in values.items()) + "}"


def _parameters(preset: Preset) -> str:
    """What each name stands for."""
    rows = [
        f"| `with.{name}` | {one.what} | {'required' if one.default is None else f'`{one.default}`'} |\n"
        for name, one in preset.parameters.items()
    ]
    rows += [f"| `credential.{name}` | {what} | required |\n" for name, what in preset.secrets.items()]
    return "| name | what it is | default |\n|---|---|---|\n" + "".join(rows) + "\n"


def _facts(preset: Preset) -> Iterator[tuple[str, str, str]]:
    """Each fact: its name, what people call it, what it says."""
    yield "url", "address", f"`{preset.url}`"
    if preset.siblings:
        yield "siblings", "sibling hosts", _codes(preset.siblings)
    yield "credential", "credential", _credential(preset.credential)
    if preset.idempotency_key is not None:
        key = "Idempotency-Key" if preset.idempotency_key is True else preset.idempotency_key
        yield "idempotency_key", "idempotency", f"`{key}`"
    yield "limits", "limits", _limits(preset.limits)
    if preset.links:
        yield "links", "links in JSON", ", ".join(map(_link, preset.links))
    if preset.verify is not None:
        yield "verify", "verification", f"`{preset.verify.method} {preset.verify.path}`"


def _unsure(fact: str, preset: Preset) -> str:
    return UNSURE if fact in preset.unconfirmed or fact not in preset.sources else ""


def _page(fact: str, preset: Preset) -> str:
    return f"[page]({preset.sources[fact]})" if fact in preset.sources else "-"


def _credential(written: dict[str, Any] | list[dict[str, Any]]) -> str:
    parts = written if isinstance(written, list) else [written]
    return "; ".join(_one(part) for part in parts)


def _one(part: Mapping[str, Any]) -> str:
    """A credential's kind and members, as the document has them."""
    members = [f"{name}: {value}" for name, value in part.items() if name != "kind"]
    return f"`{part['kind']}` " + _codes(members)


def _link(link: str | SignedLink) -> str:
    return f"`{link}`" if isinstance(link, str) else f"`{link.field}` (signed for {link.signed})"


def _limits(names: tuple[str, ...]) -> str:
    """The fields that Exeat reads, then those that it doesn't."""
    read = [name for name in names if name.encode() in FIELDS]
    other = [name for name in names if name not in read]
    if not names:
        return "none are named"
    return " ".join([part for part in (_codes(read), f"({_codes(other)})" if other else "") if part])


def _codes(texts: Any) -> str:
    return ", ".join(f"`{text}`" for text in texts)


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_presets(), "utf-8")
