"""What requests and answers say of being sent again: idempotency keys, pauses, and clients that repeat calls."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from exeat.errors import Code
from exeat.model.vendors import WAITS
from exeat.wire.fields import name_of, split_field
from exeat.wire.http1 import RequestHead, ResponseHead

KEYED: Final = frozenset({b"POST", b"PATCH"})  # methods for which an idempotency key is made
IDEMPOTENCY_KEY: Final = b"idempotency-key"  # draft-ietf-httpapi-idempotency-key-header
# By these fields a client says that it repeats calls itself (SDKs of model APIs, of AWS).
REPEATS: Final = frozenset({b"x-stainless-retry-count", b"amz-sdk-request"})
SHOULD_RETRY: Final = b"x-should-retry"
NOT_AGAIN: Final = b"x-should-retry: false\r\n"
# What is mended by people only.
HOPELESS: Final = frozenset({Code.CREDENTIAL_UNAVAILABLE, Code.LOOP_DETECTED, Code.TLS_FAILED, Code.INTERNAL})
SOON_S: Final = 60  # no client waits longer than that within one call
_SECONDS = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_DATE = re.compile(rb"[A-Za-z0-9 ,:\-]{1,48}")


def value_of(fields: list[bytes], name: bytes) -> bytes | None:
    """The value of the first field of a name (lower case)."""
    for line in fields:
        if name_of(line) == name:
            return split_field(line)[1]
    return None


def has_key(head: RequestHead, own: bytes | None) -> bool:
    """Whether an idempotency key goes with a request: in the standard's field, or in the upstream's own."""
    names = {IDEMPOTENCY_KEY} if own is None else {IDEMPOTENCY_KEY, own.lower()}
    return any(name_of(line) in names and split_field(line)[1] for line in head.fields)


def with_key(head: RequestHead, field: bytes, key: bytes) -> RequestHead:
    """The request with an idempotency key, unless it needs none or brings its own."""
    if head.method not in KEYED or has_key(head, field):
        return head
    fields = [*head.fields, b"%b: %b\r\n" % (field, key)]
    return RequestHead(head.method, head.target, head.is_1_1, fields, head.known, head.length, head.chunked)


def repeats(head: RequestHead) -> bool:
    """Whether a caller says that it repeats calls itself."""
    return any(name_of(line) in REPEATS for line in head.fields)


def should_retry(response: ResponseHead) -> bool | None:
    """What an answer says of another attempt, in a field of the SDKs of model APIs."""
    value = value_of(response.fields, SHOULD_RETRY)
    return None if value is None else {b"true": True, b"false": False}.get(value.lower())


def retry_after(response: ResponseHead, wall: float) -> float | None:
    """How many seconds an answer asks to wait: a number, or a date (RFC 9110 §10.2.3). `wall` is s since the epoch."""
    for name, in_ms in WAITS:
        value = response.known.get(name)
        if value is None:
            continue
        if _SECONDS.fullmatch(value):
            return float(value) / 1000 if in_ms else float(value)
        if not in_ms and (date := _date(value)) is not None:
            return max(0.0, date - wall)
    return None


def _date(value: bytes) -> float | None:
    """Seconds since the epoch of a date."""
    if not _DATE.fullmatch(value):
        return None
    try:
        date = parsedate_to_datetime(value.decode("ascii"))
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def is_hopeless(code: Code, after_s: int | None) -> bool:
    """Whether a client that repeats a call soon would only meet the same failure; `after_s` is its Retry-After."""
    return code in HOPELESS or (code == Code.QUOTA_EXHAUSTED and (after_s or 0) > SOON_S)
