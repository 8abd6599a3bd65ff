"""When tokens were last used: remembered here, and written now and then by a thread of its own.

Rule 1: no request waits for it, nor fails because of it.
"""

import threading
from collections.abc import Callable

from exeat.store.failure import StoreError

PAUSE_S = 60.0


class LastUse:
    """Remembers uses, and has `write` keep them: the first at once, then those of each minute together."""

    def __init__(self, write: Callable[[dict[str, int]], None], steady: Callable[[], float]) -> None:
        self._write = write
        self._steady = steady
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._writes_at = float("-inf")
        self._writing: threading.Thread | None = None

    def note(self, token: str, time_us: int) -> None:
        """A token was used."""
        with self._lock:
            self._used[token] = time_us
            is_idle = self._writing is None or not self._writing.is_alive()
            if not is_idle or self._steady() < self._writes_at:
                return
            self._writes_at = self._steady() + PAUSE_S
            used, self._used = self._used, {}
            self._writing = threading.Thread(target=self._keep, args=(used,), name="last use", daemon=True)
            self._writing.start()

    def _keep(self, used: dict[str, int]) -> None:
        try:
            self._write(used)
        except StoreError:
            with self._lock:  # for the next time
                self._used = used | self._used

    def settle(self) -> None:
        """Wait until what is being written is."""
        if self._writing is not None:
            self._writing.join()
