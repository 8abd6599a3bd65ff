"""The pages hang together, and what they name exists."""

import re
from pathlib import Path

import pytest

from exeat.config.environment import is_document_variable
from exeat.config.settings import VARIABLES
from tests.documentation.pages import DECISIONS, DOCS, PAGES, ROOT, TOLD, name_of, read_page

INDEX = DOCS / "README.md"
FILES = re.compile(r"`((?:src|bench|docs|tests|scripts)/[\w./-]+)`")
VARIABLE = re.compile(r"\bEXEAT_[A-Z0-9_]+")
TARGET = re.compile(r"`make ([a-z]+)`")
MOST_LINES = 60


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link within the project leads to a file, and its fragment to a heading there."""
    broken = []
    for link in read_page(path).links():
        place, _, fragment = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (fragment and fragment not in read_page(target).anchors()):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_files_that_are_named_exist(path: Path) -> None:
    """A file of the project that a page names is there."""
    assert [name for name in FILES.findall(read_page(path).prose()) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", TOLD, ids=name_of)
def test_variables_that_are_named_exist(path: Path) -> None:
    """An EXEAT_ variable that a page names is a setting, or writes a part of the document."""
    named = set(VARIABLE.findall(read_page(path).prose()))
    assert {name for name in named if name not in VARIABLES and not is_document_variable(name)} == set()


def test_targets_of_make_exist() -> None:
    """What the README says to make can be made."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(TARGET.findall(read_page(ROOT / "README.md").text)) <= set(targets)


def test_index_lists_every_page() -> None:
    """docs/README.md leads to every page below docs."""
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in read_page(INDEX).links()}
    assert {path for path in DOCS.rglob("*.md") if path != INDEX} - listed == set()


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_decisions_are_numbered_and_short(path: Path) -> None:
    """A decision's title has the number of its file, stands so in the index, and the page is short."""
    lines = path.read_text("utf-8").splitlines()
    title = re.fullmatch(r"# (\d+)\. (.+)", lines[0])
    assert title is not None
    assert int(title[1]) == int(path.name[:4])
    assert f"| [{path.name[:4]}](decisions/{path.name}) | {title[2]} |" in INDEX.read_text("utf-8").splitlines()
    assert len(lines) < MOST_LINES


def test_decisions_have_no_gap() -> None:
    """Decisions are numbered from 1, each number once."""
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
