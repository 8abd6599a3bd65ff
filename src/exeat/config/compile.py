"""From settings to a snapshot: read, merge, resolve, validate, compile; all of it or nothing.

`load` is the whole way; each step gathers its problems, and a later one runs as far as an earlier one lets it, so that
everything wrong is named at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path as File
from types import MappingProxyType

from exeat.config import document as doc
from exeat.config.consumers import ConsumerCompiler
from exeat.config.database import DATABASE, add_keys, read_stored
from exeat.config.display import Digest, digest_of, show
from exeat.config.limits import LimitCompiler, Owner
from exeat.config.preset_use import Notes, use_presets
from exeat.config.problem import DocumentError, Path, Place, Places, Problem, quote
from exeat.config.references import Resolved, Resolver
from exeat.config.settings import DOCUMENT_FILE, Settings
from exeat.config.sources import Source, merge, read_file, read_variables
from exeat.config.token_sources import shared_badly
from exeat.config.upstreams import UpstreamCompiler, compile_destination
from exeat.config.validate import Entries, Validator
from exeat.config.vault import Vault
from exeat.config.webhooks import compile_webhooks
from exeat.model.limit import Scope
from exeat.model.origin import Origin
from exeat.model.snapshot import Audit, Cors, Snapshot
from exeat.model.stored import NOTHING, Stored
from exeat.model.token_source import TokenSource
from exeat.model.upstream import Destination, Upstream
from exeat.model.webhook import Webhook
from exeat.vault.keyring_file import read_keyring
from exeat.vault.seal import Sealer

NO_FILE = Place("environment", kind="environment")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document in force.

    `document` is what was written in all sources, its secrets masked, `digest` what its revision is made of; `watched`
    are the files that it depends on, whether they exist or not; `warnings` are what is allowed but probably not meant.
    `webhooks` and `token_sources` are no part of the snapshot: no worker needs their secrets.
    """

    snapshot: Snapshot
    document: Mapping[str, object]
    digest: Digest
    watched: tuple[File, ...]
    warnings: tuple[Problem, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    token_sources: tuple[TokenSource, ...] = ()


def load(settings: Settings, stored: Stored = NOTHING, *, running: bool = False) -> Loaded:
    """Read and compile the document of all sources; DocumentError lists every problem.

    `stored` is the database's part. A `running` gateway tolerates a credential whose secret has disappeared: its
    upstream answers `credential-unavailable` until the secret is back.
    """
    environment = settings.environment()
    file = settings.document_file()
    source = merge(merge(_read(settings, file), read_variables(environment)), read_stored(stored))
    ownerless = add_keys(source, stored.keys)
    folder = file.parent if file else settings.directory
    vault = Vault(stored.vault, partial(_open_keyring, settings))
    presets = Notes(source.places)
    data = use_presets(source.data, presets)
    resolved = Resolver(environment.values, folder, source.places, running, vault).resolve(data)
    compiled = Compiler(source.places, folder, resolved).compile()
    problems = [*environment.problems, *source.problems, *presets.problems, *resolved.problems]
    problems += without_echoes(compiled.problems, resolved.problems)
    if problems:
        raise DocumentError(sorted(presets.place(problems), key=_order))
    digest = compiled.digest.hold(stored.endpoints)
    first = file or settings.directory / DOCUMENT_FILE
    own = [settings.directory / path for path in (settings.tls_certificate, settings.tls_key) if path]
    watched = dict.fromkeys([first, environment.dotenv, *own, *resolved.files, *compiled.files])
    return Loaded(
        replace(compiled.snapshot, revision=digest.revision(), by_hand=stored.endpoints),
        MappingProxyType(show(source.data)),
        digest,
        tuple(watched),
        (*_warn(source, resolved, ownerless), *compiled.warnings),
        compiled.webhooks,
        compiled.token_sources,
    )


def outside(settings: Settings) -> Source:
    """What file and environment say, as written: the part of the document that only they can change."""
    return merge(_read(settings, settings.document_file()), read_variables(settings.environment()))


def _open_keyring(settings: Settings) -> Sealer:
    return Sealer(read_keyring(settings.keyring, settings.directory, settings.directory / settings.data_dir))


def _read(settings: Settings, file: File | None) -> Source:
    if file is None:
        return Source({}, Places(NO_FILE), [])
    inside = file.is_relative_to(settings.directory)
    return read_file(file, str(file.relative_to(settings.directory) if inside else file))


def _warn(source: Source, resolved: Resolved, ownerless: Iterable[str]) -> list[Problem]:
    warnings = [
        source.places.problem(("upstreams", name, "credential"), f"{reason}; calls answer credential-unavailable")
        for name, reason in resolved.missing.items()
    ]
    warnings += [
        source.places.problem(path, f"{reason}; the pool goes on without it")
        for path, reason in resolved.missing_members.items()
        if path[1] not in resolved.missing
    ]
    warnings += [
        Problem("", DATABASE, f"there are keys of consumer '{name}', which is nowhere written; they open nothing")
        for name in ownerless
    ]
    if not source.data:
        warnings.append(Problem("", source.places.whole, "nothing is configured, so nothing can be called"))
    return warnings


def without_echoes(problems: list[Problem], unresolved: list[Problem]) -> list[Problem]:
    """Problems without those that only follow from a reference that leads nowhere: that its value is empty."""
    paths = {problem.path for problem in unresolved}
    return [problem for problem in problems if problem.path not in paths]


def _order(problem: Problem) -> tuple[bool, str, int, str]:
    return problem.place.kind != "file", problem.place.source, problem.place.line or 0, problem.path


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a document: a snapshot that counts only if there are no problems."""

    snapshot: Snapshot
    digest: Digest
    problems: list[Problem]
    warnings: list[Problem]
    files: tuple[File, ...]
    webhooks: tuple[Webhook, ...]
    token_sources: tuple[TokenSource, ...]


@dataclass(slots=True)
class Compiler:
    """Compiles one resolved document; what stands between objects is checked here."""

    places: Places
    folder: File
    resolved: Resolved
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def compile(self) -> Compiled:
        """All entries to a snapshot."""
        validator = Validator(self.places)
        entries = validator.validate(self.resolved.data)
        self.problems += validator.problems
        faulty = entries.upstream_names - entries.upstreams.keys()
        limits = LimitCompiler(self.places, faulty, self.problems, self.warnings)
        compiler = UpstreamCompiler(self.folder, self.places, self.resolved.missing, limits, self.problems)
        upstreams = {name: compiler.compile(name, entry) for name, entry in entries.upstreams.items()}
        destinations = self._destinations(entries)
        consumers = self._consumers(entries, destinations, limits)
        self._check_verification(entries)
        prints = [endpoint.route.tls.fingerprint for up in upstreams.values() for endpoint in up.everywhere]
        digest = digest_of(self.resolved.data, prints)
        snapshot = Snapshot(
            revision=digest.revision(),
            upstreams=MappingProxyType({name.encode(): upstream for name, upstream in upstreams.items()}),
            hosts=MappingProxyType(self._hosts(entries, upstreams)),
            origins=MappingProxyType(_by_origin(upstreams)),
            exact=MappingProxyType(_by_host(destinations, wildcard=False)),
            below=MappingProxyType(_by_host(destinations, wildcard=True)),
            keys=MappingProxyType(consumers.keys),
            consumers=MappingProxyType(consumers.consumers),
            domains=tuple(domain.encode() for domain in entries.domains),
            cors=_cors(entries.cors),
            nat64=entries.network.nat64,
            audit=_audit(entries.audit),
            limits=limits.compile(("limits",), entries.limits, Owner(Scope.GATEWAY)),
        )
        webhooks = compile_webhooks(entries.webhooks, self.places, self.problems)
        self._warn_of_shared(compiler.token_sources)
        sources = tuple(compiler.token_sources.values())
        return Compiled(snapshot, digest, self.problems, self.warnings, tuple(compiler.files), webhooks, sources)

    def _destinations(self, entries: Entries) -> list[Destination]:
        found: dict[str, Destination] = {}
        for index, entry in entries.destinations.items():
            path: Path = ("destinations", index)
            text = entry.host.text
            if text in found:
                self._fault(path, f"{quote(text)} is listed already ({found[text].source})")
            else:
                found[text] = compile_destination(entry, self.places.find(path).provenance)
        return list(found.values())

    def _consumers(self, entries: Entries, destinations: list[Destination], limits: LimitCompiler) -> ConsumerCompiler:
        compiler = ConsumerCompiler(
            entries.upstream_names,
            frozenset(destination.text for destination in destinations),
            entries.faulty_destinations,
            self.places,
            limits,
            self.problems,
        )
        for name, entry in entries.consumers.items():
            compiler.compile(name, entry)
            if not entry.grants:
                message = "has no grants, so its keys can call nothing"
                self.warnings.append(self.places.problem(("consumers", name), message))
        for name, grants in entries.faulty_consumers.items():
            compiler.check_names(("consumers", name, "grants"), grants)
        return compiler

    def _hosts(self, entries: Entries, upstreams: Mapping[str, Upstream]) -> dict[bytes, Upstream]:
        owners: dict[bytes, Upstream] = {}
        for name, upstream in upstreams.items():
            for host in upstream.hosts:
                path: Path = ("upstreams", name, "hosts")
                owner = owners.setdefault(host.encode(), upstream)
                if owner is not upstream:
                    self._fault(path, f"{quote(host)} is also a host of upstream '{owner.name}'")
                if _is_taken(host, name, entries):
                    self._fault(
                        path, f"{quote(host)} is within the gateway's own domains and means something else there"
                    )
        return owners

    def _check_verification(self, entries: Entries) -> None:
        blind = [name for name, entry in entries.upstreams.items() if entry.tls and not entry.tls.verify]
        if len(blind) > 1:
            for name in blind:
                message = f"turned off for {len(blind)} upstreams; use tls.ca, and turn it off for one at most"
                self._fault(("upstreams", name, "tls", "verify"), message)

    def _warn_of_shared(self, sources: Mapping[str, TokenSource]) -> None:
        for name, other in shared_badly(sources):
            message = (
                f"has the refresh token of '{other}' with other settings: where the server gives new ones, one upstream"
                " locks the other out; write both credentials, 'network' and 'tls' alike"
            )
            self.warnings.append(self.places.problem(("upstreams", name, "credential"), message))

    def _fault(self, path: Path, message: str) -> None:
        self.problems.append(self.places.problem(path, message))


def _is_taken(host: str, name: str, entries: Entries) -> bool:
    """Whether a declared host is one of the gateway's domains, or another upstream's name below one."""
    for domain in entries.domains:
        label = host.removesuffix(f".{domain}")
        if host == domain or (label not in {host, name} and label in entries.upstream_names):
            return True
    return False


def _by_origin(upstreams: Mapping[str, Upstream]) -> dict[Origin, tuple[Upstream, ...]]:
    found: dict[Origin, tuple[Upstream, ...]] = {}
    for upstream in upstreams.values():
        for origin in dict.fromkeys(endpoint.origin for endpoint in upstream.endpoints):
            found[origin] = (*found.get(origin, ()), upstream)
    for upstream in upstreams.values():  # who has an origin of its own comes before whose sibling it is
        for sibling in upstream.siblings.values():
            origin = sibling.endpoints[0].origin
            found[origin] = (*found.get(origin, ()), sibling)
    return found


def _by_host(destinations: list[Destination], *, wildcard: bool) -> dict[str, tuple[Destination, ...]]:
    found: dict[str, tuple[Destination, ...]] = {}
    for destination in destinations:
        if destination.wildcard is wildcard:
            found[destination.host] = (*found.get(destination.host, ()), destination)
    return found


def _audit(entry: doc.Audit) -> Audit:
    return Audit(
        to_disk=entry.durability == "disk",
        goes_on=entry.on_failure == "continue",
        retention_s=entry.retention,
        query_values=frozenset(name.encode() for name in entry.query_values),
    )


def _cors(entry: doc.Cors | None) -> Cors | None:
    return None if entry is None else Cors(frozenset(entry.origins), int(entry.max_age))
