"""A folder in which the command line is run, with a database of its own."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.support.recorded import run_here


class Place(NamedTuple):
    """Where commands run, and with which settings."""

    folder: Path
    env: Mapping[str, str] = {}

    def run(self, *arguments: str, said: str = "", opens: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the command line; `said` is its input."""
        return run_here(self.folder, *arguments, env=self.env, said=said, opens=opens)

    def do(self, *arguments: str, said: str = "", opens: bool = False) -> str:
        """Run the command line, which succeeds and complains of nothing; what it prints."""
        done = self.run(*arguments, said=said, opens=opens)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def read(self, *arguments: str, said: str = "", opens: bool = False) -> Any:
        """Run the command line with --json; what it prints, as data."""
        return orjson.loads(self.do(*arguments, "--json", said=said, opens=opens))

    def refused(self, *arguments: str, said: str = "") -> tuple[int, str]:
        """Run the command line, which fails and prints no result; its exit code and what it complains of."""
        done = self.run(*arguments, said=said)
        assert done.stdout == ""
        assert done.returncode != 0
        return done.returncode, done.stderr

    def write(self, name: str, text: str) -> str:
        """Write a file; its name."""
        (self.folder / name).write_text(text, "utf-8")
        return name
