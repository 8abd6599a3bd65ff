"""The document as it may be shown: as written, with secrets masked; and the revision that names its content."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from exeat.config.problem import Path

MASK = "(secret)"
SECRET_FIELDS = frozenset({"secret", "password", "username"})
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def show(data: Mapping[str, object]) -> dict[str, object]:
    """The document without secrets: a reference is shown, a literal is not."""
    return {name: _show(value, (name,)) for name, value in data.items()}


def _show(value: object, path: Path) -> object:
    if isinstance(value, dict):
        return {name: _show(item, (*path, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_show(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, str) and _holds_secret(path) and not _REFERENCE.fullmatch(value):
        return MASK
    return value


def _holds_secret(path: Path) -> bool:
    if path[0] != "upstreams":
        return False
    return path[2:] == ("tls", "key") or ("credential" in path[2:3] and path[-1] in SECRET_FIELDS)


def revision_of(data: Mapping[str, object], fingerprints: Iterable[str]) -> str:
    """Twelve hexadecimal digits that change with the resolved document, its secrets and TLS files included."""
    text = json.dumps([data, list(fingerprints)], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
