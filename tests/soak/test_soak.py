"""A short soak goes through all that a long one does."""

from pathlib import Path

import pytest

from tests.soak.callers import KINDS
from tests.soak.report import write_report
from tests.soak.run import soak

LENGTH_S = 8.0


@pytest.mark.timeout(120)
def test_short_soak(tmp_path: Path) -> None:
    """No call is answered otherwise than it has to be, nothing is left, and the report has every kind of call."""
    home = tmp_path / "gateway"
    home.mkdir()
    outcome = soak(home, LENGTH_S, lambda _: None)
    write_report(tmp_path / "report", outcome)
    assert [problem for problem in outcome.problems if "has grown" not in problem] == []  # it is still warming up
    assert {kind for kind, _ in outcome.answers} == {*KINDS}
    assert {one.process for one in outcome.growth} == {"supervisor", "worker-1", "worker-2", "control", "counters"}
    page = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert all(f"| {name} |" in page for name in ("worker-1", "control", *KINDS))
    assert (tmp_path / "report" / "plot.svg").read_text("utf-8").count("<polyline") == 12
    assert (tmp_path / "report" / "samples.csv").read_text("utf-8").count("\n") > 5 * 100
