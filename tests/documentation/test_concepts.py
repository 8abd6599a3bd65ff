"""The concepts say what the code does: its phases, its codes, its tables of addresses."""

import re
from typing import get_args

from exeat.errors import Code
from exeat.policy.address import METADATA_NAMES, NEVER, NOT_PUBLIC_4, NOT_PUBLIC_6, PUBLIC_6
from exeat.policy.resolve import Mode
from tests.documentation.pages import DOCS, ROOT, Page, read_page

LIFE = read_page(DOCS / "concepts" / "life-of-a-request.md")
SECURITY = read_page(DOCS / "concepts" / "security.md")
OPERATING = read_page(DOCS / "guides" / "operating.md")
PIPELINE = (ROOT / "src" / "exeat" / "proxy" / "pipeline.py").read_text("utf-8")


def first_column(page: Page, heading: str) -> set[str]:
    """What stands in backticks in the first column of the tables that begin with this row."""
    found: set[str] = set()
    inside = False
    for line in page.text.splitlines():
        inside = line.startswith("|") and (inside or line.startswith(heading))
        if inside:
            found.update(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def test_phases_are_those_of_the_pipeline() -> None:
    """The page's phases have the numbers and names that pipeline.py gives them, in the same order."""
    in_code = {int(number): name for number, name in re.findall(r"(?:# |\()(\d+): ([a-z]+)", PIPELINE)}
    on_page = re.findall(r"^## (\d+)\. (\w+)$", LIFE.text, re.MULTILINE)
    assert [(number, name.lower()) for number, name in on_page] == [(str(n), in_code[n]) for n in sorted(in_code)]


def test_every_code_has_its_phase() -> None:
    """Every code of the table is named on the page, and no other."""
    assert first_column(LIFE, "| code |") | {"internal", "client-closed"} == set(Code)


def test_addresses_are_those_of_the_tables() -> None:
    """The networks and names on the page are those that the code refuses."""
    named = set(re.findall(r"`([^`]+)`", SECURITY.text))
    networks = {str(network) for network, _ in NEVER} | {str(network) for network in (*NOT_PUBLIC_4, *NOT_PUBLIC_6)}
    assert networks | {str(PUBLIC_6)} | METADATA_NAMES <= named
    known = networks | {str(PUBLIC_6), "::/96", "fd00::/8"}
    assert {name for name in named if re.fullmatch(r"[0-9a-f.:]+/\d+", name)} <= known


def test_access_line_has_the_members_of_the_table() -> None:
    """The table of the access line's members names those of the example above it, which is a real one."""
    shown = set(re.findall(r'^    "(\w+)":', OPERATING.text, re.MULTILINE))
    assert first_column(OPERATING, "| member |") == shown


def test_modes_are_all_named() -> None:
    """The table of the access line lists every mode."""
    assert set(get_args(Mode)) <= set(re.findall(r"`(\w+)`", OPERATING.text))
