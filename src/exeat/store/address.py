"""How the URL of a SQLite database stands for a file, both ways; loads nothing, so that whoever only names one can."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from exeat.model.stored import DATABASE_FILE
from exeat.store.failure import StoreError

SQLITE: Final = "sqlite:///"


def default_url(data_dir: Path) -> str:
    """The URL of the database that needs nothing else: a file in the data directory."""
    return f"{SQLITE}{quote(os.fsencode(data_dir / DATABASE_FILE))}"


def path_of(url: str) -> str:
    """A file's path from its URL, decoded; StoreError where that names no file.

    SQLAlchemy decodes it in some versions only, and reads ? as an option.
    """
    written = url.removeprefix(SQLITE)
    path = os.fsdecode(unquote_to_bytes(written))
    if "?" in written:
        raise StoreError("A database's URL of SQLite takes no options; write sqlite:///PATH, with %3F for ? in it")
    if path in {"", ":memory:"}:
        raise StoreError("A database's URL of SQLite has to name a file; write sqlite:///PATH or postgresql://…")
    return path
