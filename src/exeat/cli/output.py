"""How commands speak: results to standard output, as text or JSON; problems to standard error, one line each."""

import json
import os
import sys
import traceback
from collections.abc import Iterable

FINE = 0
FAILED = 1
WRONG = 2
REFUSED = 3


def say(text: str) -> None:
    """Write a result for people."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def say_json(value: object) -> None:
    """Write a result for programs."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def complain(problems: Iterable[object]) -> int:
    """Write what is wrong, one line per problem; the exit code for it."""
    for problem in problems:
        sys.stderr.write(f"exeat: {problem}\n")
    return WRONG


def complain_of_bug(error: Exception) -> int:
    """Write where a fault of Exeat is, but not its text, which could hold a secret; the exit code for it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "exeat/" in frame.filename] or frames
    place = f"{own[-1].filename.rpartition('exeat/')[2]}:{own[-1].lineno}" if own else "an unknown place"
    sys.stderr.write(f"exeat: this is a fault of Exeat: {type(error).__name__} at {place}\n")
    return FAILED


def let_go() -> None:
    """Give up what can't be written because nobody reads it: Python's own last try would change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
