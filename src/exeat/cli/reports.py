"""What the workers that live now say of themselves: each one every second, if anything has changed."""

import orjson


class Reports:
    """The last report of each worker, by number."""

    def __init__(self) -> None:
        self._reports: dict[int, dict[str, object]] = {}

    def note(self, number: int, pid: int, payload: bytes) -> list[dict[str, object]]:
        """A worker has reported; the reports of all of them."""
        self._reports[number] = {"number": number, "pid": pid, **orjson.loads(payload)}
        return self._all()

    def forget(self, number: int) -> list[dict[str, object]]:
        """A worker is gone; the reports of the others."""
        self._reports.pop(number, None)
        return self._all()

    def _all(self) -> list[dict[str, object]]:
        return [self._reports[number] for number in sorted(self._reports)]
