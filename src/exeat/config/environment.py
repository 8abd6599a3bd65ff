"""The environment as values: the process's own variables over those of a `.env` file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exeat.config.dotenv import parse_dotenv
from exeat.config.problem import Place, Problem

# Settings of the process, and the parts of a document that variables can write.
DOCUMENT_SECTIONS = (
    "UPSTREAMS", "DESTINATIONS", "CONSUMERS", "CORS", "DOMAINS", "NETWORK", "AUDIT", "LIMITS", "WEBHOOKS",
)  # fmt: skip
PREFIX = "EXEAT_"
DOTENV_FILE = ".env"
SIZE_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, repr=False)
class Environment:
    """Variables by name; its repr holds names only, because values may be secrets.

    `dotenv` is the file that was, or would have been, read. Problems are those of that file.
    """

    values: Mapping[str, str]
    dotenv: Path
    problems: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        return f"Environment({len(self.values)} variables, {self.dotenv})"

    def document_variables(self) -> list[str]:
        """The names of the variables that write a part of the document, sorted."""
        return sorted(name for name in self.values if is_document_variable(name))


def is_document_variable(name: str) -> bool:
    """Whether a variable writes a part of the document: `EXEAT_UPSTREAMS__…`, `EXEAT_DESTINATIONS`."""
    return name.startswith(PREFIX) and name[len(PREFIX) :].partition("__")[0] in DOCUMENT_SECTIONS


def merge_environment(process: Mapping[str, str], directory: Path) -> Environment:
    """The process's variables over those of `.env` in a directory."""
    dotenv = directory / DOTENV_FILE
    try:
        if not dotenv.is_file():
            return Environment(dict(process), dotenv)
        if dotenv.stat().st_size > SIZE_LIMIT:
            return _unread(process, dotenv, "is larger than 1 MiB; this isn't a .env file")
        values, problems = parse_dotenv(dotenv.read_text("utf-8"), ".env")
    except UnicodeDecodeError:
        return _unread(process, dotenv, "isn't UTF-8 text")
    except OSError as error:
        return _unread(process, dotenv, f"can't be read: {os.strerror(error.errno or 0)}")
    return Environment({**values, **process}, dotenv, tuple(problems))


def _unread(process: Mapping[str, str], dotenv: Path, message: str) -> Environment:
    return Environment(dict(process), dotenv, (Problem("", Place(".env"), message),))
