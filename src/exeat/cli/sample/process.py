"""Starting and stopping the sample API's process."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from exeat.cli.sample.certificates import Files
from exeat.cli.sample.credentials import CHECKS

STOP_S = 3.0


class SampleError(Exception):
    """The sample API isn't there."""


@dataclass(slots=True)
class Sample:
    """A running sample API: the port of each service; once it has ended, how many requests and keys it saw."""

    ports: dict[str, int]
    requests: int | None = None
    keys: int | None = None


def make_secrets() -> dict[str, str]:
    """A new secret for each service."""
    return {name: f"{name}-secret-{secrets.token_urlsafe(18)}" for name in CHECKS}


@contextmanager
def running(files: Files, passwords: Mapping[str, str]) -> Iterator[Sample]:
    """The sample API for as long as the block lasts."""
    told = {"certificate": str(files.certificate), "key": str(files.key), "secrets": dict(passwords)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "exeat.cli.sample"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,  # Ctrl-C is for the gateway: while it drains, its upstreams have to be there
    )
    assert process.stdin is not None  # noqa: S101 - piped above
    assert process.stdout is not None  # noqa: S101
    sample: Sample | None = None
    try:
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SampleError("the sample API didn't start")
        sample = Sample(json.loads(line))
        yield sample
    finally:
        last = _stop(process)
        if sample is not None and last:
            seen = json.loads(last)
            sample.requests, sample.keys = seen["requests"], seen["keys"]


def _stop(process: "subprocess.Popen[str]") -> str:
    """End the process by the end of its stdin, or by force; gives what it said last."""
    try:
        said, _ = process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return said
