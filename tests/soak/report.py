"""What a soak leaves: a page with its figures, a plot, and the samples."""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.soak.plot import Line, Panel, plot
from tests.soak.run import Flow, Outcome
from tests.soak.samples import MOST_BYTES, MOST_DESCRIPTORS, Growth, Sample

MIB = 2**20
SHOWN = 20
RATE_S = 10.0  # over which calls in a second are counted, for the plot


def write_report(folder: Path, outcome: Outcome) -> None:
    """Write `report.md`, `plot.svg` and `samples.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plot.svg").write_text(_plot(outcome), "utf-8")
    (folder / "report.md").write_text("\n".join(_page(outcome)), "utf-8")
    with (folder / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample._fields)
        writer.writerows(outcome.samples)


def _plot(outcome: Outcome) -> str:
    resident: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    descriptors: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in outcome.samples:
        resident[one.process].append((one.at_s, one.resident_bytes / MIB))
        descriptors[one.process].append((one.at_s, one.descriptors))
    middle_s = max(one.at_s for one in outcome.samples) / 2
    flow = {"under way": [(one.at_s, float(one.in_flight)) for one in outcome.flow]}
    return plot(
        [
            Panel("Resident memory (MiB)", resident, middle_s),
            Panel("Open descriptors", descriptors, middle_s),
            Panel("Exchanges under way", flow),
            Panel("Calls in a second", {"answered": _rates(outcome.flow)}),
        ]
    )


def _rates(flow: Sequence[Flow]) -> Line:
    rates: list[tuple[float, float]] = []
    since = flow[0]
    for one in flow:
        if one.at_s - since.at_s >= RATE_S:
            rates.append((one.at_s, (one.answered - since.answered) / (one.at_s - since.at_s)))
            since = one
    return rates or [(0.0, 0.0)]


def _page(outcome: Outcome) -> list[str]:
    last = outcome.flow[-1]
    return [
        "# Soak",
        "",
        f"{last.at_s / 60:.1f} minutes, {last.answered} calls, {outcome.reloads} reloads. "
        + ("**As it has to be.**" if not outcome.problems else f"**{len(outcome.problems)} problems.**"),
        "",
        "![memory and descriptors](plot.svg)",
        "",
        "Growth is that of the straight line through the second half.",
        f"{MOST_BYTES / MIB:g} MiB and {MOST_DESCRIPTORS:g} descriptors are allowed.",
        "",
        "| process | memory at half, at the end | growth | descriptors at half, at the end | growth |",
        "|---|---|---|---|---|",
        *map(_row, outcome.growth),
        "",
        "| calls | answers by status |",
        "|---|---|",
        *_answers(outcome.answers),
        "",
        *(f"* {problem}" for problem in outcome.problems[:SHOWN]),
        "",
    ]


def _row(one: Growth) -> str:
    before, after = (f"{value / MIB:.1f}" for value in one.resident_bytes)
    few, many = (f"{value:g}" for value in one.descriptors)
    grown = f"{one.grown_bytes / MIB:+.2f} MiB"
    return f"| {one.process} | {before}, {after} MiB | {grown} | {few}, {many} | {one.grown_descriptors:+.1f} |"


def _answers(answers: Counter[tuple[str, int]]) -> list[str]:
    by_kind: defaultdict[str, list[str]] = defaultdict(list)
    for (kind, status), count in sorted(answers.items()):
        by_kind[kind].append(f"{status}: {count}")
    return [f"| {kind} | {', '.join(found)} |" for kind, found in by_kind.items()]
