"""Runs the tests of hostile peers and prints what they measured: one row for each attack, as Markdown.

    .venv/bin/python bench/hostile.py [ARGUMENTS OF PYTEST]

Each attack has a gateway of its own here, so that the memory of one doesn't stand in the row of another.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

TESTS = "tests/hostile"
PYTEST = (sys.executable, "-m", "pytest", "-q")
HEADING = "| attack | what it sees | p99 before | p99 during | peak memory |\n|---|---|--:|--:|--:|"


def main() -> None:
    """Run each test alone, and print its row when it has ended."""
    print(HEADING)
    for test in _tests(sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            subprocess.run(
                [*PYTEST, test, f"--junitxml={report}", "-o", "junit_family=xunit1"],
                stdout=subprocess.DEVNULL,
                check=False,
            )
            for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest's own
                print(_row(case), flush=True)


def _tests(arguments: list[str]) -> Iterator[str]:
    listed = subprocess.run(
        [*PYTEST, TESTS, "--collect-only", *arguments], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return (line for line in listed.splitlines() if "::" in line)


def _row(case: ET.Element) -> str:
    figures = {each.get("name"): each.get("value") for each in case.iter("property")}
    name = f"{str(case.get('classname')).rpartition('.')[2]}: {case.get('name')}".replace("test_", "")
    failed = "" if case.find("failure") is None else " **failed**"
    before, during, peak, seen = (figures.get(key) for key in ("p99_before_ms", "p99_during_ms", "peak_mib", "seen"))
    return f"| {name}{failed} | {seen} | {before} ms | {during} ms | {peak} MiB |"


if __name__ == "__main__":
    main()
