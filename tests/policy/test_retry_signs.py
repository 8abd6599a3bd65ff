"""What heads say of being sent again."""

import pytest

from exeat.errors import Code
from exeat.policy.retry_signs import has_key, is_hopeless, repeats, retry_after, should_retry, with_key
from exeat.wire.http1 import ResponseHead, parse_response
from tests.support.values import head

NOW = 1767225600.0  # 2026-01-01T00:00:00Z


def answer(*lines: str) -> ResponseHead:
    """The head of an answer with these lines."""
    return parse_response("\r\n".join(["HTTP/1.1 503 Busy", *lines]).encode())


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ((), None),
        (("Retry-After: 0",), 0.0),
        (("Retry-After: 120",), 120.0),
        (("retry-after-ms: 1500", "Retry-After: 2"), 1.5),
        (("Retry-After: Thu, 01 Jan 2026 00:00:30 GMT",), 30.0),
        (("Retry-After: Thursday, 01-Jan-26 00:00:30 GMT",), 30.0),
        (("Retry-After: Thu Jan  1 00:00:30 2026",), 30.0),
        (("Retry-After: Wed, 31 Dec 2025 23:59:00 GMT",), 0.0),
        (("Retry-After: soon",), None),
        (("Retry-After: -5",), None),
        (("Retry-After: 1e3",), None),
        (("Retry-After: Thu, 99 Jan 2026 00:00:30 GMT",), None),
        (("Retry-After: Thu, 01 Jan 2026 99:00:30 GMT",), None),
        (("Retry-After: ",), None),
        (("Retry-After: " + "1" * 200,), None),
        (("Retry-After: " + ", " * 20,), None),
        (("retry-after-ms: soon", "Retry-After: 2"), 2.0),
    ],
)
def test_pauses(lines: tuple[str, ...], seconds: float | None) -> None:
    """A number of seconds, or a date in each of HTTP's forms; what is neither is no pause."""
    assert retry_after(answer(*lines), NOW) == seconds


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((), None),
        (("X-Should-Retry: true",), True),
        (("x-should-retry: False",), False),
        (("x-should-retry: 1",), None),
    ],
)
def test_should_retry(lines: tuple[str, ...], says: bool | None) -> None:  # noqa: FBT001 - a parameter
    """`true` and `false` mean something, whatever their case."""
    assert should_retry(answer(*lines)) is says


@pytest.mark.parametrize(
    ("line", "own", "found"),
    [
        ("Idempotency-Key: k", None, True),
        ("idempotency-key: k", b"X-Token", True),
        ("Idempotency-Key:", None, False),
        ("X-Token: k", b"X-Token", True),
        ("x-token: k", b"X-Token", True),
        ("X-Token: k", None, False),
    ],
)
def test_keys(line: str, own: bytes | None, found: bool) -> None:  # noqa: FBT001 - a parameter
    """A key stands in the standard's field, or in the upstream's own; an empty one is none."""
    assert has_key(head(line), own) is found


def test_a_key_is_added_once() -> None:
    """Methods that may do something twice get a key; a caller's own stays, and what was added isn't added again."""
    bare = head("Accept: */*", start="POST /x HTTP/1.1")
    keyed = with_key(bare, b"Idempotency-Key", b"one")
    assert [line for line in keyed.fields if line] == [b"Accept: */*\r\n", b"Idempotency-Key: one\r\n"]
    assert with_key(keyed, b"Idempotency-Key", b"two") is keyed
    for start in ("GET", "PUT", "DELETE"):
        idempotent = head(start=f"{start} /x HTTP/1.1")
        assert with_key(idempotent, b"Idempotency-Key", b"one") is idempotent


def test_callers_that_repeat() -> None:
    """SDKs that repeat calls say so, also with the first one."""
    assert repeats(head("X-Stainless-Retry-Count: 0"))
    assert repeats(head("amz-sdk-request: attempt=1; max=3"))
    assert not repeats(head("X-Other: 1"))


def test_what_is_hopeless() -> None:
    """What only people can mend, and a quota that is used up for longer than anybody waits."""
    assert is_hopeless(Code.CREDENTIAL_UNAVAILABLE, None)
    assert is_hopeless(Code.QUOTA_EXHAUSTED, 3600)
    assert not is_hopeless(Code.QUOTA_EXHAUSTED, 5)
    assert not is_hopeless(Code.CONNECT_FAILED, None)
