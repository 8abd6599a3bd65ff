"""Every secret and key of a test run, and the search for them in all that the run wrote.

Rule 1: a secret or key that a gateway is given is registered, by the helper that starts the gateway.
Rule 2: a file that a test wrote for the gateway to read is registered as an input, by its path; all others are swept.
Rule 3: a leak is named by its file, its place and the marker's name, never by its value.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from exeat.model.key import ID_LENGTH, PREFIX
from exeat.model.secret_fields import SECRET_FIELDS
from exeat.model.snapshot import Snapshot
from tests.support.secret_search import Index

PUBLIC_LENGTH = len(PREFIX) + ID_LENGTH + 1  # of a key: what follows is random
_REFERENCE = re.compile(r"\$\{(file:)?([^{}]*)\}")
_SECRET_VARIABLE = re.compile(r"EXEAT_UPSTREAMS__.+__(?:SECRET|USERNAME|PASSWORD)")


class Markers:
    """What is registered, and what was found."""

    def __init__(self) -> None:
        self._index = Index()
        self._known: dict[str, str] = {}
        self._inputs: set[Path] = set()

    # What is looked for

    def make(self, name: str) -> str:
        """A new secret that stands nowhere else."""
        return self.add(name, f"marker-{secrets.token_urlsafe(24)}")

    def add(self, name: str, value: str) -> str:
        """Look for a value; it is returned."""
        if value not in self._known:
            self._known[value] = name
            self._index.add(name, value)
        return value

    def add_key(self, key: str) -> None:
        """Look for the random part of a key: its id may be shown."""
        self.add(f"key {key[len(PREFIX) : PUBLIC_LENGTH - 1]}", key[PUBLIC_LENGTH:])

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Look for the secrets of a snapshot, in the spellings that answers are searched for."""
        for upstream in snapshot.upstreams.values():
            for needle in upstream.credential.needles:
                self.add(f"secret of upstream {upstream.name}", needle.reveal())

    def add_document(self, document: object, folder: Path, env: Mapping[str, str]) -> None:
        """Look for the secrets of a document (data, or YAML text) that a gateway in `folder` serves by."""
        self.add_input(folder / "exeat.yaml", folder / "exeat.new", folder / ".env")
        variables = {**_dotenv(folder / ".env"), **env}
        for name, value in variables.items():
            if _SECRET_VARIABLE.fullmatch(name):
                self._add_text(f"secret in {name}", value, folder, variables)
        for path, value in _secrets_of(_data(document), ()):
            self._add_text(f"secret at {'.'.join(path)}", value, folder, variables)

    def _add_text(self, name: str, text: str, folder: Path, variables: Mapping[str, str]) -> None:
        """Look for what a text of a document stands for: a literal, or what its references lead to."""
        for match in _REFERENCE.finditer(text):
            if match[1] is None:
                self.add(name, variables.get(match[2], ""))
                continue
            file = folder / match[2]
            self.add_input(file)
            if file.is_file():
                self.add(name, file.read_text("utf-8", "replace").rstrip("\r\n"))
        if "${" not in text:
            self.add(name, text)

    def add_public(self, value: str) -> None:
        """A value that a test writes where it is seen on purpose, such as into a path: it isn't looked for."""
        self._known.setdefault(value, "public")

    def add_input(self, *files: Path) -> None:
        """Files that a test writes for the gateway to read."""
        self._inputs.update(file.absolute() for file in files)

    # Looking

    def leaks_in(self, data: bytes | str, where: str) -> list[str]:
        """A line for each marker in what was said."""
        octets = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        return [
            f"{where}, byte {found.offset}: {found.name}, {found.spelling}"
            for found in sorted(self._index.find(octets), key=lambda found: found.offset)
        ]

    def leaks_below(self, folder: Path) -> list[str]:
        """A line for each marker in the files below a folder, inputs left out."""
        leaks: list[str] = []
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink() and file.absolute() not in self._inputs:
                leaks += self.leaks_in(file.read_bytes(), str(file))
        return leaks


def _dotenv(file: Path) -> dict[str, str]:
    """The variables of a `.env` file, as far as they are written plainly."""
    lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
    pairs = (line.removeprefix("export ").partition("=") for line in lines)
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _data(document: object) -> object:
    """A document as data; one that isn't YAML on purpose has nothing."""
    if not isinstance(document, str):
        return document
    try:
        return yaml.safe_load(document)
    except yaml.YAMLError:
        return None


def _secrets_of(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts of a document that are secret, with their paths."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            below = (*path, str(name))
            if isinstance(item, str) and "credential" in path and name in SECRET_FIELDS:
                yield below, item
            yield from _secrets_of(item, below)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for place, item in enumerate(value):
            yield from _secrets_of(item, (*path, str(place)))


MARKERS = Markers()


def assert_no_leaks(leaks: list[str]) -> None:
    """Fail with a line for each leak."""
    assert not leaks, "secrets were written:\n" + "\n".join(leaks)
