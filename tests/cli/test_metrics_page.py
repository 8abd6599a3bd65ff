"""The reference page of metrics, and what every metric has to be."""

import re
from pathlib import Path

import pytest

from exeat.cli.metrics_page import PAGE, render_metrics
from exeat.telemetry.metrics import BY_NAME, METRICS, Metric

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_current() -> None:
    """docs/reference/metrics.md is what the declarations say."""
    assert (REFERENCE / PAGE).read_text("utf-8") == render_metrics()


def test_names_are_declared_once() -> None:
    """No two metrics have one name."""
    assert len(BY_NAME) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_well_made(metric: Metric) -> None:
    """It has Exeat's prefix, says what it is, and only a histogram has buckets, in order."""
    assert re.fullmatch(r"exeat_[a-z_]+[a-z]", metric.name)
    assert not metric.name.endswith("_total")
    assert metric.help.endswith(".")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
