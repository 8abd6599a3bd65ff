"""Runs the targets: `python -m fuzz [--seconds 60] [TARGET…]`; fails where one of them finds something."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fuzz.engine import NOT_THERE

FUZZ = Path(__file__).parent
ROOT = FUZZ.parent
GROWN = ROOT / "build" / "fuzz"  # what the engine found worth keeping: the next run goes on from it
FINDINGS = FUZZ / "findings"
TARGETS = sorted(path.stem for path in (FUZZ / "targets").glob("[a-z]*.py"))
GRACE_S = 60
LAST_LINES = 40
ROW = "{:10} {:>12} {:>11} {:>9} {:>9} {:>7}  {}"
OPTIONS = ["-max_len=8192", "-timeout=10", "-print_final_stats=1"]
ENVIRONMENT = os.environ  # noqa: TID251 - the switches of a run are not settings of Exeat
REPEATABLE = ["-seed=1"] if "CI" in ENVIRONMENT else []  # a change must not fail for what an earlier one broke


class Run(NamedTuple):
    """What became of one target."""

    target: str
    status: int
    output: str

    def last(self, pattern: str) -> str:
        """The last of the figures that the engine printed under a name."""
        figures: list[str] = re.findall(pattern, self.output)
        return figures[-1] if figures else "?"


def main() -> None:
    """Run the targets of the command line, as many at a time as there are processors, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs")
    parser.add_argument("targets", metavar="TARGET", nargs="*", help=f"one of {', '.join(TARGETS)}; all without it")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    try:
        import atheris  # noqa: F401, PLC0415 - whether it is there
    except ImportError:
        sys.exit(NOT_THERE)
    print(ROW.format("target", "executions", "per second", "coverage", "features", "corpus", "result"), flush=True)
    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for run in pool.map(partial(_run, seconds=given.seconds), given.targets or TARGETS):
            report(run)
            failed = failed or run.status != 0
    sys.exit(failed)


def _run(target: str, seconds: int) -> Run:
    grown = GROWN / target
    for folder in (grown, FINDINGS):
        folder.mkdir(parents=True, exist_ok=True)
    options = [
        *OPTIONS,
        *REPEATABLE,
        f"-max_total_time={seconds}",
        f"-dict={FUZZ / 'dictionaries' / target}.dict",
        f"-artifact_prefix={FINDINGS / target}-",
    ]
    command = [sys.executable, "-m", "fuzz.engine", target, *options, str(grown), str(FUZZ / "corpus" / target)]
    with tempfile.TemporaryDirectory(prefix="exeat-fuzz-") as scratch:  # the engine ends without tidying up
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**ENVIRONMENT, "TMPDIR": scratch},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds + GRACE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return Run(target, 1, (error.output or b"").decode(errors="replace") + "\nThe engine didn't end.")
    return Run(target, done.returncode, done.stdout.decode(errors="replace"))


def report(run: Run) -> None:
    figures = [
        run.last(pattern)
        for pattern in (
            r"number_of_executed_units: *(\d+)",
            r"average_exec_per_sec: *(\d+)",
            r"cov: (\d+)",
            r"ft: (\d+)",
            r"corp: (\d+)",
        )
    ]
    print(ROW.format(run.target, *figures, "FOUND" if run.status else "nothing"), flush=True)
    if not run.status:
        return
    print("\n".join(run.output.splitlines()[-LAST_LINES:]))
    for found in re.findall(r"Test unit written to (\S+)", run.output):
        print(f"repeat it with: {sys.executable} -m fuzz.repeat {run.target} {found}")


if __name__ == "__main__":
    main()
