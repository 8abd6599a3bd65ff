"""Reading `.env` files."""

import pytest

from exeat.config.dotenv import parse_dotenv


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain", "plain"),
        ("export A=plain", "plain"),
        ("A = spaced # a comment", "spaced"),
        ("A=sharp#inside", "sharp#inside"),
        ("A='kept $X \\n # as it is' # comment", "kept $X \\n # as it is"),
        ('A="line\\nnext \\"quoted\\""', 'line\nnext "quoted"'),
        ("A='two\nlines'", "two\nlines"),
        ("A=${NAME}", "${NAME}"),
        ("A=", ""),
        ("A= # only a comment", ""),
        ("A=x=y", "x=y"),
        ("\ufeffA=bom\r\n", "bom"),
    ],
)
def test_value(text: str, value: str) -> None:
    """A value is what is written: quotes go, comments go, nothing is expanded."""
    assert parse_dotenv(text, ".env") == ({"A": value}, [])


def test_every_faulty_line_is_a_problem() -> None:
    """A line that isn't NAME=value is named with its number, and the others are read."""
    values, problems = parse_dotenv("A=1\n# fine\n\nnot a variable\nB='open\nC=3\n", ".env")
    assert values["A"] == "1"
    assert [str(problem).partition(": ")[0] for problem in problems] == [".env:4", ".env:5"]


def test_a_faulty_line_is_not_quoted() -> None:
    """What stands in a faulty line may be a secret."""
    _, problems = parse_dotenv("TOKEN: s3cr3t-value\n", ".env")
    assert "s3cr3t" not in str(problems)
