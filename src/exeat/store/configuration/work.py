"""One edit while it is made: its transaction, who makes it and when, and what it has changed so far.

Rule 1: a change that comes to nothing in the end is none, and leaves the row with the revision it had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Executable

from exeat.store.configuration.author import Author
from exeat.store.configuration.written import is_same


class Sealing(Protocol):
    """What seals the vault's values: exeat.vault.seal.Sealer."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes: ...

    def open(self, sealed: bytes, context: bytes) -> bytes: ...


class Change(NamedTuple):
    """One thing that an edit changed, without secrets; `before` is None for a new one, `after` for one that is gone."""

    kind: str
    name: str
    action: str
    before: Any
    after: Any


@dataclass(slots=True)
class Work:
    """`last` is the number of the revision before this edit; `changes` are by kind and name, in order."""

    connection: Connection
    author: Author
    now_us: int
    sealer: Sealing | None
    last: int
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    _written: list[tuple[Executable, Mapping[str, Any] | None]] = field(default_factory=list)
    _revisions: dict[tuple[str, str], int] = field(default_factory=dict)  # that each had before

    def write(self, statement: Executable, values: Mapping[str, Any] | None = None) -> None:
        """Change rows of the tables."""
        self.connection.execute(statement, values)
        self._written.append((statement, values))

    def write_again(self) -> None:
        """Do all that was written once more: the transaction in which that was done is gone."""
        for statement, values in self._written:
            self.connection.execute(statement, values)

    def note(self, change: Change, revision: int = 0) -> int:
        """Note a change of a row that has this revision; the one that it has to get."""
        place = change.kind, change.name
        first = self.changes.pop(place, None)
        if first is not None:
            change = _join(first, change)
        before = self._revisions.setdefault(place, revision)
        if is_same(change.before, change.after):
            return before
        self.changes[place] = change
        return self.last + 1


def _join(first: Change, then: Change) -> Change:
    if first.before is None:
        action = "create"
    elif then.action == "create":
        action = "update"
    else:
        action = then.action
    return then._replace(action=action, before=first.before)
