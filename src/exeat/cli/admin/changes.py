"""Changes as people see them: each object's name, and its lines that come and go, in colour on a terminal."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

from rich.console import Console
from rich.text import Text

from exeat.cli.admin.api import Problem
from exeat.config.writing import render_yaml

ABOUT = 3  # lines around what is different
_SIGNS = {"create": "+", "delete": "-", "revoke": "-"}
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def show_changes(changes: Sequence[Mapping[str, Any]]) -> None:
    """Write changes to standard output."""
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    for change in changes:
        sign = _SIGNS.get(change["action"], "~")
        title = f"{sign} {change['action']} {change['kind']} {change['name']}"
        console.print(Text(title, f"bold {_STYLES[sign]}"), soft_wrap=True)
        for line in _lines(change["before"], change["after"]):
            console.print(Text(f"  {line}", _STYLES.get(line[:1], "")), soft_wrap=True)


def show_warnings(warnings: Sequence[Problem]) -> None:
    """Write warnings to standard error."""
    sys.stderr.writelines(f"exeat: warning: {warning}\n" for warning in warnings)


def count_changes(changes: Sequence[Mapping[str, Any]]) -> str:
    """`1 change`, `2 changes`."""
    return "1 change" if len(changes) == 1 else f"{len(changes)} changes"


def _lines(before: object, after: object) -> Iterator[str]:
    old, new = _written(before), _written(after)
    for line in list(unified_diff(old, new, n=ABOUT, lineterm=""))[2:]:
        if not line.startswith("@@"):
            yield f"{line[:1]} {line[1:]}"


def _written(value: object) -> list[str]:
    if not value:
        return []
    return render_yaml(value if isinstance(value, Mapping) else {"value": value}).splitlines()
