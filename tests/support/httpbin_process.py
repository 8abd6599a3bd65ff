"""httpbin in a process of its own: what it imports and warns of stays out of the test run."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.gateway import environment

ROOT = Path(__file__).parents[2]


@contextmanager
def httpbin(authority: Authority, folder: Path) -> Iterator[str]:
    """Run httpbin for the length of a block; its URL."""
    certificate, key = folder / "httpbin.pem", folder / "httpbin.key"
    authority.write_pair(certificate, key)
    with (folder / "httpbin.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.httpbin_server", str(certificate), str(key)],
            cwd=ROOT,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        with process.stdout as said:
            port = int(said.readline())
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
