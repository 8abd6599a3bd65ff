"""One line per exchange: the same members in JSON and, for people at a terminal, in columns.

Members: time (RFC 3339, UTC), id, address, consumer, key (its public part), mode, method, upstream, origin, path,
query (names only), decision, reason, status, error, attempts, duration_ms, head_ms (until the head of the answer),
bytes_in, bytes_out. What isn't known is null. No secret and no body ever stands here.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson

from exeat.model.key import mask

Members = dict[str, object]
Render = Callable[[Members], bytes]


def render_json(members: Members) -> bytes:
    """The line as JSON."""
    return orjson.dumps(members, option=orjson.OPT_APPEND_NEWLINE)


def render_console(members: Members) -> bytes:
    """The line in columns."""
    time = str(members["time"])[11:23]
    what = f"{members.get('method') or '-'} {members.get('upstream') or members.get('origin') or '-'} {_path(members)}"
    who = members.get("consumer") or "-"
    note = members.get("error") or (
        "report: " + str(members.get("reason")) if members.get("decision") == "report" else ""
    )
    line = f"{time} {members.get('status', 0)} {members['duration_ms']:>8} ms  {who}  {what}  {note}".rstrip()
    return "".join(character if character.isprintable() else "?" for character in line).encode() + b"\n"


def _path(members: Mapping[str, object]) -> str:
    query = members.get("query")
    return f"{members.get('path') or ''}{'?' + str(query) if query else ''}"


def redact_query(query: bytes | None) -> str | None:
    """A query with its values left out: they may be secrets, and names are enough to understand a call."""
    if not query:
        return None
    return mask("&".join(_redact_parameter(part) for part in query.split(b"&")))


def _redact_parameter(part: bytes) -> str:
    name, has_value, _ = part.partition(b"=")
    return name.decode("latin-1") + "=*" if has_value else "*"  # on its own it may be a secret as well as a name


class Clock:
    """Wall-clock time as text, rendered once per second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def render(self, now: float) -> str:
        """RFC 3339 with milliseconds, in UTC."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{int((now - second) * 1000):03d}Z"
