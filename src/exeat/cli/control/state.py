"""How a running gateway is, as its control process knows it: what the supervisor says, and what the journals hold."""

from collections.abc import Mapping
from pathlib import Path

from exeat.cli.channel import ControlStart
from exeat.journal.segments import numbers_in


def describe_state(start: ControlStart, state: Mapping[str, object], trouble: Mapping[str, str]) -> dict[str, object]:
    """The part of GET /status that a running gateway knows; `trouble` is by `database` or chain (see shipping.py)."""
    started_at = state.get("started_at")
    return {
        "instance": start.instance,
        "started_at": int(started_at * 1_000_000) if isinstance(started_at, float) else None,
        "leaving": bool(state.get("leaving")),
        **{name: state.get(name) for name in ("in_force", "snapshot")},
        **{name: state.get(name, []) for name in ("problems", "warnings", "workers")},
        "records_stay": trouble.get("database"),
        "journals": [
            {"name": folder.name, "segments": len(numbers_in(folder)), "stuck": trouble.get(_chain(start, folder))}
            for folder in sorted(Path(start.journals).iterdir())
            if folder.is_dir()
        ],
    }


def _chain(start: ControlStart, journal: Path) -> str:
    return f"{start.instance}/{journal.name}"
