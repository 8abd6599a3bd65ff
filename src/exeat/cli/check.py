"""`exeat check`: everything that is wrong with a document, without running it."""

from collections.abc import Iterable
from pathlib import Path

from exeat.cli.counts import count, render_counts
from exeat.cli.output import FINE, WRONG, complain, say, say_json
from exeat.cli.stored_part import read_stored_part
from exeat.config.compile import Loaded, load
from exeat.config.problem import ConfigError, Problem
from exeat.config.settings import read_settings
from exeat.model.stored import Stored


def check(file: Path | None, *, as_json: bool) -> int:
    """Read and compile as `exeat serve` would, and say what is wrong, all of it."""
    try:
        settings = read_settings(config=file)
        loaded = load(settings, Stored(vault=read_stored_part(settings).vault))  # what else is there is another matter
    except ConfigError as error:
        if as_json:
            say_json({"ok": False, "problems": _as_data(error.problems), "warnings": []})
            return WRONG
        number = len(error.problems)
        return complain([*error.problems, "1 problem" if number == 1 else f"{number} problems"])
    if as_json:
        facts = {"revision": loaded.snapshot.revision, **count(loaded.snapshot)}
        say_json({"ok": True, "problems": [], "warnings": _as_data(loaded.warnings), **facts})
    else:
        say(_render(loaded))
    return FINE


def _render(loaded: Loaded) -> str:
    warnings = [f"warning: {warning}" for warning in loaded.warnings]
    snapshot = loaded.snapshot
    return "\n".join([*warnings, f"No problems: {render_counts(snapshot)}; revision {snapshot.revision}"])


def _as_data(problems: Iterable[Problem]) -> list[dict[str, object]]:
    return [
        {
            "path": problem.path,
            "source": problem.place.source,
            "line": problem.place.line,
            "message": problem.message,
        }
        for problem in problems
    ]
