"""A limit on a command line: `rate: 100/minute, burst: 20`, an entry of the document without its braces."""

from dataclasses import replace

from exeat.config.problem import Place, Problem
from exeat.config.reading import read_text
from exeat.config.validate import judge_limits

OPTION = Place("--limit")


def parse_limit(text: str) -> dict[str, object] | Problem:
    """An entry as the document has it, or the first thing that is wrong with it."""
    written = text.strip()
    reading = read_text(written if written.startswith("{") else f"{{{written}}}", OPTION.source)
    if reading.problems or not isinstance(reading.data, dict) or None in reading.data.values():
        return Problem("", OPTION, f"'{text}' isn't a limit; write for example 'rate: 100/minute, burst: 20'")
    for problem in judge_limits([reading.data], OPTION):
        return replace(problem, path=problem.path.removeprefix("limits[0]").removeprefix("."))
    return reading.data
