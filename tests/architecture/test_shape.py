"""The shape of the tree: how long files are, what they are called, how they open."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("src", "fuzz") for path in sorted((ROOT / folder).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FILES = [*SOURCES, *TESTS, *(path for path in sorted((ROOT / "bench").rglob("*.py")) if ".venv" not in path.parts)]

MOST_LINES = 400
LONG: dict[str, int] = {}  # path: the lines it has today; a figure may only shrink
BANNED = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
NEXT_SENTENCE = re.compile(r"[.!?]\s+[A-Z]")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", FILES, ids=name)
def test_file_is_short(path: Path) -> None:
    """No file grows past 400 lines, nor one on the list past its figure."""
    assert lines(path) <= LONG.get(name(path), MOST_LINES)


def test_list_of_long_files_is_true() -> None:
    """A long file that has shrunk lowers its figure, and leaves the list when it is short."""
    assert {known: lines(ROOT / known) for known in LONG} == LONG
    assert all(figure > MOST_LINES for figure in LONG.values())


@pytest.mark.parametrize("path", FILES, ids=name)
def test_name_says_something(path: Path) -> None:
    """No file or folder has a name under which anything could be put."""
    assert not BANNED & set(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_module_opens_with_one_sentence(path: Path) -> None:
    """A module says in one sentence what it holds; its laws follow after an empty line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text, "no docstring"
    first = text.split("\n\n", maxsplit=1)[0]
    assert first.endswith("."), first
    assert not NEXT_SENTENCE.search(first), first


@pytest.mark.parametrize("path", [path for path in TESTS if path.name[:5] == "test_"], ids=name)
def test_every_test_states_its_rule(path: Path) -> None:
    """A test's docstring says the rule that it checks."""
    tests = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert tests, "no test in a file that is named for tests"
    assert [test.name for test in tests if not ast.get_docstring(test)] == []
