"""The Markdown pages of the project, read as far as tests need it: examples, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Pages with examples; what is under reference/ is generated, and checked where it is generated.
TOLD = [ROOT / "README.md", *sorted((DOCS / "concepts").glob("*.md")), *sorted((DOCS / "guides").rglob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
PAGES = [*TOLD, DOCS / "README.md", *DECISIONS]

_FENCE = re.compile(r"```(?P<language>[a-z]*)")
_CURL = re.compile(r"`(curl [^`]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"#+ (.+)")


@dataclass(frozen=True, slots=True)
class Block:
    """An example: a fenced block and its language, or `curl` for a command that stands in a table.

    `line` is where its text begins; `follows` is the language of a block right before it, with nothing between.
    """

    language: str
    text: str
    line: int
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path within the project."""
        return self.path.relative_to(ROOT).as_posix()

    def blocks(self) -> list[Block]:
        """Its examples, from top to bottom."""
        return list(_blocks(self.text.splitlines()))

    def prose(self) -> str:
        """What isn't in a fenced block."""
        return "\n".join(_prose(self.text.splitlines()))

    def links(self) -> list[str]:
        """Where its links lead."""
        return _LINK.findall(self.prose())

    def anchors(self) -> set[str]:
        """The fragments that its headings can be reached by."""
        return {_anchor(found[1]) for line in self.prose().splitlines() if (found := _HEADING.fullmatch(line))}


def read_page(path: Path) -> Page:
    """Read one page."""
    return Page(path, path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """A page's path within the project, for the names of tests."""
    return path.relative_to(ROOT).as_posix()


def _blocks(lines: list[str]) -> Iterator[Block]:
    before, number = "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if found := _FENCE.fullmatch(line):
            end = lines.index("```", number)
            yield Block(found["language"], "\n".join(lines[number:end]) + "\n", number + 1, before)
            before, number = found["language"], end + 1
        elif line.strip():
            before = ""
            if line.startswith("|"):
                yield from (Block("curl", text.replace("\\|", "|"), number) for text in _CURL.findall(line))


def _prose(lines: list[str]) -> Iterator[str]:
    is_prose = True
    for line in lines:
        if line.startswith("```"):
            is_prose = not is_prose
        elif is_prose:
            yield line


def _anchor(heading: str) -> str:
    """As the usual renderers make it: lower case, spaces to dashes, other signs left out."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
