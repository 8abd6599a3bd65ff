"""The reference page of the command line, written from the commands themselves.

`python -m exeat.cli.reference DIRECTORY` writes it; a test compares.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from exeat.cli.main import app

PAGE = "cli.md"
PREFACE = """# Command line

<!-- Written by python -m exeat.cli.reference; change the commands in src/exeat/cli instead. -->

| exit code | |
|---|---|
| 0 | fine; for `explain`: the request would be let through |
| 1 | failed |
| 2 | wrong configuration or usage; one line on standard error for each problem |
| 3 | `explain`: the request would be refused |

Results go to standard output, problems to standard error. `--json` makes a result one that programs can read.
"""


def render_reference() -> str:
    """docs/reference/cli.md."""
    return "\n".join([PREFACE, *(_section(name, command) for name, command in _commands(get_command(app), "exeat"))])


def write_page(folder: Path) -> None:
    """Write the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(render_reference(), "utf-8")


def _commands(command: object, name: str) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for below, inner in command.commands.items():
            yield from _commands(inner, f"{name} {below}")
    elif isinstance(command, TyperCommand):
        yield name, command


def _section(name: str, command: TyperCommand) -> str:
    usage, rows = [name], []
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            written = parameter.metavar or ""
            usage.append(written)
            rows.append(f"| `{written}` | {parameter.help} |")
        elif isinstance(parameter, TyperOption):
            names = [*parameter.opts, *parameter.secondary_opts]
            value = "" if parameter.is_flag else f" {parameter.metavar}"
            usage.append(f"[{names[-1]}{value}]")
            rows.append(f"| `{', '.join(names)}{value}` | {parameter.help} |")
    table = ["", "| | |", "|---|---|", *rows] if rows else []
    return "\n".join(
        [f"## {name}", "", "```", " ".join(usage), "```", "", inspect.cleandoc(command.help or ""), *table, ""]
    )


if __name__ == "__main__":
    write_page(Path(sys.argv[1]))
