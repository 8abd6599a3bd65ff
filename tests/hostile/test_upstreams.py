"""Upstreams that mean harm: what their own callers see, and that nobody else sees anything."""

import gzip

import pytest

from tests.hostile.callers import Excess, call, pour, pour_all, sip
from tests.hostile.siege import Siege
from tests.hostile.upstreams import BOMB, MEMBER, STEALTH, UNASKED
from tests.support.raw_caller import RawCaller

LIMIT_S = 8.0
# What the callers of each see, whose requests are GET. The timeouts are those of conftest.py. Where a body is what is
# wrong, it may be so before its head has left.
CUT, MALFORMED = "200 cut", "502 upstream-malformed"
SEEN = {
    "/hostile/silent": {"504 response-timeout"},
    "/hostile/drip-head": {"504 response-timeout"},
    "/hostile/drip-body": {CUT},  # by the time for the whole call
    "/hostile/half-body": {CUT},  # by the time without a byte
    "/hostile/large-field": {MALFORMED},
    "/hostile/many-fields": {MALFORMED},
    "/hostile/interim": {"103 cut"},  # after some of them that a caller may get
    "/hostile/extension": {CUT, MALFORMED},
    "/hostile/extensions": {CUT, MALFORMED},
    "/hostile/trailers": {CUT, MALFORMED},
    "/stalled/": {"504 connect-timeout"},
    "/full/": {"504 connect-timeout"},
}
CLOSE = "Connection: close"
ENDLESS = ("/hostile/endless", "/hostile/until-close", "/hostile/tiny-chunks", "/hostile/bomb")

pytestmark = [pytest.mark.slow]


def test_all_of_them(siege: Siege) -> None:
    """Callers of all of them at once see what they should, within the time that the document gives."""
    heads = {path: siege.head(path, CLOSE) for path in SEEN}
    with siege.under(call, siege.port, heads, 5, LIMIT_S):
        siege.expect_a_calm_neighbour()
    for path, outcomes in SEEN.items():
        seen = {each.removeprefix(path).strip() for each in siege.seen if each.startswith(f"{path} ")}
        assert seen, path
        assert seen <= outcomes, path


def test_many_failures(siege: Siege) -> None:
    """An exchange that has failed leaves nothing in memory, however much of the answer had come."""
    with siege.under(call, siege.port, {"each": siege.head("/hostile/large-field", CLOSE)}, 5, LIMIT_S):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) == {f"each {MALFORMED}"}
    assert siege.peak_mib < 48


def test_endless_answers(siege: Siege) -> None:
    """Answers without end are read as slowly as their callers read them: 20 MB a second in all."""
    with siege.under(sip, siege.port, [siege.head(path) for path in ENDLESS] * 5, 100 * 1024):
        siege.expect_a_calm_neighbour()
    assert siege.seen == {CUT: 20}


def test_body_that_nobody_reads(siege: Siege) -> None:
    """A body for an upstream that doesn't read it stays with its caller, until the time for an answer is over."""
    excess = Excess(siege.head("/hostile/silent", "Content-Length: 999999999", method="POST"), bytes(64 * 1024))
    with siege.under(pour_all, siege.port, [excess]):
        outcome, sent = pour(siege.port, excess)
    assert outcome == "504 response-timeout"
    assert sent < 40 * 1024 * 1024


def test_bomb(siege: Siege) -> None:
    """10 GB of zeros pass as the 10 MB that they came in."""
    with RawCaller(siege.port) as caller:
        answer = caller.call("GET", "/hostile/bomb", f"Exeat-Key: {siege.key}")
    assert answer.field("content-encoding") == "gzip"
    assert answer.body == BOMB
    assert gzip.decompress(answer.body[: len(MEMBER)]) == bytes(10 * 1024 * 1024)


@pytest.mark.parametrize("way", ["twice", "again"])
def test_unasked_answer(siege: Siege, way: str) -> None:
    """What an upstream sends beyond its answer ends the connection, and is nobody's answer."""
    with RawCaller(siege.port) as caller:
        for number in range(20):
            first = caller.call("GET", f"/hostile/{way}/{number}", f"Exeat-Key: {siege.key}")
            assert UNASKED.get(timeout=LIMIT_S)
            second = caller.call("GET", f"/hostile/tell/{number}", f"Exeat-Key: {siege.key}")
            assert (first.body, second.body) == (f"/{way}/{number}".encode(), f"/tell/{number}".encode())


def test_early_answer(siege: Siege) -> None:
    """An upstream that answers what nobody has asked yet spoils its own connection, and no other."""
    poison = STEALTH.partition(b"\r\n\r\n")[2]
    with RawCaller(siege.port) as caller:
        for number in range(20):
            answer = caller.call("GET", f"/eager/{number}", f"Exeat-Key: {siege.key}")
            assert answer.status == 502 or answer.body in {poison, b"/%d" % number}
