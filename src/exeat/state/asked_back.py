"""Who was asked for what lies idle, and hasn't answered: as one instance knows it."""

from typing import Final, final

from exeat.state.ledger import RECALL_NS

MOST: Final = 10_000  # entries: what is forgotten is waited for once more


@final
class AskedBack:
    """By the name of an entry: who was asked and when, and for whom nobody waits any more."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, int]] = {}
        self._silent: dict[str, set[str]] = {}

    def note(self, name: str, others: list[str], now: int) -> bool:
        """Note who has to be asked now; whether any of them may still answer."""
        before = self._asked.pop(name, {})
        silent = self._silent.pop(name, set()) & set(others)
        if not others:
            return False
        self._asked[name] = {other: before.get(other, now) for other in others}
        if len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        if silent:
            self._silent[name] = silent
        return len(silent) < len(others)

    def give_up(self, name: str, now: int) -> None:
        """Wait no longer for those who were asked RECALL_NS ago."""
        late = {other for other, at in self._asked.get(name, {}).items() if at <= now - RECALL_NS}
        if late:
            self._silent[name] = self._silent.get(name, set()) | late
            if len(self._silent) > MOST:
                del self._silent[next(iter(self._silent))]
