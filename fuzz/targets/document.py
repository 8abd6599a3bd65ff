"""Documents: any bytes are a snapshot or a list of problems, the same one each time, and no problem tells a secret."""

import tempfile
from pathlib import Path
from unittest.mock import patch

from exeat.config import reading
from exeat.config.compile import Loaded, load
from exeat.config.handover import dumps, loads
from exeat.config.problem import DocumentError, Problem
from exeat.config.settings import read_settings

SECRETS = {"TOKEN": "hush-9f1c-the-variable", "HOST": "hush-7be2.example.com"}
IN_FILE = "hush-5d03-the-file"
# Values; aliases that multiply up to the usual bound take a second each time, and little else would be tried.
SIZE_LIMIT = 10_000

_FOLDER = tempfile.TemporaryDirectory(prefix="exeat-fuzz-")
_FOLDER_PATH = Path(_FOLDER.name)
(_FOLDER_PATH / "secret").write_text(IN_FILE, "utf-8")


def check(data: bytes) -> None:
    """Load `data` as the document: at a start, again, and as a running gateway does."""
    (_FOLDER_PATH / "exeat.yaml").write_bytes(data)
    first, again, later = _load(), _load(), _load(running=True)
    if isinstance(first, tuple):
        assert first == again, "the same document has other problems"
        return
    assert isinstance(again, Loaded), "the same document loads once only"
    assert isinstance(later, Loaded), "what loads at a start doesn't load later"
    assert first.snapshot.revision == again.snapshot.revision == later.snapshot.revision
    assert first.snapshot == again.snapshot
    assert first.document == again.document
    assert loads(dumps(first.snapshot)) == first.snapshot, "a worker gets another snapshot"


def _load(*, running: bool = False) -> Loaded | tuple[Problem, ...]:
    try:
        with patch.object(reading, "SIZE_LIMIT", SIZE_LIMIT):
            loaded = load(read_settings(SECRETS, _FOLDER_PATH), running=running)
    except DocumentError as error:
        problems = error.problems
    else:
        _check_texts(loaded.warnings)
        assert not _secrets_in(repr(dict(loaded.document))), "the document is shown with a secret"
        return loaded
    assert problems, "refused without a reason"
    _check_texts(problems)
    return problems


def _check_texts(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        text = str(problem)
        assert text.isprintable(), "a problem could move a terminal's cursor"
        assert not _secrets_in(text), "a problem tells a secret"


def _secrets_in(text: str) -> list[str]:
    """The secrets that a text tells; neither corpus nor dictionary holds one, so that no document does either."""
    return [secret for secret in (*SECRETS.values(), IN_FILE) if secret.lower() in text.lower()]
