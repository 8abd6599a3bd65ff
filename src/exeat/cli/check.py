"""`exeat check`: everything that is wrong with a document, without running it."""

from collections.abc import Iterable
from pathlib import Path

from exeat.cli.output import FINE, WRONG, complain, say, say_json
from exeat.config.compile import Loaded, load
from exeat.config.problem import ConfigError, Problem
from exeat.config.settings import read_settings
from exeat.model.snapshot import Snapshot


def check(file: Path | None, *, as_json: bool) -> int:
    """Read and compile as `exeat serve` would, and say what is wrong, all of it."""
    try:
        loaded = load(read_settings(config=file))
    except ConfigError as error:
        if as_json:
            say_json({"ok": False, "problems": _as_data(error.problems), "warnings": []})
            return WRONG
        count = len(error.problems)
        return complain([*error.problems, "1 problem" if count == 1 else f"{count} problems"])
    if as_json:
        say_json({"ok": True, "problems": [], "warnings": _as_data(loaded.warnings), **_facts(loaded.snapshot)})
    else:
        say(_render(loaded))
    return FINE


def _render(loaded: Loaded) -> str:
    facts = _facts(loaded.snapshot)
    counts = ", ".join(f"{facts[name]} {name}" for name in ("upstreams", "destinations", "consumers", "keys"))
    warnings = [f"warning: {warning}" for warning in loaded.warnings]
    return "\n".join([*warnings, f"No problems: {counts}; revision {loaded.snapshot.revision}"])


def _facts(snapshot: Snapshot) -> dict[str, object]:
    return {
        "revision": snapshot.revision,
        "upstreams": len(snapshot.upstreams),
        "destinations": sum(map(len, (*snapshot.exact.values(), *snapshot.below.values()))),
        "consumers": len(snapshot.consumers),
        "keys": len(snapshot.keys),
    }


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
