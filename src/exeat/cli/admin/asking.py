"""What commands ask a person, and how they get what must not stand on a command line.

Rule 1: a secret comes from standard input, or from a prompt that doesn't show it; nothing else is ever prompted for
where nobody sits at a terminal.
"""

import getpass
import sys
from pathlib import Path

from exeat.cli.admin.reach import UsageError
from exeat.model.secret import Secret

STDIN = "-"
YES = ("y", "yes")
MOST_BYTES = 1 << 20


def read_secret(what: str, *, twice: bool = False) -> Secret:
    """A secret of one line or several: the line break at its end isn't a part of it."""
    if sys.stdin.isatty():
        text = _prompt(what)
        if twice and text != _prompt(f"{what}, again"):
            raise UsageError("they aren't the same; nothing was changed")
    else:
        text = sys.stdin.read(MOST_BYTES).removesuffix("\n").removesuffix("\r")
    if not text:
        raise UsageError(f"{what}: standard input holds nothing; type it, or pipe it in")
    return Secret(text)


def ask_line(what: str) -> str:
    """What a person types, without the spaces around it; nothing where nobody sits at a terminal."""
    if not sys.stdin.isatty():
        return ""
    sys.stderr.write(f"{what}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _prompt(what: str) -> str:
    try:
        return getpass.getpass(f"{what}: ", sys.stderr)
    except EOFError:
        return ""


def read_text(file: str) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        return sys.stdin.read() if file == STDIN else Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{file}: isn't UTF-8 text") from None
    except OSError as error:
        raise UsageError(f"{file}: can't be read: {error.strerror}") from error


def confirm(question: str, *, is_sure: bool, is_read: bool = False) -> bool:
    """Whether a person says yes; UsageError where none can be asked, or standard input `is_read` for something else."""
    if is_sure:
        return True
    if is_read or not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; say --yes to change it, or --dry-run to look only")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in YES
