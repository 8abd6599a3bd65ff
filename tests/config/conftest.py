"""A place to try documents: a folder, an environment, and what loading them gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exeat.config.compile import Loaded, load
from exeat.config.problem import DocumentError
from exeat.config.settings import read_settings
from exeat.model.stored import NOTHING, Stored


@dataclass
class Desk:
    """Loads documents from a folder with an environment of its own."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    stored: Stored = NOTHING

    def write(self, text: str, name: str = "exeat.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def load(self, text: str | None = None, **variables: str) -> Loaded:
        """Load as at the first start."""
        if text is not None:
            self.write(text)
        return load(read_settings({**self.variables, **variables}, self.folder), self.stored)

    def reload(self, text: str | None = None, **variables: str) -> Loaded:
        """Load as a running gateway does."""
        if text is not None:
            self.write(text)
        return load(read_settings({**self.variables, **variables}, self.folder), self.stored, running=True)

    def problems(self, text: str | None = None, variables: Mapping[str, str] | None = None) -> list[str]:
        """The problems of a document, each as its line; none if it loads."""
        try:
            self.load(text, **(variables or {}))
        except DocumentError as error:
            return [str(problem) for problem in error.problems]
        return []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
