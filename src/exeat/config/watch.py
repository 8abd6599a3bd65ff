"""Whether watched files have changed, by looking at them now and then.

Rule 1: a change counts once two looks in a row agree on it: a file that is half written, or away for the moment of its
replacement, is left alone.
Rule 2: links are followed, so a Kubernetes ConfigMap, which swaps a link, is seen to change.
"""

from collections.abc import Iterable
from pathlib import Path

Signature = tuple[int, int, int, int] | None


class Watch:
    """Compares files with what they were; each look costs one `stat` per file.

    Begin to watch before the first load, and `follow` what that load depended on: what changes in between is then seen.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._known: dict[Path, Signature] = {}
        self._last: dict[Path, Signature] = {}
        self.follow(paths)

    def follow(self, paths: Iterable[Path]) -> None:
        """Watch these files and no others; those watched already are compared with what they were."""
        self._known = {path: self._known[path] if path in self._known else sign(path) for path in paths}
        self._last = dict(self._known)

    def changed(self) -> bool:
        """Whether a file differs from what it was, and did so at the look before; then that is what it was."""
        now = {path: sign(path) for path in self._known}
        settled = now == self._last
        self._last = now
        if not settled or now == self._known:
            return False
        self._known = now
        return True


def sign(path: Path) -> Signature:
    """What changes with a file's content, without reading it; None if it isn't there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev
