"""What a change in the database would make of the whole configuration, before it is made."""

from exeat.admin.services import Checked, Outside, describe_outside
from exeat.config.compile import load, outside
from exeat.config.problem import DocumentError
from exeat.config.settings import Settings
from exeat.model.stored import Stored


class Effect:
    """Compiles with the file and the environment of this gateway, as its supervisor does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

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
