"""The reference page of retries."""

from pathlib import Path

from exeat.cli.retries_page import PAGE, render_retries
from exeat.policy.retry import RULES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_current() -> None:
    """docs/reference/retries.md is what the table says."""
    assert (REFERENCE / PAGE).read_text("utf-8") == render_retries()


def test_every_rule_has_its_row() -> None:
    """The page has a row for each rule, in the order in which they are asked."""
    page = render_retries()
    places = [page.index(rule.when) for rule in RULES]
    assert places == sorted(places)
