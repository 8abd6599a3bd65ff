"""What a page says a program prints, compared with what it prints.

A line stands for itself; `…` within a line for any text, `…` alone for any number of lines. Nothing else may differ.
"""

import re

ANY = "…"


def matches(expected: str, output: str) -> bool:
    """Whether an output is the expected one."""
    return re.fullmatch("".join(_pattern(line) for line in _lines(expected)), "".join(_lines(output))) is not None


def _lines(text: str) -> list[str]:
    """Lines without what can't be seen: carriage returns, spaces at their ends, empty lines at the end."""
    return [line.rstrip() + "\n" for line in text.replace("\r", "").rstrip().split("\n")]


def _pattern(line: str) -> str:
    if line.strip() == ANY:
        return r"(?:[^\n]*\n)*?"
    return r"[^\n]*?".join(map(re.escape, line.split(ANY)))
