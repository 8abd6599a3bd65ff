"""The reference page of retries, written from the table that decides about them.

`python -m exeat.cli.retries_page DIRECTORY` writes it; a test compares.
"""

import sys
from pathlib import Path

from exeat.errors import Code
from exeat.model.retries import DEFAULT
from exeat.policy.retry import ELSEWHERE, FAILED_CODES, FAILED_STATUSES, IDEMPOTENT, RULES, TRIED_AGAIN, Rule
from exeat.policy.retry_signs import HOPELESS, KEYED, REPEATS

PAGE = "retries.md"
PREFACE = """# Retries

<!-- Written by python -m exeat.cli.retries_page; change the table in src/exeat/policy/retry.py instead. -->

Whether a failed attempt is followed by another one is decided by this table, from top to bottom: the first row that
applies decides, and its reason stands in the record of the call, as `retry` of that attempt. How retries are set is
told in [Timeouts and retries](../guides/timeouts-and-retries.md).

| | when | then | why |
|---|---|---|---|
"""
WORDS = """
## Words of the table

| | |
|---|---|
"""


def render_retries() -> str:
    """docs/reference/retries.md."""
    rows = "".join(f"| {number} | {rule.when} | {_then(rule)} | {rule.why} |\n" for number, rule in enumerate(RULES, 1))
    statuses = sorted(DEFAULT.statuses)
    words = {
        "idempotent methods": _texts(sorted(method.decode() for method in IDEMPOTENT)),
        "an idempotency key": "a value in the field `Idempotency-Key`, or in the one that `retries.idempotency_key`"
        f" names; with that, Exeat gives one to {_texts(sorted(method.decode() for method in KEYED))} without",
        "`retries.statuses`, unless written": _texts(statuses),
        "the upstream failed": _codes(TRIED_AGAIN),
        "the same endpoint would do the same": _codes(ELSEWHERE),
        "callers that repeat calls themselves": f"those that send {_texts(sorted(name.decode() for name in REPEATS))};"
        f" where repeating is hopeless ({_codes(HOPELESS)}; `quota-exhausted` for more than a minute), a failure of"
        " Exeat's has `x-should-retry: false` for them",
        "what counts against an endpoint's circuit": f"{_codes(FAILED_CODES)}; an answer with"
        f" {_texts(sorted(FAILED_STATUSES))}",
    }
    return PREFACE + rows + WORDS + "".join(f"| {word} | {meaning} |\n" for word, meaning in words.items())


def _then(rule: Rule) -> str:
    says = "**again**" if rule.retry else "not again"
    if rule.reason is None:
        return says
    return f"{says}: *{rule.reason.removeprefix('not again: ').removeprefix('again ')}*"


def _codes(codes: frozenset[Code]) -> str:
    return _texts([str(code) for code in Code if code in codes])


def _texts(items: list[str] | list[int]) -> str:
    return ", ".join(f"`{item}`" for item in items)


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_retries(), "utf-8")
