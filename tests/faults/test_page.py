"""The reference page of faults."""

from pathlib import Path

from tests.faults.page import FAMILIES, PAGE, PLACES, render_page
from tests.faults.table import RECOVERING

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_page_is_current() -> None:
    """docs/reference/faults.md is what the table says."""
    assert (REFERENCE / PAGE).read_text("utf-8") == render_page()


def test_names_are_their_own() -> None:
    """No row has the name of another one of its family."""
    for rows in (*(rows for _, rows in FAMILIES), *(rows for _, rows in PLACES), RECOVERING):
        names = [row.name for row in rows]
        assert len(set(names)) == len(names)
