"""Trace context: exactly the values that the standard allows name a trace (W3C Trace Context, §3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.wire.http1 import parse_request
from exeat.wire.trace_context import Parent, parse_traceparent, render_traceparent, state_of, with_parent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"
LINE = render_traceparent(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (VALID, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # a flag of level 2 as well
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"00-{'0' * 31}1-{'0' * 15}1-01", True),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"cc-{TRACE}-{SPAN}-00-", False),
        (f"fe-{TRACE}-{SPAN}-01", True),
    ],
)
def test_what_is_valid(value: str, sampled: bool) -> None:  # noqa: FBT001 - parametrized
    """Version 00 as it is; of higher ones the part that version 00 has, whatever follows it."""
    assert parse_traceparent(value.encode()) == Parent(TRACE if TRACE in value else f"{1:032x}", _span(value), sampled)


def _span(value: str) -> str:
    return SPAN if SPAN in value else f"{1:016x}"


WRONG = {
    "nothing": "",
    "a word": "trace",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "a version of one digit": f"0-{TRACE}-{SPAN}-01",
    "a version of three digits": f"000-{TRACE}-{SPAN}-01",
    "a version in capitals": f"CC-{TRACE}-{SPAN}-01",
    "a version that is no number": f"0x-{TRACE}-{SPAN}-01",
    "a trace of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "a trace that is short": f"00-{TRACE[1:]}-{SPAN}-01",
    "a trace that is long": f"00-{TRACE}a-{SPAN}-01",
    "a trace in capitals": f"00-{TRACE.upper()}-{SPAN}-01",
    "a trace with another letter": f"00-{TRACE[:-1]}g-{SPAN}-01",
    "a span of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "a span that is short": f"00-{TRACE}-{SPAN[1:]}-01",
    "a span that is long": f"00-{TRACE}-{SPAN}0-01",
    "a span in capitals": f"00-{TRACE}-{SPAN.upper()}-01",
    "no flags": f"00-{TRACE}-{SPAN}",
    "empty flags": f"00-{TRACE}-{SPAN}-",
    "flags of one digit": f"00-{TRACE}-{SPAN}-1",
    "flags of three digits": f"00-{TRACE}-{SPAN}-010",
    "flags in capitals": f"00-{TRACE}-{SPAN}-0A",
    "flags with another letter": f"00-{TRACE}-{SPAN}-0g",
    "more in version 00": f"{VALID}-extra",
    "a dash at the end of version 00": f"{VALID}-",
    "more in a higher version, without a dash": f"cc-{TRACE}-{SPAN}-01.what",
    "underscores": VALID.replace("-", "_"),
    "spaces": VALID.replace("-", " "),
    "no dashes": VALID.replace("-", ""),
    "a space before": f" {VALID}",
    "a space after": f"{VALID} ",
    "two values": f"{VALID}, {VALID}",
    "two values of a higher version": f"01{VALID[2:]}, 01{VALID[2:]}",
    "a line end": f"{VALID}\n",
    "digits of another script": f"00-{TRACE[:-1]}\u0663-{SPAN}-01",
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG.keys())
def test_what_is_not(value: str) -> None:
    """Anything else names no trace."""
    assert parse_traceparent(value.encode()) is None


def test_none_at_all() -> None:
    """Without the field there is none."""
    assert parse_traceparent(None) is None


@given(trace=st.integers(1, 2**128 - 1), span=st.integers(1, 2**64 - 1), sampled=st.booleans())
def test_what_is_written_is_read(trace: int, span: int, sampled: bool) -> None:  # noqa: FBT001 - drawn
    """A line that is written says what was meant."""
    line = render_traceparent(f"{trace:032x}", f"{span:016x}", sampled=sampled)
    name, _, value = line.removesuffix(b"\r\n").partition(b": ")
    assert name == b"traceparent"
    assert parse_traceparent(value) == Parent(f"{trace:032x}", f"{span:016x}", sampled)


@given(place=st.integers(0, len(VALID) - 1), byte=st.integers(0, 255))
def test_a_changed_byte(place: int, byte: int) -> None:
    """A value with another byte is refused, or says what it says: never anything in between."""
    value = VALID[:place].encode() + bytes([byte]) + VALID[place + 1 :].encode()
    parent = parse_traceparent(value)
    if parent is not None:
        version, trace_id, span_id, _ = value.decode().split("-")
        assert version != "ff"
        assert (parent.trace_id, parent.span_id) == (trace_id, span_id)


def test_a_request_from_another_span() -> None:
    """The caller's own field is replaced, wherever it stands; its state stays, line by line and in order."""
    head = parse_request(
        b"GET / HTTP/1.1\r\nHost: a\r\ntracestate: a=1,b=2\r\nTraceParent: x\r\nX-A: 1\r\nTraceState: c=3"
    )
    marked = with_parent(head, LINE, keeps_state=True)
    assert [line for line in marked.fields if line] == [
        b"tracestate: a=1,b=2\r\n", b"X-A: 1\r\n", b"TraceState: c=3\r\n", LINE,
    ]  # fmt: skip
    assert state_of(head) == state_of(marked) == "a=1,b=2,c=3"


def test_a_new_trace_has_no_old_state() -> None:
    """Where the caller's trace isn't continued, neither is its state."""
    head = parse_request(b"GET / HTTP/1.1\r\nHost: a\r\ntracestate: a=1\r\ntraceparent: x\r\nX-A: 1")
    assert [line for line in with_parent(head, LINE, keeps_state=False).fields if line] == [b"X-A: 1\r\n", LINE]


def test_a_state_that_is_too_long() -> None:
    """It is passed on, as it is within the limits of a head, but no span keeps it."""
    head = parse_request(b"GET / HTTP/1.1\r\nHost: a\r\ntracestate: a=%b" % (b"x" * 600))
    assert state_of(head) == ""
    assert any(b"tracestate" in line for line in with_parent(head, LINE, keeps_state=True).fields)
