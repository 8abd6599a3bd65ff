"""Reads a peer's access log: every request must have left one line that says 200."""

import os
from pathlib import Path

from peers import Peer
from processes import RunFailed, wait_until

_CHUNK_BYTES = 4 * 1024 * 1024


def forget_lines(peer: Peer) -> None:
    """Empty the log; its writer appends, so it goes on at the start."""
    os.truncate(peer.access_log, 0)


def expect_lines(peer: Peer, requests: int, in_flight: int) -> None:
    """Fail unless the log holds a 200 line for each request, and no more than may be cut off."""
    # Envoy writes its last lines up to a second late.
    wait_until(
        f"{peer.name}: an access line for each of {requests} requests",
        lambda: _count(peer.access_log, b"\n") >= requests,
        within_s=5,
    )
    lines, good = _count(peer.access_log, b"\n"), _count(peer.access_log, peer.ok_mark)
    # A request cut off when wrk ends is logged as the peer sees fit (nginx: 499), so those may differ;
    # as many may have come late from the run before.
    if good < requests or lines > requests + 2 * in_flight:
        raise RunFailed(f"{peer.name}: {requests} answers, {lines} access lines, {good} with 200")


def _count(path: Path, mark: bytes) -> int:
    """Occurrences of a mark that may lie across two reads."""
    found, rest = 0, b""
    with path.open("rb") as log:
        while chunk := log.read(_CHUNK_BYTES):
            held = rest + chunk
            found += held.count(mark)
            # Shorter than the mark, so it holds none that was counted.
            rest = held[len(held) - len(mark) + 1 :]
    return found
