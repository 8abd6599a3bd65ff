"""`python -m tests.soak --minutes 30`: load a gateway for long, and fail if anything grows or goes wrong."""

import argparse
import shutil
import sys
from pathlib import Path

from tests.soak.report import write_report
from tests.soak.run import soak

OUTPUT = Path(__file__).resolve().parents[2] / "build" / "soak"


def main() -> int:
    """The exit code: 0 if everything was as it has to be."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long; less than two says nothing of growth")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the report goes")
    options = parser.parse_args()
    home = options.output / "gateway"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    outcome = soak(home, options.minutes * 60, _say)
    write_report(options.output, outcome)
    _say((options.output / "report.md").read_text("utf-8"))
    if not outcome.problems:
        shutil.rmtree(home)
    return 1 if outcome.problems else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
