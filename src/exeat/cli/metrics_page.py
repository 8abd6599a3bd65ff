"""The reference page of metrics, written from their declarations.

`python -m exeat.cli.metrics_page DIRECTORY` writes it; a test compares.
"""

import sys
import textwrap
from pathlib import Path

from exeat.telemetry.metrics import METRICS, Metric

PAGE = "metrics.md"
PREFACE = """# Metrics

<!-- Written by python -m exeat.cli.metrics_page; change the declarations in src/exeat/telemetry/metrics.py instead. -->

The control listener shows them at `/metrics`, in Prometheus' text format or, where it is asked for, OpenMetrics. They
are those of one instance: all its workers together, counted by the workers themselves and added up every second.
A worker that is killed takes with it what it hadn't said yet, a second at most; counters begin at 0 when the control
process is started again, as Prometheus expects of counters.

Labels hold names of the configuration, codes and statuses alone, so that no caller can make there be more of them.
With [`EXEAT_METRICS_TOKEN`](settings.md) whoever asks has to show that token. How to have them scraped and drawn:
[Seeing it](../guides/seeing-it.md).

| metric | kind | labels |
|---|---|---|
"""


def shown_name(metric: Metric) -> str:
    """The name under which samples of it stand."""
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


def render_metrics() -> str:
    """docs/reference/metrics.md."""
    rows = "".join(
        f"| [`{shown_name(metric)}`](#{shown_name(metric)}) | {metric.kind} |"
        f" {', '.join(f'`{label}`' for label in metric.labels)} |\n"
        for metric in METRICS
    )
    return PREFACE + rows + "".join(_section(metric) for metric in METRICS)


def _section(metric: Metric) -> str:
    text = f"\n## {shown_name(metric)}\n\n{textwrap.fill(metric.help, 118)}\n"
    if metric.buckets:
        text += f"\nBuckets (s): {', '.join(f'{bound:g}' for bound in metric.buckets)}.\n"
    return text


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_metrics(), "utf-8")
