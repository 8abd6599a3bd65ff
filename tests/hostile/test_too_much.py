"""Callers that send too much of something, whole or without end."""

import pytest

from tests.hostile.callers import Excess, pipeline, pour, pour_all, send_empty_lines, send_tiny_chunks
from tests.hostile.conftest import HEAD_S
from tests.hostile.siege import Siege

MIB = 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"
HEAD = b"GET / HTTP/1.1\r\nHost: gateway\r\n"
X = b"x" * 8192

pytestmark = [pytest.mark.slow]


def excesses(siege: Siege) -> dict[str, tuple[Excess, str]]:
    """What is too much by name, and how it is refused."""
    body = siege.head("/hostile/swallow", CHUNKED, method="POST")
    return {
        "line": (Excess(b"GET /", X), "414 target-too-long"),
        "field": (Excess(HEAD + b"X: ", X), "431 fields-too-large"),
        "fields": (Excess(HEAD, b"X: y\r\n" * 1000), "431 fields-too-large"),
        "extension": (Excess(body + b"1;x=", X), "400 malformed-request"),
        "extensions": (Excess(body, b"1;name=value\r\nx\r\n" * 500), "400 malformed-request"),
        "trailer": (Excess(body + b"0\r\nX: ", X), "400 malformed-request"),
        "trailers": (Excess(body + b"0\r\n", b"X: y\r\n" * 1000), "400 malformed-request"),
    }


@pytest.mark.parametrize("name", ["line", "field", "fields", "extension", "extensions", "trailer", "trailers"])
def test_refusal(siege: Siege, name: str) -> None:
    """What has no end is refused while it is sent: no more is taken than buffers on the way hold."""
    excess, answer = excesses(siege)[name]
    with siege.under(pour_all, siege.port, [excess]):
        outcome, sent = pour(siege.port, excess)
    assert outcome == answer
    assert sent < 8 * MIB
    assert set(siege.seen) == {answer}


def test_all_of_it(siege: Siege) -> None:
    """All of it in turn, forty times a second, holds nobody up."""
    everything = excesses(siege).values()
    with siege.under(pour_all, siege.port, [excess for excess, _ in everything]):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) == {answer for _, answer in everything}


def test_empty_lines(siege: Siege) -> None:
    """Empty lines before a request are ignored, but they aren't a request: its time runs."""
    with siege.under(send_empty_lines, siege.port, 50, HEAD_S + 2):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) <= {"408 client-timeout", "400 malformed-request", "closed"}


def test_tiny_chunks(siege: Siege) -> None:
    """A body in very many chunks is read in small portions."""
    with siege.under(send_tiny_chunks, siege.port, siege.head("/patient/swallow", CHUNKED, method="POST")):
        siege.expect_a_calm_neighbour()


def test_pipeline(siege: Siege) -> None:
    """100 000 requests on one connection are answered in their order, and others have their turn in between."""
    with siege.under(pipeline, siege.port, 100_000):
        siege.expect_a_calm_neighbour()
    assert siege.seen == {"answers": 100_000, "in their place": 100_000}
