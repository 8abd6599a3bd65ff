"""The reference page of errors."""

from pathlib import Path

from exeat.cli.errors_page import PAGE, render_errors
from exeat.errors import MEANINGS, Code

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_current() -> None:
    """docs/reference/errors.md is what the table says."""
    assert (REFERENCE / PAGE).read_text("utf-8") == render_errors()


def test_every_code_has_a_meaning() -> None:
    """No code is without a status, an explanation and advice."""
    assert set(MEANINGS) == set(Code)
    assert all(meaning.explanation and meaning.hint for meaning in MEANINGS.values())
