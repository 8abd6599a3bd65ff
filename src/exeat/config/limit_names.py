"""What limits are called, and what they are counted under.

Rule 1: neither depends on where in a list a limit stands, and no id on what else is there: who sorts, adds or removes
limits changes no count of others.
Rule 2: a number tells only those apart that count the same thing in the same time; the first of them has none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from exeat.config import limit_entries as entries
from exeat.config.limit_grammar import PERIODS_NS
from exeat.model.limit import SECOND_NS, Scope

MOST_CHARACTERS: Final = 64
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class Taken:
    """The names and ids of one owner's limits, so far."""

    names: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)


def name_all(listed: Sequence[entries.Limit], taken: Taken) -> list[str]:
    """A name for each: its own, or one of what it is, which also says how it differs from those of the same kind."""
    taken.names |= {entry.name for entry in listed if entry.name is not None}
    kin: dict[str, list[entries.Limit]] = {}
    for entry in listed:
        if entry.name is None:
            kin.setdefault(_what(entry), []).append(entry)
    return [entry.name or _free(_describe(entry, kin[_what(entry)]), taken.names) for entry in listed]


def identify_all(listed: Sequence[entries.Limit], scope: Scope, owner: str, taken: Taken) -> list[str]:
    """An id for each: what stays the same while amounts, bursts and prices change, so that what was counted counts on.

    It says the owner, the kind, the limit's own name or else its kind and unit, and all else that makes its count
    another one.
    """
    found: dict[int, str] = {}
    # Those with a name have it for themselves, whatever others are.
    for index, entry in sorted(enumerate(listed), key=lambda each: each[1].name is None):
        names = _numbered(entry.name or _what(entry))
        ids = ("/".join((scope, owner, entry.kind, name, *_counted_by(entry))) for name in names)
        found[index] = identifier = next(one for one in ids if one not in taken.ids)
        taken.ids.add(identifier)
    return [found[index] for index in range(len(listed))]


def render_period(period_ns: int) -> str:
    """A length of time: `60s`, `0.5s`."""
    seconds, rest = divmod(period_ns, SECOND_NS)
    return f"{seconds}.{rest:09}".rstrip("0") + "s" if rest else f"{seconds}s"


def render_unit(period_ns: int) -> str:
    """A rate's time as it is written: `minute`, `10s`."""
    return next((unit for unit, period in PERIODS_NS.items() if period == period_ns), render_period(period_ns))


def _what(entry: entries.Limit) -> str:
    """The kind, and the unit of the calendar where it has one: `rate`, `quota-month`."""
    calendar = entry.quota or entry.budget
    return f"{entry.kind}-{calendar.unit}" if calendar else entry.kind


def _counted_by(entry: entries.Limit) -> list[str]:
    """What makes a count another one, beside kind and name: window, currency, split."""
    parts = []
    calendar = entry.quota or entry.budget
    if entry.rate is not None:
        parts.append(render_period(entry.rate.period_ns))
    elif calendar is not None:
        parts.append(f"{calendar.unit}-{entry.zone or 'UTC'}")
    if entry.budget is not None:
        parts.append(entry.budget.money.currency)
    if entry.per is not None:
        parts.append(f"per-{entry.per.by}" + (f":{entry.per.field.decode()}" if entry.per.field else ""))
    return parts


def _describe(entry: entries.Limit, kin: Sequence[entries.Limit]) -> str:
    """What it is, and by what it differs from others of which the same would be said."""
    traits = [_traits(one) for one in kin]
    differing = [len(set(values)) > 1 for values in zip(*traits, strict=True)]
    own = [trait for trait, differs in zip(_traits(entry), differing, strict=True) if differs and trait]
    return _NO_NAME.sub(".", "-".join([_what(entry), *own]))[:MOST_CHARACTERS]


def _traits(entry: entries.Limit) -> tuple[str, str, str, str]:
    """In words of a name: a rate's time, a zone, a currency, a split; '' for what is usual."""
    per = "" if entry.per is None else f"per-{entry.per.field.decode() or entry.per.by}"
    return (
        "" if entry.rate is None else render_unit(entry.rate.period_ns),
        "" if entry.zone in {None, "UTC"} else str(entry.zone),
        "" if entry.budget is None else entry.budget.money.currency,
        per,
    )


def _free(name: str, taken: set[str]) -> str:
    """A name that isn't taken, which it is from now on."""
    free = next(one for one in _numbered(name) if one not in taken)
    taken.add(free)
    return free


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name[: MOST_CHARACTERS - len(str(number)) - 1]}-{number}"
        number += 1
