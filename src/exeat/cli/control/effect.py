"""What a change in the database would make of the whole configuration, before it is made."""

from collections.abc import Mapping

from sqlalchemy import Engine

from exeat.admin.services import Asked, Checked, Outside, QuestionError, describe_outside
from exeat.cli import explain
from exeat.config.compile import load, outside
from exeat.config.problem import DocumentError
from exeat.config.settings import Settings
from exeat.model.stored import Stored
from exeat.store.configuration.stored import read_stored


class Effect:
    """Compiles with the file and the environment of this gateway, as its supervisor does."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine

    def check(self, stored: Stored) -> Checked:
        """What would be wrong, and what is probably not meant.

        A secret that is missing counts as at a start where the database refers to it; what has disappeared elsewhere
        since this gateway's start stands in the way of nobody's change.
        """
        try:
            return Checked((), load(self._settings, stored).warnings)
        except DocumentError as error:
            problems = error.problems
        try:
            warnings = load(self._settings, stored, running=True).warnings
        except DocumentError:
            return Checked(problems)
        return Checked(tuple(problem for problem in problems if problem.place.kind == "database"), warnings)

    def outside(self) -> Outside:
        """What only file and environment can change."""
        return describe_outside(outside(self._settings))

    def explain(self, asked: Asked) -> Mapping[str, object]:
        """What would happen to a request by all that is written now."""
        try:
            snapshot = load(self._settings, read_stored(self._engine), running=True).snapshot
        except DocumentError as error:
            raise QuestionError("the configuration has problems; see the status") from error
        question = explain.Question(asked.consumer, asked.method, asked.target, asked.headers, asked.address)
        try:
            return explain.answer_question(question, snapshot, dns=asked.resolve)
        except explain.QuestionError as error:
            raise QuestionError(str(error)) from error
