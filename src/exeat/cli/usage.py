"""`exeat usage`: what was used, by whatever roll-ups count by."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from exeat.cli.audit.database import UsageError, now, with_trail
from exeat.cli.audit.query import parse_when
from exeat.cli.output import FINE, say_json
from exeat.config.problem import suggest
from exeat.store.rollup import LABELS
from exeat.store.usage import Usage, usage

WIDTH = 200  # of what isn't a terminal
COLUMNS = ("requests", "errors", "bytes in", "bytes out", "attempts", "p50", "p95", "p99", "cost")


def show_usage(by: str, *, since: str, until: str | None, steps: bool, as_json: bool) -> int:
    """Print what was used in a range of time."""
    names = [name.strip() for name in by.split(",") if name.strip()]

    def work(engine: Engine) -> int:
        for name in names:
            if name not in LABELS:
                raise UsageError(
                    f"--by {name}: usage isn't counted by that{suggest(name, LABELS)}; {', '.join(LABELS)}"
                )
        end = parse_when(until, now()) if until else int(now().timestamp() * 1_000_000)
        found = usage(engine, since=parse_when(since, now()), until=end, by=names, steps=steps)
        if as_json:
            say_json([_members(names, entry) for entry in found])
        else:
            _print(names, found, steps=steps)
        return FINE

    return with_trail(work)


def _members(names: Sequence[str], entry: Usage) -> dict[str, object]:
    return {
        **({} if entry.start is None else {"start": _time(entry.start)}),
        **dict(zip(names, entry.labels, strict=True)),
        "requests": entry.requests,
        "errors": entry.errors,
        "bytes_in": entry.bytes_in,
        "bytes_out": entry.bytes_out,
        "attempts": entry.attempts,
        "p50_ms": _ms(entry.p50),
        "p95_ms": _ms(entry.p95),
        "p99_ms": _ms(entry.p99),
        "cost": {currency: str(amount) for currency, amount in entry.costs.items()},
    }


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1000, 3)


def _time(start: int) -> str:
    return datetime.fromtimestamp(start / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _print(names: Sequence[str], found: Sequence[Usage], *, steps: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for name in (*(["from"] if steps else []), *names):
        table.add_column(name)
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for entry in found:
        table.add_row(
            *([] if entry.start is None else [_time(entry.start)]),
            *(str(label) if label != "" else "-" for label in entry.labels),
            *(
                f"{number:,}"
                for number in (entry.requests, entry.errors, entry.bytes_in, entry.bytes_out, entry.attempts)
            ),
            *("-" if value is None else f"{value / 1000:.1f} ms" for value in (entry.p50, entry.p95, entry.p99)),
            " ".join(f"{amount:f} {currency}" for currency, amount in entry.costs.items()) or "-",
        )
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH)
    console.print(table if found else "Nothing was used in that time.")
