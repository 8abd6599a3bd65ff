"""The reference pages of configuration, written from the same classes that read it.

`python -m exeat.config.reference DIRECTORY` writes them; a test compares.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exeat.config.schema import build_schema, render_schema
from exeat.config.settings import VARIABLES, Settings

WORDS = {"string": "text", "boolean": "true or false", "integer": "number", "number": "number", "object": "mapping"}
GENERATED = "<!-- Written by python -m exeat.config.reference; change the classes in src/exeat/config instead. -->"

DOCUMENT_PREFACE = """# The document

{generated}

What Exeat lets out, and to whom. It is YAML or JSON (`exeat.yaml`), the environment, or both;
[document.schema.json](document.schema.json) lets editors complete and check it:

```yaml
# yaml-language-server: $schema=docs/reference/document.schema.json
```

* Everything is validated as a whole. Every problem is named at once, with its path and line, and nothing is applied
  unless everything is right.
* **Secret references** may stand in any text: `${{NAME}}` is an environment variable, `${{file:PATH}}` a file's content
  (relative to the document; trailing line breaks removed; read again when it changes), `$${{` a plain `${{`.
* **From the environment**: a variable's name is a path, `EXEAT_UPSTREAMS__GITHUB__URL`; in names `_` stands for `-`. A
  list is comma-separated. A value that begins with `[` or `{{` is JSON, as lists of objects are:
  `EXEAT_CONSUMERS__WEB__LIMITS=[{{"rate": "100/minute"}}]`. `EXEAT_CONSUMERS__WEB__KEY_SHA256` lists a consumer's keys.
  A name may be in the file or in the environment, not in both; destinations of both add up.
* **YAML 1.2** decides what is text: `off`, `no` and `on` are text, `true` and `false` alone are not.
* `mode: report` lets something pass and records what would have been refused.
"""

SETTINGS_PREFACE = """# Settings

{generated}

How the process runs: environment variables, or a `.env` file in the working directory (a variable of the environment
wins). Nothing else reads the environment. What may be called is [the document](document.md)'s.

| variable | default | |
|---|---|---|
"""


def render_settings_reference() -> str:
    """docs/reference/settings.md."""
    rows = [_settings_row(variable, field) for variable, field in VARIABLES.items()]
    return SETTINGS_PREFACE.format(generated=GENERATED) + "".join(rows)


def _settings_row(variable: str, field: str) -> str:
    info = Settings.model_fields[field]
    default = info.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    if isinstance(default, float):
        default = f"{default:g}"
    text = "-" if default in {None, ""} else f"`{default}`"
    if isinstance(info.json_schema_extra, dict):  # what stands for no value
        text = str(info.json_schema_extra.get("default", text))
    return f"| `{variable}` | {text} | {info.description} |\n"


def render_document_reference() -> str:
    """docs/reference/document.md."""
    schema = build_schema()
    parts = [DOCUMENT_PREFACE.format(generated=GENERATED), _section("The whole", schema)]
    parts += [_section(name, schema["$defs"][name]) for name in _in_order(schema)]
    return "\n".join(parts)


def _in_order(schema: dict[str, Any]) -> list[str]:
    """The objects' names in the order in which one meets them, reading from the top."""
    found: dict[str, None] = {}
    waiting = list(_references(schema["properties"]))
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting = [*_references(schema["$defs"][name]), *waiting]
    return list(found)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for name, item in node.items():
            if name not in {"$defs", "mapping"}:
                yield from _references(item)


def _section(title: str, entry: dict[str, Any]) -> str:
    required = entry.get("required", [])
    rows = "".join(
        f"| `{name}` | {_type(info)} | {_default(info, required=name in required)} | {info.get('description', '')} |\n"
        for name, info in entry["properties"].items()
    )
    return f"## {title}\n\n{entry.get('description', '')}\n\n| field | type | default | |\n|---|---|---|---|\n{rows}"


def _default(info: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    default = info.get("default")
    if default in (None, "", [], {}):
        return "-"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in default)
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}s`" if isinstance(default, float) else f"`{default}`"


def _type(info: dict[str, Any]) -> str:
    """A field's type in words."""
    if "$ref" in info:
        name = info["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in info or "const" in info:
        return " or ".join(f"`{value}`" for value in info.get("enum", [info.get("const")]))
    if "discriminator" in info:
        return " or ".join(_type(option) for option in info["oneOf"])
    if "anyOf" in info:
        if any("(ms|" in option.get("pattern", "") for option in info["anyOf"]):
            return "duration"
        return " or ".join(dict.fromkeys(_type(option) for option in info["anyOf"]))
    if info.get("type") == "array":
        return f"list of {_type(info['items'])}"
    if "additionalProperties" in info:
        return f"name → {_type(info['additionalProperties'])}"
    return WORDS[info["type"]]


PAGES = {
    "document.schema.json": render_schema,
    "document.md": render_document_reference,
    "settings.md": render_settings_reference,
}


def write_pages(directory: Path) -> None:
    """Write every page."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        (directory / name).write_text(render(), "utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
