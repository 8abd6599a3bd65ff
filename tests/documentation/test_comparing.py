"""What counts as the output that a page shows."""

import pytest

from tests.documentation.comparing import matches

OUTPUT = "one\ntwo 2\nthree\n"


@pytest.mark.parametrize(
    "expected",
    [
        "one\ntwo 2\nthree\n",
        "one\n…\nthree",
        "…\nthree\n",
        "one\ntwo …\nthree",
        "…",
        "one\n…\ntwo 2\nthree",
        "o…\nt…\nt…e",
    ],
)
def test_what_is_shown(expected: str) -> None:
    """A page may leave out text within a line, and whole lines, where it says so."""
    assert matches(expected, OUTPUT)


@pytest.mark.parametrize(
    "expected", ["one\nthree", "one\ntwo 2", "two 2\nthree", "one\ntwo 3\nthree", "on\n…", "…\nThree", "one…three"]
)
def test_what_is_not_shown(expected: str) -> None:
    """A page may leave out nothing without saying so, and what it shows is what is printed."""
    assert not matches(expected, OUTPUT)


def test_invisible_differences() -> None:
    """Carriage returns, spaces at the end of lines and empty lines at the end don't count."""
    assert matches("one  \n\ntwo\n", "one\r\n\r\ntwo\r\n\r\n")
