"""Secrets that are written into an upstream: taken out, with a reference to the vault in their place.

Rule 1: what stands in a secret's field and is no reference never reaches a table of objects, nor a revision.
Rule 2: what another place refers to isn't overwritten: in a list, what stood first may stand second now.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from exeat.model.secret import Secret
from exeat.model.secret_fields import holds_secret
from exeat.store.configuration.failure import InvalidError

NAME_LENGTH = 128
_ALONE = re.compile(r"\$\{[^{}]*\}")
_OPENING = re.compile(r"\$\$\{|\$\{")
_VAULT = re.compile(r"\$\$\{|\$\{vault:([^{}]*)\}")
_UNFIT = re.compile(r"[^a-z0-9._-]")


class Sealable(NamedTuple):
    """An upstream whose secrets are references, and those that were written in it, by their names in the vault."""

    data: Any
    secrets: dict[str, Secret]


def take_literals(upstream: str, data: Any) -> Sealable:
    """Replace literal secrets; InvalidError where text and a reference stand side by side."""
    secrets: dict[str, Secret] = {}
    return Sealable(_walk(upstream, data, (), secrets, frozenset(references(data))), secrets)


def refuse_literals(webhooks: Any) -> None:
    """InvalidError where a secret of webhooks is written out."""
    for index, entry in enumerate(webhooks if isinstance(webhooks, list) else ()):
        secret = entry.get("secret") if isinstance(entry, dict) else None
        if isinstance(secret, str) and not _ALONE.fullmatch(secret):
            place = f"webhooks[{index}].secret"
            raise InvalidError(f"{place} is written out; keep it in the vault, and write ${{vault:NAME}} here.")


def own_prefixes(upstream: str) -> tuple[str, str]:
    """How the names of secrets begin that were written into an upstream."""
    return _name(upstream, ("credential", "")), _name(upstream, ("tls", "key"))


def references(value: object) -> Iterator[str]:
    """The names of the vault that an object refers to."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
    elif isinstance(value, str):
        yield from (name for name in _VAULT.findall(value) if name)


def _walk(upstream: str, value: Any, path: tuple[str, ...], secrets: dict[str, Secret], taken: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _walk(upstream, inner, (*path, str(name)), secrets, taken) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walk(upstream, inner, (*path, str(index)), secrets, taken) for index, inner in enumerate(value)]
    if not isinstance(value, str) or not value or not holds_secret(path) or _ALONE.fullmatch(value):
        return value
    if "${" in _OPENING.findall(value):
        place = ".".join(("upstreams", upstream, *path))
        raise InvalidError(f"{place} mixes a reference with other text; in the database, write a reference alone.")
    name = _free(_name(upstream, path), taken)
    secrets[name] = Secret(value.replace("$${", "${"))
    return f"${{vault:{name}}}"


def _free(name: str, taken: frozenset[str]) -> str:
    """The name, or one like it that nothing else refers to."""
    names = (name, *(f"{name[: NAME_LENGTH - 4]}-{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in names if one not in taken)


def _name(upstream: str, path: tuple[str, ...]) -> str:
    return _UNFIT.sub("-", ".".join((upstream, *path)).lower())[:NAME_LENGTH]
