"""Envelopes: any JSON is calls or refused, and a call leaves as exactly the request that it asks for."""

from functools import partial

from exeat.errors import Code
from exeat.policy.envelope import BATCH_LIMIT, Call, parse_envelope
from exeat.policy.resolve import Resolved, by_name, by_url
from exeat.proxy.envelope import _render as render_call
from exeat.wire.fields import name_of
from exeat.wire.http1 import parse_request
from exeat.wire.target import parse_url
from fuzz.leaving import check_leaving
from fuzz.places import PLACES
from fuzz.refusals import value_of

WRITTEN_HERE = {b"host", b"content-length", b"transfer-encoding", b"connection"}
REFUSALS = {Code.MALFORMED_REQUEST, Code.TARGET_TOO_LONG, Code.FIELDS_TOO_LARGE}


def check(data: bytes) -> None:
    """Judge the envelope in `data`, and every call in it."""
    calls = _parse(data)
    assert calls == _parse(data), "an envelope reads in two ways"
    assert len(calls) <= BATCH_LIMIT
    for call in calls:
        _check_call(call)


def _parse(data: bytes) -> list[Call]:
    envelope = value_of(partial(parse_envelope, data), {Code.ENVELOPE_INVALID})
    if envelope is None:
        return []
    calls, batch = envelope
    assert len(calls) == 1 or batch
    return calls


def _check_call(call: Call) -> None:
    """The head that a call becomes asks for what the call asked for, and nothing else."""
    assert not {name_of(line) for line in call.fields} & WRITTEN_HERE, "a call brings framing of its own"
    raw = render_call(call)
    head = value_of(partial(parse_request, raw), REFUSALS)
    if head is None:
        return
    assert len(raw.split(b"\r\n")) == _lines_of(call), "a call brings more lines than it asks for"
    assert head.method == call.method
    assert (head.length, head.chunked) == (None if call.body is None else len(call.body), False)
    assert head.known[b"host"] == b"envelope"
    resolved, again = (value_of(partial(_resolve, call), {Code.MALFORMED_TARGET}) for _ in range(2))
    if resolved is None or again is None:
        assert resolved is again
        return
    assert _values(resolved) == _values(again), "a call resolves in two ways"
    _check_place(call, resolved)
    check_leaving(head, resolved.path, resolved.query)


def _lines_of(call: Call) -> int:
    return 2 + len(call.fields) + (call.body is not None) + (call.timeout_s is not None)


def _resolve(call: Call) -> Resolved:
    if call.upstream is not None:
        return by_name("envelope", call.upstream, call.path, call.query, PLACES)
    return by_url("envelope", parse_url(call.url or b""), PLACES, b"")


def _values(resolved: Resolved) -> list[object]:
    return [getattr(resolved, name) for name in Resolved.__slots__]


def _check_place(call: Call, resolved: Resolved) -> None:
    if call.upstream is not None:
        assert (resolved.path, resolved.query, resolved.target) == (call.path, call.query, None)
        assert [upstream.name for upstream in resolved.upstreams] in ([], [call.upstream])
    else:
        assert resolved.target is not None
        assert (resolved.path, resolved.query) == (resolved.target.path, resolved.target.query)
