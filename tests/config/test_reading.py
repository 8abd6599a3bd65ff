"""YAML and JSON into data with lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.problem import Place
from exeat.config.reading import read_text

CHARACTERS = st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=("Cc", "Cs", "Zl", "Zp"))
PLAIN = st.text(CHARACTERS)
# YAML reads a key only within its first 1024 characters, escapes counted (YAML 1.2.2 §7.4.2).
KEYS = st.text(CHARACTERS, max_size=100)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_json_is_read_as_json(data: object) -> None:
    """What JSON says is what is read, escaped or not."""
    for ascii_only in (False, True):
        reading = read_text(json.dumps(data, ensure_ascii=ascii_only), "x")
        assert reading.problems == []
        assert reading.data == data


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#,? \n\t\\~01.é\x00\x85\ud800")))
def test_reading_is_total(text: str) -> None:
    """Any text gives data or problems, never an exception."""
    reading = read_text(text, "x")
    assert reading.problems or reading.data is None or isinstance(reading.data, object)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2027-01-01", "2027-01-01"),
        ("1_000", "1_000"),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".", "."),
        ("-", [None]),
        ("true", True),
        ("True", True),
        ("~", None),
        ("'~'", "~"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ("9" * 64, "9" * 64),
        (
            "1234567890123456789012345678901234567890e1234567890123456789012",
            "1234567890" * 4 + "e1234567890123456789012",
        ),
    ],
)
def test_scalars_of_yaml_1_2(text: str, value: object) -> None:
    """Plain scalars follow the core schema of YAML 1.2; a digest without letters stays text."""
    assert read_text(text, "x").data == value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 3, "written twice (first on line 1)"),
        ("a:\n\tb: 1", 2, "indent with spaces"),
        ("a: [1, 2", 1, "not valid YAML"),
        ("a: 1\n---\nb: 2", 2, "second document"),
        ("a: !secret x", 1, "tag"),
        ("a: !!python/object:os.system {}", 1, "tag"),
        ("a: !!int 5", 1, "tag"),
        ("a: *b", 1, "alias"),
        ("? [a]\n: 1", 1, "name must be plain text"),
        ("a: {{x}}", 1, "name must be plain text"),
        ("&a [*a]", 1, "alias"),
        ("[" * 40 + "]" * 40, 1, "levels deep"),
    ],
)
def test_fault_has_its_line(text: str, line: int, words: str) -> None:
    """What can't be read is named with its line."""
    problems = read_text(text, "x.yaml").problems
    assert any(problem.place.line in {line, line + 1} and words in problem.message for problem in problems), problems


def test_places() -> None:
    """Every value knows its line; a value within an alias has that of the alias."""
    reading = read_text("a: &x\n  b: 1\nc: [1,\n  {d: 2}]\ne: *x\n", "f")
    find = reading.places.find
    assert find(("a", "b")) == Place("f", 2)
    assert find(("c", 0)) == Place("f", 3)
    assert find(("c", 1, "d")) == Place("f", 4)
    assert find(("e", "b")) == Place("f", 5)
    assert find(("nowhere",)) == Place("f")


def test_aliases_cannot_multiply() -> None:
    """Nine levels of ten aliases each ("billion laughs") are refused at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (problem,) = read_text("\n".join(lines), "x").problems
    assert "too large" in problem.message


def test_a_hundred_thousand_brackets() -> None:
    """Nesting doesn't exhaust the stack."""
    assert "levels deep" in read_text("[" * 100_000, "x").problems[0].message


@pytest.mark.parametrize(
    "text", ["a: *s3cr3t", "a: !s3cr3t x", "a: 's3cr3t", "a: s3cr3t: x", "a: {s3cr3t", "- s3cr3t\na: 1"]
)
def test_values_are_not_quoted(text: str) -> None:
    """A syntax error beside a secret doesn't show it."""
    problems = read_text(text, "x").problems
    assert problems
    assert "s3cr3t" not in str(problems)
