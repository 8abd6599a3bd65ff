"""Request heads: one meaning or none, the same however the bytes arrive, and the same when they leave."""

from collections.abc import Iterator
from functools import partial

from exeat.errors import Code, GatewayError
from exeat.model.limits import DEFAULT, Limits
from exeat.policy.resolve import Resolved, resolve
from exeat.wire.http1 import RequestHead, check_partial, parse_request
from fuzz.leaving import FRAMING, STAYS_HERE, check_leaving
from fuzz.places import PLACES
from fuzz.refusals import value_of

REFUSALS = {Code.MALFORMED_REQUEST, Code.TARGET_TOO_LONG, Code.FIELDS_TOO_LARGE}
NOWHERE = {Code.MALFORMED_REQUEST, Code.MALFORMED_TARGET, Code.METHOD_NOT_ALLOWED}
SMALL = Limits(line_bytes=40, head_bytes=200, fields=6)  # within reach of a short input
READ_HERE = {*FRAMING, b"host", b"authorization", b"expect", b"connection", b"te", b"via"}


def check(data: bytes) -> None:
    """Judge the head at the beginning of `data`."""
    raw = data.partition(b"\r\n\r\n")[0]
    head = value_of(partial(parse_request, raw), REFUSALS)
    again = value_of(partial(parse_request, raw), REFUSALS)  # now from the lines that were remembered
    _check_arriving(raw, DEFAULT)
    _check_arriving(raw, SMALL)
    if head is None or again is None:
        assert head is again
        return
    assert _values(head) == _values(again)
    _check_framing(raw, head)
    _check_fields(raw, head)
    resolved = value_of(partial(resolve, head, PLACES), NOWHERE)
    if resolved is not None:
        _check_place(head, resolved)
        check_leaving(head, resolved.path, resolved.query)


def _values(head: RequestHead) -> list[object]:
    return [getattr(head, name) for name in RequestHead.__slots__]


def _check_arriving(raw: bytes, limits: Limits) -> None:
    """A head is refused before it is whole only if it would be refused then, wherever the judging went on from."""
    head = value_of(partial(parse_request, raw, limits), REFUSALS)
    is_accepted = head is not None and len(raw) <= limits.head_bytes
    arriving = raw + b"\r\n\r\n"
    judged = 0
    for end in _cuts(arriving):
        refusal = _refused_early(arriving[:end], 0, limits)
        assert refusal == _refused_early(arriving[:end], judged, limits), "it matters where the judging went on from"
        if refusal is not None:
            assert not is_accepted, f"refused after {end} bytes, accepted when whole"
            return
        judged = end


def _cuts(data: bytes) -> Iterator[int]:
    """Where to cut: before and after every CR and LF, and now and then between."""
    step = max(len(data) // 16, 1)
    for place in range(1, len(data)):
        if place % step == 0 or data[place - 1] in b"\r\n" or data[place] in b"\r\n":
            yield place


def _refused_early(data: bytes, judged: int, limits: Limits) -> Code | None:
    try:
        check_partial(data, judged, limits)
    except GatewayError as error:
        if error.code in REFUSALS:
            return error.code
        raise
    return None


def _sent(raw: bytes) -> list[tuple[bytes, bytes]]:
    """The fields as they were sent: lower-case name and value."""
    lines = [line.partition(b":") for line in raw.split(b"\r\n")[1:]]
    return [(name.lower(), value.strip(b" \t")) for name, _, value in lines]


def _check_framing(raw: bytes, head: RequestHead) -> None:
    """An accepted head was framed in one way at most, and it is the one that was read (RFC 9112 §6.3)."""
    framings = [(name, value) for name, value in _sent(raw) if name in FRAMING]
    assert len(framings) <= 1, "accepted though it is framed twice"
    length = head.length
    if not framings:
        assert (length, head.chunked, head.has_body) == (None, False, False)
    elif framings[0][0] == b"content-length":
        assert (str(length).encode(), head.chunked) == (framings[0][1].lstrip(b"0") or b"0", False)
        assert head.has_body == (length != 0)
    else:
        assert (framings[0][1].lower(), length, head.chunked, head.has_body) == (b"chunked", None, True, True)
        assert head.is_1_1, "HTTP/1.0 has no Transfer-Encoding"


def _check_fields(raw: bytes, head: RequestHead) -> None:
    """End-to-end fields are passed on unchanged and in order, and no others (RFC 9110 §7.6.1)."""
    sent = _sent(raw)
    nominated = {
        option.strip(b" \t").lower() for name, value in sent if name == b"connection" for option in value.split(b",")
    }
    passed = [
        (name, value) for name, value in sent if not (name in READ_HERE | nominated or STAYS_HERE.fullmatch(name))
    ]
    lines = [line.removesuffix(b"\r\n").partition(b": ") for line in head.fields if line]
    assert [(name.lower(), value) for name, _, value in lines] == passed


def _check_place(head: RequestHead, resolved: Resolved) -> None:
    """The path and query that were understood are those that were sent."""
    if resolved.mode in {"path", "host", "own"}:
        sent, mark, query = head.target.partition(b"?")
        assert resolved.prefix + resolved.path in {sent, sent + b"/"}
        assert resolved.query == (query if mark else None)
