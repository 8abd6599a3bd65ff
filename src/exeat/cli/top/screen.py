"""The screen of `exeat top`."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from exeat.cli.top.figures import Figures, Row

ROWS = 12  # of each table


def draw(figures: Figures, where: str) -> RenderableType:
    """Everything, as it is now."""
    parts: list[RenderableType] = [_heading(figures, where)]
    if figures.troubles:
        parts.append(Panel(Text("\n".join(figures.troubles), style="bold red"), title="Look here", style="red"))
    parts += [_rows("Upstreams", figures.upstreams, with_time=True), _rows("Consumers", figures.consumers)]
    parts.append(_failures(figures))
    return Group(*parts)


def _heading(figures: Figures, where: str) -> Text:
    failed = f"{_rate(figures.failed_per_s)} failed"
    costs = "".join(f"   {amount:.2f} {currency}/h" for currency, amount in sorted(figures.costs.items()))
    return Text.assemble(
        (f"Exeat at {where}", "bold"),
        f"   {figures.workers} {'worker' if figures.workers == 1 else 'workers'}"
        f"   {figures.memory_bytes / 2**20:.0f} MiB   late by {figures.lag_s * 1000:.0f} ms\n",
        (f"{_rate(figures.per_s)} calls/s", "bold green"),
        "   ",
        (failed, "bold red" if figures.failed_per_s else "dim"),
        f"   {figures.in_flight} under way   p50 {_time(figures.p50_s)}   p95 {_time(figures.p95_s)}{costs}",
    )


def _rows(title: str, rows: Iterable[Row], *, with_time: bool = False) -> Table:
    table = Table(title=title, title_justify="left", expand=True, box=None, header_style="dim")
    table.add_column("name", ratio=3, no_wrap=True)
    table.add_column("calls/s", justify="right")
    table.add_column("failed/s", justify="right")
    if with_time:
        table.add_column("p95", justify="right")
        table.add_column("", ratio=4)
    for row in list(rows)[:ROWS]:
        failed = Text(_rate(row.failed_per_s), style="red" if row.failed_per_s else "dim")
        cells: list[RenderableType] = [row.name, _rate(row.per_s), failed]
        table.add_row(*cells, *([_time(row.p95_s), row.note] if with_time else []))
    return table


def _failures(figures: Figures) -> Table:
    table = Table(title="Failures", title_justify="left", expand=True, box=None, header_style="dim")
    table.add_column("upstream", ratio=3, no_wrap=True)
    table.add_column("what", ratio=4)
    table.add_column("times/s", justify="right")
    for failure in figures.failures[:ROWS]:
        table.add_row(failure.upstream, failure.what, _rate(failure.per_s))
    return table


def _rate(per_s: float) -> str:
    return f"{per_s:.0f}" if per_s >= 100 else f"{per_s:.1f}"  # noqa: PLR2004 - where a decimal says nothing more


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
