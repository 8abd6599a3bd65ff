"""A ledger whose quotas and budgets survive whatever ends its process: a file holds them before they are granted.

Rule 1: what is answered is in the file; all of one round is one transaction.
Rule 2: where the file can't be read or written, quotas and budgets aren't known: nothing of them is granted. The file
is tried again every second; one that is damaged is left as it is, for whoever runs the gateway to remove.
"""

from pathlib import Path
from typing import Final, final

from exeat.state.counters_file import CountersFile, CountersFileError
from exeat.state.ledger import WINDOW, Answer, Answers, Charge, Crossing, Give, Ledger, Question, Recall, Take
from exeat.state.memory import GRACE_NS, MemoryLedger
from exeat.telemetry.logs import Log

FORGET_NS: Final = 60_000_000_000


@final
class DurableLedger(Ledger):
    """Rates and permits in memory, windows in a file as well."""

    def __init__(self, path: Path, log: Log, *, permits_from: int = 0) -> None:
        self._path = path
        self._log = log
        self._memory = MemoryLedger(permits_from)
        self._file: CountersFile | None = None
        self._said = ""
        self._owed: list[Charge] = []  # while there was no file
        self._forgot_at = 0
        self._open()

    async def answer(self, asked: list[tuple[int, list[Question]]], now: int, wall: int) -> list[Answers]:
        """Answer a round of questions, when what they change is in the file."""
        answered: list[Answers] = []
        places: list[tuple[int, int]] = []  # of answers about windows
        charges: list[Charge] = []
        for holder, questions in asked:
            answers: Answers = []
            for one in questions:
                if isinstance(one, Charge):
                    charges.append(one)
                answer = self._ask(holder, one, now, wall)
                if isinstance(one, Take):
                    if one.kind == WINDOW:
                        places.append((len(answered), len(answers)))
                    answers.append(answer)
            answered.append(answers)
        if not self._keep():
            self._owed += charges
            for number, place in places:
                answered[number][place] = None
        return answered

    def recalls(self) -> list[Recall]:
        """Who has to be told that others need what lies idle."""
        return self._memory.recalls()

    def give_up(self, name: str, now: int) -> None:
        """Wait no longer for those who haven't answered."""
        self._memory.give_up(name, now)

    def crossings(self) -> list[Crossing]:
        """Which windows have passed a mark; that they were told of is in the file."""
        return self._memory.crossings()

    def leave(self, holder: int) -> None:
        """A holder is gone."""
        self._memory.leave(holder)

    def tend(self, now: int, wall: int) -> None:
        """Forget what has ended; try the file again where it couldn't be used."""
        if self._file is None:
            self._open()
        if now - self._forgot_at < FORGET_NS:
            return
        self._forgot_at = now
        self._memory.forget(now, wall)
        if self._file is not None:
            try:
                self._file.forget(wall - GRACE_NS)
            except CountersFileError as error:
                self._give_up(error)

    def close(self) -> None:
        """Let another process have the file."""
        if self._file is not None:
            self._file.close()

    def _ask(self, holder: int, question: Question, now: int, wall: int) -> Answer | None:
        return None if self._file is None and _is_of_window(question) else self._memory.ask(holder, question, now, wall)

    # The file

    def _keep(self) -> bool:
        """Write what has changed; whether windows are known, and kept."""
        if self._file is None:
            return False
        touched = self._memory.touched
        if touched:
            try:
                self._file.write([(name, self._memory.windows[name]) for name in touched])
            except CountersFileError as error:
                self._give_up(error)
                return False
            touched.clear()
        return True

    def _open(self) -> None:
        """Go by what the file says, and add what it owes."""
        try:
            file = CountersFile(self._path)
            self._memory.windows = file.windows()
        except CountersFileError as error:
            self._say(error)
            return
        self._file = file
        for charge in self._owed:
            self._memory.ask(0, charge, 0, 0)
        if self._keep():
            self._owed.clear()
            if self._said:
                self._said = ""
                self._log.info("quotas and budgets are counted again", file=str(self._path))

    def _give_up(self, error: CountersFileError) -> None:
        """Count nothing that can't be kept: the file says what is true."""
        self.close()
        self._file = None
        self._memory.windows = {}
        self._memory.touched.clear()
        self._memory.crossings()  # nobody hears of these: it happens again by what the file says
        self._say(error)

    def _say(self, error: CountersFileError) -> None:
        """Say why, once."""
        if self._said != str(error):
            self._said = str(error)
            self._log.error(
                "quotas and budgets can't be counted, so their calls are refused; mend or remove the file",
                file=str(self._path),
                reason=self._said,
            )


def _is_of_window(question: Question) -> bool:
    return isinstance(question, Charge) or (isinstance(question, Take | Give) and question.kind == WINDOW)
