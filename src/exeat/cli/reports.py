"""What the workers that live now say of themselves: each one every second, if anything has changed."""

from collections.abc import Mapping


class Reports:
    """The last report of each worker process; one that leaves is there beside the one that took its place."""

    def __init__(self) -> None:
        self._reports: dict[tuple[int, int], dict[str, object]] = {}

    def note(self, number: int, pid: int, report: Mapping[str, object]) -> list[dict[str, object]]:
        """A worker has reported; the reports of all of them."""
        self._reports[number, pid] = {"number": number, "pid": pid, **report}
        return self._all()

    def forget(self, number: int, pid: int) -> list[dict[str, object]]:
        """A worker is gone; the reports of the others."""
        self._reports.pop((number, pid), None)
        return self._all()

    def _all(self) -> list[dict[str, object]]:
        return [self._reports[which] for which in sorted(self._reports)]
