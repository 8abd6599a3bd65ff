r"""Reading a `.env` file: `NAME=value` lines with comments, `export` and quotes; nothing is expanded.

Rule 1: single quotes keep everything; double quotes know \n, \t, \", \\ and \$; both may span lines.
Rule 2: an unquoted value ends at ` #` or the end of the line.
Rule 3: what can't be understood is a problem, not skipped: a lost line would be a lost secret.
"""

import re

from exeat.config.problem import Place, Problem

_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ASSIGNMENT = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^\n'\"][^\n]*)?)"
    r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)",
    re.DOTALL,
)
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse_dotenv(text: str, name: str) -> tuple[dict[str, str], list[Problem]]:
    """The variables of a `.env` file, and a problem for each line that isn't one."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, str] = {}
    problems: list[Problem] = []
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
        elif found := _ASSIGNMENT.match(text, at):
            values[found["name"]] = _value(found)
            at = found.end()
        else:
            line = text.count("\n", 0, at) + 1
            message = "this line isn't NAME=value; quote a value that holds quotes or spaces"
            problems.append(Problem("", Place(name, line), message))
            at = _next_line(text, at)
    return values, problems


def _value(found: re.Match[str]) -> str:
    if found["single"] is not None:
        return found["single"]
    if found["double"] is not None:
        return re.sub(r"\\(.)", _unescape, found["double"], flags=re.DOTALL)
    return _COMMENT.sub("", found["plain"] or "").rstrip()


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1])


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
