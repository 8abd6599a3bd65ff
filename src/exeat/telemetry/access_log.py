"""One line per exchange: the same members in JSON and, for people at a terminal, in columns.

The members are those of a record (model/audit.py). What isn't known is null. No secret and no body ever stands here.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import orjson

from exeat.model.key import mask

Members = dict[str, object]
Render = Callable[[Members], bytes]


def render_record(members: Members) -> bytes:
    """The record: one JSON object."""
    return orjson.dumps(members)


def render_json(members: Members) -> bytes:
    """The line as JSON: the record and a line feed."""
    return render_record(members) + b"\n"


def render_console(members: Members) -> bytes:
    """The line in columns."""
    time = str(members["time"])[11:23]
    what = f"{members.get('method') or '-'} {members.get('upstream') or members.get('origin') or '-'} {_path(members)}"
    who = members.get("consumer") or "-"
    note = members.get("error") or (
        "report: " + str(members.get("reason")) if members.get("decision") == "report" else ""
    )
    tries = _tries(members.get("attempts"))
    line = f"{time} {members.get('status', 0)} {members['duration_ms']:>8} ms  {who}  {what}  {note}{tries}".rstrip()
    return printable(line).encode() + b"\n"


def _tries(attempts: object) -> str:
    """How often a call was tried, where that was more than once or the last failure says why it was not."""
    if not isinstance(attempts, list) or not attempts:
        return ""
    reason = next((one["retry"] for one in reversed(attempts) if one.get("retry")), None)
    count = f"{len(attempts)} attempts" if len(attempts) > 1 else ""
    said = ", ".join(part for part in (count, reason) if part)
    return f" ({said})" if said else ""


def printable(line: str) -> str:
    """A line without what a terminal would act on."""
    return "".join(character if character.isprintable() else "?" for character in line)


def _path(members: Mapping[str, object]) -> str:
    query = members.get("query")
    return f"{members.get('path') or ''}{'?' + str(query) if query else ''}"


def redact_query(query: bytes | None, shown: frozenset[bytes] = frozenset()) -> str | None:
    """A query with its values left out, but those of the names in `shown`: they may be secrets."""
    if not query:
        return None
    return mask("&".join([_redact_parameter(part, shown) for part in query.split(b"&")]))


def _redact_parameter(part: bytes, shown: frozenset[bytes]) -> str:
    name, has_value, _ = part.partition(b"=")
    if name in shown and has_value:
        return part.decode("latin-1")
    return name.decode("latin-1") + "=*" if has_value else "*"  # on its own it may be a secret as well as a name


class Clock:
    """Wall-clock time as text, rendered once per millisecond."""

    __slots__ = ("_millisecond", "_second", "_start", "_text")

    def __init__(self) -> None:
        self._second = self._millisecond = -1
        self._start = self._text = ""

    def render(self, now: float) -> str:
        """RFC 3339 with milliseconds, in UTC."""
        millisecond = int(now * 1000)
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            second = millisecond // 1000
            if second != self._second:
                self._second = second
                self._start = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._text = f"{self._start}.{millisecond % 1000:03d}Z"
        return self._text
