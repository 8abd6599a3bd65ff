"""Records for people: one line each, as the gateway's own console shows an exchange."""

import orjson

from exeat.telemetry.access_log import printable, render_console


def render_record_line(body: bytes) -> str:
    """One record in columns, with the day before the time."""
    members = orjson.loads(body)
    day = str(members["time"])[:10]
    if members["kind"] == "change":
        return printable(
            f"{day} {str(members['time'])[11:23]} {members['actor']} {members['action']} {members['object']}"
        )
    line = render_console(members | {"duration_ms": members["duration_ms"] or 0.0}).decode().rstrip("\n")
    note = "" if members["outcome"] in {"completed", "refused"} else f"  {members['outcome']}"
    return f"{day} {line}{note}"
