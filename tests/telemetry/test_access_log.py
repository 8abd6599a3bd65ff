"""Access lines: one line each, whatever callers write into their requests, and no value of a query."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.telemetry.access_log import Clock, Members, redact_query, render_console, render_json

LINE: Members = {
    "time": "2026-01-01T12:34:56.789Z",
    "id": "019b76da-a800-7844-92fd-7430bdbf4e03",
    "address": "198.51.100.7",
    "consumer": "shop",
    "method": "GET",
    "upstream": "api",
    "origin": None,
    "path": "/a",
    "query": "b=*",
    "decision": "allow",
    "reason": None,
    "status": 200,
    "error": None,
    "duration_ms": 12.345,
}
texts = st.text(max_size=20) | st.sampled_from(["\n", "\r\n200 fake", "\x1b[2J", "\x9b2J", "\u2028", "\u202e"])


def line(**changes: object) -> Members:
    """A line with some members changed."""
    return {**LINE, **changes}


def test_json() -> None:
    """A line is one JSON object and a line feed."""
    rendered = render_json(LINE)
    assert rendered.endswith(b"}\n")
    assert rendered.count(b"\n") == 1
    assert orjson.loads(rendered) == LINE


def test_console() -> None:
    """A person reads the time, what came of it, how long it took, who, what, and why not."""
    assert render_console(LINE) == b"12:34:56.789 200   12.345 ms  shop  GET api /a?b=*\n"
    refused = line(consumer=None, upstream=None, path=None, query=None, status=401, error="key-missing")
    assert render_console(refused) == b"12:34:56.789 401   12.345 ms  -  GET -   key-missing\n"
    bare = line(consumer=None, method=None, upstream=None, origin="https://a.test", path=None, query=None)
    assert b"-  - https://a.test" in render_console(bare)
    reported = line(decision="report", reason="The grant doesn't cover the path.")
    assert render_console(reported).endswith(b"report: The grant doesn't cover the path.\n")


def test_console_tells_of_attempts() -> None:
    """Where a call was tried more than once, or a failure could have been repeated and wasn't, a person reads why."""
    good: dict[str, object] = {"retry": None}
    failed: dict[str, object] = {"retry": "again after a back-off"}
    left: dict[str, object] = {"retry": "not again: all attempts are made"}
    for attempts, said in (
        ([], b"?b=*\n"),
        ([good], b"?b=*\n"),
        ([failed, good], b"  (2 attempts, again after a back-off)\n"),
        ([failed, left], b"  (2 attempts, not again: all attempts are made)\n"),
        ([left], b"  (not again: all attempts are made)\n"),
    ):
        assert render_console(line(attempts=attempts)).endswith(said)


@given(path=texts, query=texts, consumer=texts, upstream=texts, reason=texts)
def test_nobody_writes_lines_of_their_own(path: str, query: str, consumer: str, upstream: str, reason: str) -> None:
    """Control characters, line ends and terminal sequences in what a caller wrote are replaced (log injection)."""
    members = line(path=path, query=query, consumer=consumer, upstream=upstream, decision="report", reason=reason)
    for rendered in (render_console(members), render_json(members)):
        assert rendered.count(b"\n") == 1
        assert rendered.endswith(b"\n")
        assert not set(rendered[:-1]) & {*range(0x20)}
    assert render_console(members).decode().rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("query", "redacted"),
    [
        (None, None),
        (b"", None),
        (b"a=1&b=2", "a=*&b=*"),
        (b"a=1=2&b=", "a=*&b=*"),
        (b"a", "*"),
        (b"&", "*&*"),
        (b"=secret", "=*"),
        (b"a%20b=c", "a%20b=*"),
        (b"\xff=\xff", "ÿ=*"),
    ],
)
def test_values_of_a_query_are_left_out(query: bytes | None, redacted: str | None) -> None:
    """Names stay, values go: they may be secrets."""
    assert redact_query(query) == redacted


@given(names=st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1, max_size=5))
def test_no_value_is_ever_kept(names: list[str]) -> None:
    """However a query is built, no value of it is in what is kept."""
    query = "&".join(f"{name}=marker-{place}" for place, name in enumerate(names))
    redacted = redact_query(query.encode())
    assert redacted is not None
    assert "marker" not in redacted
    assert redacted.count("=*") == len(names)


@given(now=st.floats(0, 4e9), later=st.floats(0, 3))
def test_time_as_text(now: float, later: float) -> None:
    """Seconds since the epoch become RFC 3339 with milliseconds, the clock's memory of a second or not."""
    clock = Clock()
    for moment in (now, now + later, now):
        text = clock.render(moment)
        assert len(text) == len("2026-01-01T12:34:56.789Z")
        parsed = datetime.fromisoformat(text)
        assert parsed.tzinfo == UTC
        assert 0 <= moment - parsed.timestamp() < 0.0011
