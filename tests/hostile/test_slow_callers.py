"""Callers that take their time: with a head, with a body, with reading an answer."""

import pytest

from tests.hostile.callers import call, drip, never_read
from tests.hostile.conftest import HEAD_S
from tests.hostile.siege import Siege

LENGTH = "Content-Length: 1000"

pytestmark = [pytest.mark.slow]


def test_head(siege: Siege) -> None:
    """500 heads at a byte a second: each is refused when its time is over."""
    begin = b"GET / HTTP/1.1\r\nHost: gateway\r\nX: "
    with siege.under(drip, siege.port, begin, bytes(100).replace(b"\0", b"x"), 500, HEAD_S + 2):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) == {"408 client-timeout"}


def test_body(siege: Siege) -> None:
    """Bodies at a byte a second end with the time for the whole call."""
    with siege.under(drip, siege.port, siege.head("/hostile/swallow", LENGTH, method="POST"), bytes(100), 100, 6):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) == {"504 deadline-exceeded"}


def test_body_that_stops(siege: Siege) -> None:
    """Bodies of which nothing more comes end sooner."""
    begin = siege.head("/hostile/swallow", LENGTH, method="POST") + bytes(10)
    with siege.under(call, siege.port, {"each": begin}, 100, 6):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) == {"each 408 client-timeout"}


def test_answer_unread(siege: Siege) -> None:
    """Answers that nobody reads wait in little memory, and not for ever.

    Those of which only the end is left may have it in any buffer on the way, the worker's own among them.
    """
    endless = [siege.head("/hostile/endless")] * 30
    ending = [siege.head(f"/hostile/bytes/{size}", "Connection: close") for size in range(100_000, 6_500_000, 100_000)]
    with siege.under(never_read, siege.port, endless + ending):
        siege.expect_a_calm_neighbour()
        siege.expect_recovery()
    assert set(siege.seen) == {"200", "200 cut"}
