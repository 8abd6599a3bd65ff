"""Trace context: which trace a request is a part of (W3C Trace Context, level 1, §3).

Rule 1: a value that isn't exactly what the standard allows names no trace; then its `tracestate` means nothing either.
Rule 2: of a higher version, the part that version 00 has is read, and what leaves is version 00 (§4.3).
"""

import re
from typing import Final, NamedTuple

from exeat.wire.fields import name_of, split_field
from exeat.wire.http1 import RequestHead

SAMPLED: Final = 1
STATE_LIMIT_BYTES: Final = 512  # what has to be passed on at least (§3.3.1.5); of a longer one, spans hold nothing
_VALUE: Final = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_OWN: Final = frozenset({b"traceparent", b"tracestate"})


class Parent(NamedTuple):
    """The span that a request comes from: identifiers in lower-case hexadecimal, and whether it is sampled."""

    trace_id: str
    span_id: str
    sampled: bool


def parse_traceparent(value: bytes | None) -> Parent | None:
    """What a `traceparent` says; None where it is missing, or isn't valid."""
    match = None if value is None else _VALUE.fullmatch(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if more is not None and version == b"00":
        return None
    return Parent(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & SAMPLED))


def render_traceparent(trace_id: str, span_id: str, *, sampled: bool) -> bytes:
    """The field's line."""
    return b"traceparent: 00-%b-%b-%02x\r\n" % (trace_id.encode(), span_id.encode(), sampled)


def state_of(head: RequestHead) -> str:
    """The members of all `tracestate` lines in order; nothing where they are longer than everybody has to take."""
    values = [split_field(line)[1] for line in head.fields if name_of(line) == b"tracestate"]
    state = b",".join(values)
    return state.decode("latin-1") if len(state) <= STATE_LIMIT_BYTES else ""


def with_parent(head: RequestHead, line: bytes, *, keeps_state: bool) -> RequestHead:
    """The request as one that comes from another span; `line` is its `traceparent`."""
    if keeps_state:
        fields = [each for each in head.fields if name_of(each) != b"traceparent"]
    else:
        fields = [each for each in head.fields if name_of(each) not in _OWN]
    return RequestHead(head.method, head.target, head.is_1_1, [*fields, line], head.known, head.length, head.chunked)
