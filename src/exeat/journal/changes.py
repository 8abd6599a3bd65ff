"""Records of what administrators change: who did what to which object, before and after, without secrets."""

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from exeat.journal.writer import Journal


class Change(NamedTuple):
    """A change, or an attempt at one.

    `actor` is who: an administrator, a token's name, "cli"; "document" or "database" where what stands there comes into
    force. `what` is its object, as `kind/name`. `before` and `after` are what it was and is, without any secret.
    """

    id: str
    time: str
    actor: str
    action: str
    what: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    outcome: str = "completed"


def render_change(change: Change) -> bytes:
    """The record of a change."""
    return orjson.dumps(
        {
            "id": change.id,
            "time": change.time,
            "kind": "change",
            "outcome": change.outcome,
            "actor": change.actor,
            "action": change.action,
            "object": change.what,
            "before": change.before,
            "after": change.after,
        }
    )


def record_change(journal: Journal, change: Change) -> bool:
    """Put a change down; whether its record is safe. A change whose record isn't safe shouldn't be made."""
    journal.record(render_change(change))
    return journal.commit()
