"""Where the gateway keeps things, and what may be wrong there: no room on a disk, or little of it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.callers import Callers
from tests.faults.noting import Noting
from tests.support.gateway import JsonObject, MadeKey, wait_until

MANY = 100


def noted(noting: Noting, key: MadeKey) -> JsonObject:
    """The document of a gateway in front of the upstream that notes."""
    return {
        "upstreams": {"noting": noting.origin.entry(paths={"deny": ["/denied/**"]})},
        "consumers": {"everybody": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
    }


def many_more(callers: Callers) -> None:
    """Wait until very many more answers have been read."""
    enough = len(callers.answered) + MANY
    wait_until(lambda: len(callers.answered) >= enough, "calls go on")


@contextmanager
def small_disk(folder: Path, size_mib: int, owner: int = 0) -> Iterator[None]:
    """A file system of its own for a folder, with little room."""
    folder.mkdir(mode=0o700)
    options = f"size={size_mib}m,mode=700,uid={owner}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # also where a failed test left something open


def fill(file: Path) -> None:
    """Leave no room on a disk."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
    with suppress(OSError):
        while True:
            os.write(descriptor, bytes(64 * 1024))
    os.close(descriptor)
