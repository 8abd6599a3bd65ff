"""A shell in which a page's commands run one after the other, as they would in a reader's terminal."""

import os
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

LIMIT_S = 20.0
_MARK = b"\n<<the end of a command>> "


class Said(NamedTuple):
    """What a command printed on both streams, and its exit code."""

    output: str
    code: int


class Session:
    """One bash process; variables, functions and background jobs last from one command to the next."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the shell."""
        self._shell.kill()
        self._shell.communicate()

    def run(self, command: str) -> Said:
        """Run one command to its end; `$?` afterwards is its exit code for the next one too."""
        assert self._shell.stdin is not None
        mark = _MARK.decode().strip()
        script = f"{{ {command}\n}} </dev/null\n__code=$?; printf '\\n%s %s\\n' '{mark}' $__code; (exit $__code)\n"
        self._shell.stdin.write(script.encode())
        self._shell.stdin.flush()
        output, _, code = self._read(command).rpartition(_MARK)
        return Said(output.decode(), int(code))

    def _read(self, command: str) -> bytes:
        """Everything up to the mark and the exit code behind it."""
        assert self._shell.stdout is not None
        ends_at, found = time.monotonic() + LIMIT_S, b""
        while not (_MARK in found and found.endswith(b"\n")):
            readable, _, _ = select.select([self._shell.stdout], [], [], max(0.0, ends_at - time.monotonic()))
            data = os.read(self._shell.stdout.fileno(), 65536) if readable else b""
            if not data:
                raise AssertionError(f"{command!r} didn't end within {LIMIT_S:g} s; it said {found.decode()!r}")
            found += data
        return found
