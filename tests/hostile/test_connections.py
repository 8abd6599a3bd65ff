"""Connections by the thousand: silent, half way through a head, gone at once, or more than there may be."""

import time

import pytest

from tests.hostile.callers import call, hold, knock
from tests.hostile.conftest import HEAD_S, Besiege
from tests.hostile.siege import Siege
from tests.support.gateway import wait_until
from tests.support.raw_caller import RawCaller

COUNT = 10_000
PER_CONNECTION_KIB = 6
HALF = b"GET / HTTP/1.1\r\nHost: gateway\r\n"
FEW = 100

pytestmark = [pytest.mark.slow]


def test_ten_thousand(besiege: Besiege) -> None:
    """10 000 connections that say nothing, and then half a head each: they cost memory, but little, and nobody time."""
    with besiege() as siege:
        siege.memory_mib += COUNT * PER_CONNECTION_KIB // 1024
        with siege.under(hold, siege.port, COUNT, HALF, HEAD_S + 4):
            siege.expect_a_calm_neighbour()
            siege.go_on()
            siege.expect_a_calm_neighbour()
        assert siege.seen == {"408 client-timeout": COUNT}


@pytest.mark.parametrize("resets", [False, True], ids=["close", "reset"])
def test_gone_at_once(siege: Siege, resets: bool) -> None:  # noqa: FBT001 - a parameter
    """Callers that connect and leave, a thousand a second."""
    with siege.under(knock, siege.port, resets=resets):
        siege.expect_a_calm_neighbour()


def test_more_than_there_may_be(besiege: Besiege) -> None:
    """Silent connections make room for others; one that has been used before is the last to go."""
    with besiege(EXEAT_MAX_CONNECTIONS=str(FEW)) as siege:
        before = RawCaller(siege.port)
        assert before.call("GET", "/-/live").status == 200
        with siege.under(hold, siege.port, 10 * FEW, b"", 1.0):
            wait_until(lambda: _status(siege, "/-/live") == 200, "there is room again")
            assert before.call("GET", "/-/live").status == 200
            before.close()
            siege.expect_a_calm_neighbour()
        assert siege.seen.total() == 10 * FEW
        assert siege.seen["closed"] + siege.seen["503 overloaded"] > 9 * FEW


def test_more_at_work_than_there_may_be(besiege: Besiege) -> None:
    """Connections that are at work make no room: the newcomer is told so at once, until one of them is free."""
    with besiege(EXEAT_MAX_CONNECTIONS=str(FEW)) as siege:
        with siege.under(call, siege.port, {"each": siege.head("/hostile/silent")}, FEW, 4.0):
            wait_until(lambda: _status(siege, "/-/live") == 503, "every connection is at work")
        wait_until(lambda: _status(siege, "/-/live") == 200, "there is room again")
        assert set(siege.seen) <= {"each 504 response-timeout", "each 503 overloaded"}


def test_no_file_left(siege: Siege) -> None:
    """Where the worker can open nothing more, it doesn't spin, and it goes on as soon as it can."""
    with siege.out_of_files(5), siege.under(hold, siege.port, 200, b"", 1.0):
        busy_s = siege.busy_s
        time.sleep(1)  # what it costs to have no file left
        assert siege.busy_s - busy_s < 0.5
    wait_until(lambda: _status(siege, "/-/live") == 200, "it serves again")


def _status(siege: Siege, path: str) -> int:
    with RawCaller(siege.port) as caller:
        return caller.call("GET", path).status
