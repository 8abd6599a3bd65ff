"""Callers whose TLS doesn't come to anything, or goes on about nothing but itself."""

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.hostile.callers import stall
from tests.hostile.conftest import Besiege
from tests.hostile.siege import Siege
from tests.support.gateway import wait_until

HANDSHAKE_S = 10
PER_LOOK = 500
LIMIT_S = 3.0  # before the time for a request is over
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the beginning of a record of 512 bytes with a ClientHello
GARBAGE = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x00\x05hello",
    b"\x16\x03\x03\xff\xff" + bytes(70_000),
    b"\x80\x2e\x01\x00\x02" + bytes(43),  # SSL 2.0
    b"\x15\x03\x03\x00\x02\x01\x00" * 20,  # alerts
    bytes(1000),
)

pytestmark = [pytest.mark.slow]


@pytest.fixture
def siege(besiege: Besiege) -> Iterator[Siege]:
    """A gateway whose callers connect over TLS."""
    with besiege(tls=True) as siege:
        yield siege


def test_stalled_handshakes(siege: Siege) -> None:
    """Handshakes that don't begin, or stop half way, hold a connection for ten seconds."""
    began = time.monotonic()
    with siege.under(stall, siege.port, [b"", HELLO], 250, HANDSHAKE_S + 3):
        siege.expect_a_calm_neighbour()
    assert set(siege.seen) <= {"closed", "reset"}
    assert time.monotonic() - began > HANDSHAKE_S


def test_garbage(siege: Siege) -> None:
    """What isn't a handshake ends at once."""
    began = time.monotonic()
    with siege.under(stall, siege.port, list(GARBAGE), 50, HANDSHAKE_S / 2):
        pass
    assert set(siege.seen) <= {"closed", "reset"}
    assert time.monotonic() - began < HANDSHAKE_S / 2


@pytest.mark.parametrize(("version", "command"), [("-tls1_2", "R"), ("-tls1_3", "K")], ids=["renegotiation", "keys"])
def test_never_ending_handshake(siege: Siege, version: str, command: str) -> None:
    """A caller may not renegotiate, nor change keys again and again: that ends the connection."""
    address = f"127.0.0.1:{siege.port}"
    commands, theirs = os.pipe()
    with (
        os.fdopen(theirs, "w") as typed,
        os.fdopen(commands) as taken,
        subprocess.Popen(
            ["openssl", "s_client", version, "-connect", address],
            stdin=taken,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as client,
    ):

        def has_ended() -> bool:
            for _ in range(PER_LOOK):
                typed.write(f"{command}\n")
                typed.flush()
                if client.poll() is not None:
                    return True
                time.sleep(0.0002)  # what comes together is one command
            return False

        try:
            wait_until(has_ended, "the connection ends", LIMIT_S)
        finally:
            client.kill()
