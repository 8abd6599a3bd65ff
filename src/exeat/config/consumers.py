"""Entries of consumers into indexes: grants by upstream and destination, keys by digest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exeat.config import document as doc
from exeat.config.entries import path_rules
from exeat.config.limits import LimitCompiler, Owner
from exeat.config.problem import Path, Places, Problem, quote, suggest
from exeat.model.consumer import Consumer, Grant, Key
from exeat.model.limit import Limit, Scope

ALL = "*"
Index = Mapping[str, tuple[Grant, ...]]


@dataclass(slots=True)
class ConsumerCompiler:
    """Compiles the consumers of one document.

    Consumers with the same grants share one index, so that ten thousand of them with `*` cost one. A grant with limits
    is one consumer's own.
    """

    upstreams: frozenset[str]
    destinations: frozenset[str]
    faulty_destinations: bool
    places: Places
    limits: LimitCompiler
    problems: list[Problem] = field(default_factory=list)
    keys: dict[bytes, Key] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    _owners: dict[bytes, str] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)
    _indexes: dict[tuple[object, ...], tuple[Index, Index]] = field(default_factory=dict)

    def compile(self, name: str, entry: doc.Consumer) -> None:
        """Add one consumer and its keys."""
        path: Path = ("consumers", name)
        upstreams, destinations = self._grants(name, path, entry.grants)
        consumer = Consumer(
            name=name,
            upstreams=upstreams,
            destinations=destinations,
            networks=entry.networks.allow if entry.networks else (),
            networks_report=entry.networks is not None and entry.networks.mode == "report",
            source=self.places.find(path).provenance,
            limits=self.limits.compile((*path, "limits"), entry.limits, Owner(Scope.CONSUMER, name, upstreams.keys())),
            priority=entry.priority,
        )
        for index, key in enumerate(entry.keys):
            self._add_key((*path, "keys", index), key, consumer)
        self.consumers[name] = consumer

    def _fault(self, path: Path, message: str) -> None:
        self.problems.append(self.places.problem(path, message))

    def _add_key(self, path: Path, entry: doc.Key, consumer: Consumer) -> None:
        present = self._owners.setdefault(entry.sha256, consumer.name)
        if entry.sha256 in self.keys:
            whose = "this consumer" if present == consumer.name else f"consumer '{present}'"
            self._fault((*path, "sha256"), f"is also a key of {whose}; give each its own key")
        key_id = entry.id or entry.sha256.hex()[:12]
        if entry.id is not None and entry.id in self._ids:
            self._fault((*path, "id"), f"is also the id of a key of consumer '{self._ids[entry.id]}'")
        self._ids[key_id] = consumer.name
        owner = Owner(Scope.KEY, key_id, consumer.upstreams.keys())
        limits = self.limits.compile((*path, "limits"), entry.limits, owner)
        self.keys[entry.sha256] = Key(key_id, consumer, entry.expires, entry.revoked, entry.networks, limits)

    def _grants(self, name: str, path: Path, entries: list[doc.Grant]) -> tuple[Index, Index]:
        self.check_names((*path, "grants"), [doc.GrantTarget(entry.upstream, entry.destination) for entry in entries])
        grants = tuple(
            (entry.upstream, entry.destination, _grant(entry, self._limits(name, (*path, "grants", index), entry)))
            for index, entry in enumerate(entries)
        )
        known = self._indexes.get(grants)
        if known is None:
            known = self._indexes[grants] = (
                _index(self.upstreams, [(name, grant) for name, _, grant in grants]),
                _index(self.destinations, [(pattern, grant) for _, pattern, grant in grants]),
            )
        return known

    def _limits(self, consumer: str, path: Path, entry: doc.Grant) -> tuple[Limit, ...]:
        named = frozenset([entry.upstream]) if entry.upstream else frozenset()
        owner = Owner(Scope.GRANT, f"{consumer}:{_target(entry)}", None if ALL in named else named)
        return self.limits.compile((*path, "limits"), entry.limits, owner)

    def check_names(self, path: Path, grants: Iterable[doc.GrantTarget | None]) -> None:
        """Whether what grants name exists; None is a grant that is faulty in itself."""
        for index, target in enumerate(grants):
            if target is not None:
                self._check_upstream((*path, index), target.upstream)
                self._check_destination((*path, index), target.destination)

    def _check_upstream(self, path: Path, name: str | None) -> None:
        if name is None or name == ALL or name in self.upstreams:
            return
        near = suggest(name, [*self.upstreams, "destinations"])
        self._fault(path, f"there is no upstream {quote(name)}{near}")

    def _check_destination(self, path: Path, text: str | None) -> None:
        if text is None or text == ALL or text in self.destinations or self.faulty_destinations:
            return
        advice = suggest(text, self.destinations) or "; write it as it stands there"
        self._fault(path, f"{quote(text)} is not among the destinations{advice}")


def _target(entry: doc.Grant) -> str:
    return (entry.upstream if entry.upstream is not None else entry.destination) or ALL


def _grant(entry: doc.Grant, limits: tuple[Limit, ...]) -> Grant:
    return Grant(_target(entry), entry.methods, path_rules(entry.paths), entry.mode == "report", limits)


def _index(names: frozenset[str], grants: list[tuple[str | None, Grant]]) -> Index:
    """Grants by name, in the order in which they are written; one for all names stands under each.

    The many names that only have grants for all share one tuple: a thousand upstreams cost one call, not a thousand.
    """
    for_all = tuple(grant for target, grant in grants if target == ALL)
    index = dict.fromkeys(names, for_all) if for_all else {}
    for name in {target for target, _ in grants if target in names}:
        index[str(name)] = tuple(grant for target, grant in grants if target in {name, ALL})
    return MappingProxyType(index)
