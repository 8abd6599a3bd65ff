"""The reference page of faults, written from the table that the tests go by.

`python -m tests.faults.page DIRECTORY` writes it; a test compares.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from exeat.errors import MEANINGS
from tests.faults.table import (
    ANSWERING,
    CALLING,
    CONNECTING,
    DNS,
    MACHINE,
    POSTGRES,
    RECOVERING,
    REDIS,
    TOKENS,
    Fault,
    Recovery,
    Trouble,
)

PAGE = "faults.md"
PREFACE = """# Faults

<!-- Written by python -m tests.faults.page; change tests/faults/table.py instead. -->

What becomes of a call when something goes wrong. Each row is a test in `tests/faults`: a gateway is run, the fault is
brought about with real sockets, and the answer, the record, the attempts, the circuit and the time that it took have to
be as the row says. At the end of each family nothing may be left: no exchange under way, no connection, no open file,
no place in a limit of concurrency, no part of a budget that was held back.

* **the caller gets**: a problem of Exeat's with this code; or what the upstream sent, with `Exeat-Origin: upstream`. An
  answer that *breaks off* can't be taken for a whole one.
* **again**: whether another attempt follows where [`retries`](document.md) allow one. *Elsewhere*: only at another
  endpoint, for the same one would do the same.
* **recorded as**: the record's outcome, and its status and code where they are other than what the caller gets.
* **blamed**: the upstream, if its circuit counts the fault as a failure of that endpoint.
* **costs**: whether the call counts for budgets. What was never sent costs nothing.
"""
FAMILIES = (
    ("Names", DNS),
    ("Connections and TLS", CONNECTING),
    ("Answers", ANSWERING),
    ("Callers", CALLING),
)
PLACES = (
    ("Redis", REDIS),
    ("PostgreSQL", POSTGRES),
    ("Token endpoints", TOKENS),
    ("The machine", MACHINE),
)


def render_page() -> str:
    """docs/reference/faults.md."""
    sections = [_table(title, FAULTS_HEAD, map(_fault, rows)) for title, rows in FAMILIES]
    sections.append(RECOVERIES + _rows(RECOVERIES_HEAD, map(_recovery, RECOVERING)))
    sections += [_table(title, TROUBLES_HEAD, map(_trouble, rows)) for title, rows in PLACES]
    return "\n".join([PREFACE, *sections])


FAULTS_HEAD = ("fault", "the caller gets", "recorded as", "again", "blamed", "costs")
RECOVERIES_HEAD = ("fault", "attempts", "the caller gets")
TROUBLES_HEAD = ("fault", "calls meanwhile", "and then")
RECOVERIES = """## Attempts that follow

With `retries` as they are unless said otherwise. What decides is in [the guide](../guides/timeouts-and-retries.md).

"""


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return f"## {title}\n\n{_rows(head, rows)}"


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    rule = "|---" * len(head) + "|\n"
    return _row(head) + rule + "".join(map(_row, rows))


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _fault(fault: Fault) -> tuple[str, ...]:
    return (
        fault.what,
        _heard(fault),
        _recorded(fault),
        {"again": "yes", "elsewhere": "elsewhere", "never": "no"}[fault.retried],
        "the upstream" if fault.blamed else "",
        "yes" if fault.sent else "no",
    )


def _heard(fault: Fault) -> str:
    match fault.heard:
        case "problem":
            return f"{fault.recorded_status} `{fault.code}`"
        case "cut":
            return f"the upstream's {fault.recorded_status}, which breaks off"
        case "answer":
            return f"the upstream's {fault.recorded_status}"
        case _:
            return "nothing any more"


def _recorded(fault: Fault) -> str:
    if fault.code is None:
        return "completed"
    if fault.heard == "problem":
        return "failed"
    return f"failed, {fault.recorded_status} `{fault.code}`"


def _recovery(row: Recovery) -> tuple[str, ...]:
    attempts = ", ".join(attempt if attempt.isdigit() else f"`{attempt}`" for attempt in row.attempts)
    heard = f"the upstream's {row.attempts[-1]}" if row.code is None else f"{MEANINGS[row.code].status} `{row.code}`"
    return row.what, attempts, heard


def _trouble(trouble: Trouble) -> tuple[str, ...]:
    met = [f"{what}: {MEANINGS[code].status} `{code}`" for what, code in trouble.meets.items()]
    rest = [] if "every call" in trouble.meets else ["all others pass" if met else "pass"]
    return trouble.what, "; ".join(met + rest), trouble.then


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(render_page(), "utf-8")
