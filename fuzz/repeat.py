"""A finding once more, without the engine: `python -m fuzz.repeat TARGET FILE…` ends in the traceback, or quietly."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def check_of(target: str) -> Callable[[bytes], None]:
    """The check of a target."""
    check: Callable[[bytes], None] = import_module(f"fuzz.targets.{target}").check
    return check


if __name__ == "__main__":
    for name in sys.argv[2:]:
        check_of(sys.argv[1])(Path(name).read_bytes())
