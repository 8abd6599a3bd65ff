"""Secret references in a document's strings: `${NAME}`, `${file:PATH}`, `${vault:NAME}`, and `$${` for a plain `${`.

Rule 1: a reference that can't be resolved, or is empty, is never replaced by its own text, nor by nothing.
Rule 2: what was resolved is kept apart from what was written, so that only the latter is ever shown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from exeat.config.problem import Path, Places, Problem
from exeat.config.sources import read_regular
from exeat.config.vault import Vault, VaultError

SIZE_LIMIT = 1 << 20
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_OWN_SECRETS = frozenset(
    {"EXEAT_KEYRING", "EXEAT_DATABASE_URL", "EXEAT_REDIS_URL", "EXEAT_ADMIN_TOKEN", "EXEAT_METRICS_TOKEN"}
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MEMBER_DEPTH = 5  # of the path of one credential of a pool


class _UnresolvedError(Exception):
    """A reference that leads nowhere; the text says why."""


@dataclass(slots=True, repr=False)
class Resolved:
    """A document with its references replaced.

    `missing` says why a credential's reference can't be resolved, by the upstream's name; `missing_members` the same of
    the credentials of a pool, by the paths of these, where others are left. `files` are what was read, to be watched.
    """

    data: dict[str, object] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    missing_members: dict[Path, str] = field(default_factory=dict)
    files: dict[File, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True, repr=False)
class Resolver:
    """Resolves one document; `running` tolerates a credential that has disappeared since."""

    variables: Mapping[str, str]
    folder: File
    places: Places
    running: bool
    vault: Vault
    result: Resolved = field(default_factory=Resolved)

    def resolve(self, data: Mapping[str, object]) -> Resolved:
        """Replace every reference; an empty section is as good as none."""
        self.result.data = {name: self._walk(value, (name,)) for name, value in data.items() if value is not None}
        upstreams = self.result.data.get("upstreams")
        self._leave_out_members(upstreams if isinstance(upstreams, dict) else {})
        for name in self.result.missing:
            upstream = upstreams.get(name) if isinstance(upstreams, dict) else None
            if isinstance(upstream, dict):
                upstream["credential"] = "none"  # what remains of it may not be valid
        return self.result

    def _leave_out_members(self, upstreams: dict[str, Any]) -> None:
        """A pool goes on without the credentials that have disappeared; without any, it is missing itself."""
        gone = {(str(path[1]), path[3]): reason for path, reason in self.result.missing_members.items()}
        for (name, key), reason in gone.items():
            credential = upstreams[name]["credential"]
            left = {
                place: member
                for place, member in enumerate(credential[key])
                if ("upstreams", name, "credential", key, place) not in self.result.missing_members
            }
            if left and all(isinstance(member, dict) for member in left.values()):
                credential[key] = [{"label": str(place + 1), **member} for place, member in left.items()]
            else:
                self.result.missing[name] = reason

    def _walk(self, value: object, path: Path) -> object:
        if isinstance(value, dict):
            return {key: self._walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._walk(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, str):
            return self._text(value, path)
        if value is None:
            self._fault(path, "has no value; write one, or remove the line")
        return value

    def _text(self, text: str, path: Path) -> str:
        if not text.isascii() and not _is_unicode(text):
            self._fault(path, "holds bytes that aren't UTF-8")
            return ""
        if "${" not in text:
            return text
        self.places.written[path] = text
        try:
            return _REFERENCE.sub(self._replace, text)
        except _UnresolvedError as error:
            self._miss(path, str(error))
            return ""

    def _miss(self, path: Path, reason: str) -> None:
        if self.running and len(path) > 2 and path[0] == "upstreams" and path[2] == "credential":  # noqa: PLR2004
            if len(path) > _MEMBER_DEPTH and path[3] in {"members", "pool"} and isinstance(path[4], int):
                self.result.missing_members[path[:_MEMBER_DEPTH]] = reason
            else:
                self.result.missing[str(path[1])] = reason
        else:
            self._fault(path, reason)

    def _fault(self, path: Path, message: str) -> None:
        self.result.problems.append(self.places.problem(path, message))

    def _replace(self, found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        inner = found[1]
        if inner is None:
            raise _UnresolvedError("has a '${' without its '}'; write '$${' for a plain '${'")
        if inner.startswith("file:"):
            return self._file(inner.removeprefix("file:"))
        if inner.startswith("vault:"):
            return self._vault(inner.removeprefix("vault:"))
        if not _NAME.fullmatch(inner):
            raise _UnresolvedError(
                "has a '${…}' that this version doesn't know; there are ${NAME}, ${file:PATH} and ${vault:NAME};"
                " write '$${' for '${'"
            )
        return self._variable(inner)

    def _variable(self, name: str) -> str:
        if name in _OWN_SECRETS:
            raise _UnresolvedError(f"{name} is Exeat's own secret: nothing that leaves may hold it")
        value = self.variables.get(name)
        if not value:
            state = "is not set" if value is None else "is empty"
            raise _UnresolvedError(f"environment variable {name} {state}")
        if not _is_unicode(value):
            raise _UnresolvedError(f"environment variable {name} isn't UTF-8 text")
        return value

    def _vault(self, name: str) -> str:
        try:
            value = self.vault.open(name)
        except VaultError as error:
            raise _UnresolvedError(str(error)) from error
        if not value or not _is_unicode(value):
            raise _UnresolvedError(f"the vault's '{name}' is empty")
        return value

    def _file(self, name: str) -> str:
        path = self.folder / name
        self.result.files[path] = None
        text, problem = read_regular(path, SIZE_LIMIT)
        if text is None:
            raise _UnresolvedError(f"file {name} {problem}")
        text = text.rstrip("\r\n")
        if not text:
            raise _UnresolvedError(f"file {name} is empty")
        return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
