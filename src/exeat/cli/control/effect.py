"""What a change in the database would make of the whole configuration, before it is made."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine

from exeat.admin.services import Asked, Checked, Outside, QuestionError, Told, describe_outside
from exeat.cli import explain
from exeat.cli.control.testing import send_test
from exeat.config.compile import Loaded, load, outside
from exeat.config.environment import DOTENV_FILE
from exeat.config.key_changes import load_keys
from exeat.config.problem import DocumentError
from exeat.config.settings import DOCUMENT_FILE, Settings
from exeat.config.trial import Trial
from exeat.config.watch import Signature, sign
from exeat.model.limit import Limit
from exeat.model.stored import Stored
from exeat.state.shared import limits_of
from exeat.store.configuration.stored import read_stored

Signs = Mapping[Path, Signature]
UNSEEN: Signature = (-1, -1, -1, -1)  # no file's


class _Last(NamedTuple):
    """What was loaded last, from what the database was to hold and from files that looked like this before."""

    loaded: Loaded
    stored: Stored
    signs: Signs


class Effect:
    """Compiles with the file and the environment of this gateway, as its supervisor does."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._own = settings.document_file() or settings.directory / DOCUMENT_FILE, settings.directory / DOTENV_FILE
        self._last: _Last | None = None
        self._outside: tuple[Signs, Outside] | None = None

    def check(self, stored: Stored) -> Checked:
        """What would be wrong, and what is probably not meant.

        A secret that is missing counts as at a start where the database refers to it; what has disappeared elsewhere
        since this gateway's start stands in the way of nobody's change.
        """
        try:
            return Checked((), self._load(stored).warnings)
        except DocumentError as error:
            problems = error.problems
        try:
            warnings = load(self._settings, stored, running=True).warnings
        except DocumentError:
            return Checked(problems)
        return Checked(tuple(problem for problem in problems if problem.place.kind == "database"), warnings)

    def _load(self, stored: Stored) -> Loaded:
        """What would be in force; a change of keys alone is soon judged, where no file is different."""
        last = self._last
        signs = _sign_all([*self._own, *(() if last is None else last.signs)])
        if last is not None and all(signs[path] == known for path, known in last.signs.items()):
            step = load_keys(last.loaded, last.stored, stored)
            if step is not None:
                self._last = last._replace(loaded=step.loaded, stored=stored)
                return step.loaded
        loaded = load(self._settings, stored)
        # A file that is first heard of may have been different when it was read: what counts is the look before that.
        self._last = _Last(loaded, stored, {path: signs.get(path, UNSEEN) for path in loaded.watched})
        return loaded

    def outside(self) -> Outside:
        """What only file and environment can change; they are read again when one is different."""
        settings = self._settings
        signs = _sign_all(self._own)
        known = self._outside
        if known is None or known[0] != signs:
            known = self._outside = signs, describe_outside(outside(settings))
        return known[1]

    def explain(self, asked: Asked) -> Mapping[str, object]:
        """What would happen to a request by all that is written now."""
        try:
            snapshot = load(self._settings, read_stored(self._engine), running=True).snapshot
        except DocumentError as error:
            raise QuestionError(("", "the configuration has problems; see the status")) from error
        question = explain.Question(asked.consumer, asked.method, asked.target, asked.headers, asked.address)
        try:
            return explain.answer_question(question, snapshot, dns=asked.resolve)
        except explain.QuestionError as error:
            pointers = {"key": "/consumer"}
            raise QuestionError(*((pointers.get(part, f"/{part}"), text) for part, text in error.faults)) from error

    def endpoints(self, upstream: str) -> tuple[str, ...] | None:
        """The URLs of an upstream's endpoints by what is written now, or was last when that was right.

        None if there is no such upstream. QuestionError if nothing has been right yet.
        """
        loaded = self._load_now()
        found = loaded.snapshot.upstreams.get(upstream.encode())
        if found is None:
            return None
        return tuple(endpoint.id.removeprefix(f"{upstream} ") for endpoint in found.everywhere)

    def limits(self) -> Iterator[Limit]:
        """Every limit of what is written now, or was last when that was right; QuestionError as above."""
        return limits_of(self._load_now().snapshot)

    def find_upstream(self, name: str) -> tuple[Trial, Mapping[str, Any]] | None:
        """An upstream of what is written now, and as it is written; None if there is none; QuestionError as above."""
        loaded = self._load_now()
        upstream = loaded.snapshot.upstreams.get(name.encode())
        if upstream is None:
            return None
        token = upstream.credential.token
        sources = [one for one in loaded.token_sources if token is not None and one.id == token.source]
        documents = (read_stored(self._engine).document, outside(self._settings).data)
        written = [document.get("upstreams") for document in documents]
        entries = [each[name] for each in written if isinstance(each, Mapping) and isinstance(each.get(name), Mapping)]
        trial = Trial(upstream, sources[0] if sources else None, loaded.snapshot.nat64)
        return trial, entries[0] if entries else {}

    def _load_now(self) -> Loaded:
        stored = read_stored(self._engine)
        try:
            return self._load(stored)
        except DocumentError:
            return self._load_somehow(stored)

    def _load_somehow(self, stored: Stored) -> Loaded:
        try:
            return load(self._settings, stored, running=True)
        except DocumentError as error:
            if self._last is None:
                raise QuestionError(("", "the configuration has problems; see the status")) from error
            return self._last.loaded

    def test_webhook(self, name: str) -> Told | None:
        """Send a message to a webhook by all that is written now; None if there is none of this name."""
        try:
            loaded = load(self._settings, read_stored(self._engine), running=True)
        except DocumentError as error:
            raise QuestionError(("", "the configuration has problems; see the status")) from error
        found = [webhook for webhook in loaded.webhooks if webhook.name == name]
        return send_test(found[0], loaded.snapshot.nat64, self._settings) if found else None


def _sign_all(paths: Iterable[Path]) -> Signs:
    return {path: sign(path) for path in paths}
