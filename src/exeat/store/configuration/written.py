"""Values as the tables and revisions have them: JSON text, and times that people read."""

import json
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_json(value: object) -> str:
    """JSON in the order in which it was written; ASCII alone, so that both databases keep whatever it holds."""
    return json.dumps(value, separators=(",", ":"))


def is_same(one: object, other: object) -> bool:
    """Whether two values are the same JSON: for Python, true is 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def render_time(time_us: int | None) -> str | None:
    """RFC 3339."""
    if time_us is None:
        return None
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat().replace("+00:00", "Z")
