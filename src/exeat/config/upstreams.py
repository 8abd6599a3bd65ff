"""Entries of upstreams and destinations into what the data plane uses: origins, routes, credentials, timeouts."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path as File

from exeat.config import document as doc
from exeat.config.credentials import compile_credential, credential_fault
from exeat.config.endpoints import NO_TLS, compile_circuit, compile_endpoint, compile_health, endpoints_of
from exeat.config.entries import path_rules
from exeat.config.grammar import is_address
from exeat.config.limits import LimitCompiler, Owner, compile_price
from exeat.config.pem import authorities_fault, certificate_fault, key_fault, pair_fault, to_ascii
from exeat.config.problem import Path, Places, Problem, render_path
from exeat.config.references import SIZE_LIMIT
from exeat.config.retries import compile_retries, retry_faults
from exeat.config.sibling_entries import compile_links
from exeat.config.siblings import shown_to, sibling_faults, with_siblings
from exeat.config.sources import read_regular
from exeat.config.timeout_entry import Timeout
from exeat.config.token_sources import TokenCompiler
from exeat.model import credential as kinds
from exeat.model.limit import SECOND_NS, Kind, Limit, Price, Scope
from exeat.model.origin import Target
from exeat.model.secret import Secret
from exeat.model.token_source import TokenSource
from exeat.model.upstream import Bodies, Destination, Reach, Timeouts, TlsIdentity, Upstream
from exeat.policy.address import judge_address, judge_name
from exeat.policy.inject import prepare


@dataclass(slots=True)
class UpstreamCompiler:
    """Compiles the upstreams of one document.

    `files` gathers what it read, to be watched; `token_sources` where the tokens come from, by their ids.
    """

    folder: File
    places: Places
    missing: Mapping[str, str]
    limits: LimitCompiler
    problems: list[Problem] = field(default_factory=list)
    files: dict[File, None] = field(default_factory=dict)
    token_sources: dict[str, TokenSource] = field(default_factory=dict)

    def compile(self, name: str, entry: doc.Upstream) -> Upstream:
        """One upstream; what is wrong with it is added to `problems`."""
        path: Path = ("upstreams", name)
        reach = Reach(entry.network.private, entry.network.mode == "report")
        written = endpoints_of(entry)
        targets = [endpoint.url for endpoint in written]
        for index, target in enumerate(targets):
            place: Path = (*path, "endpoints", index) if entry.endpoints else (*path, "url")
            self._check_target(place, target, entry, reach)
        if len(set(targets)) < len(targets):
            self._fault((*path, "endpoints"), "lists an endpoint twice")
        if entry.tls and all(target.origin.scheme == "http" for target in targets):
            self._fault((*path, "tls"), "has no effect on http://; use https:// or remove it")
        for index, sibling in enumerate(entry.siblings):
            self._check_target((*path, "siblings", index), sibling.host, entry, reach)
        for index, fault in sibling_faults(entry.siblings, targets):
            self._fault((*path, "siblings", index), fault)
        for name_of_field, fault in retry_faults(entry):
            self._fault((*path, "retries", name_of_field), fault)
        if lack := credential_fault(entry.credential, targets):
            self._fault((*path, "credential"), lack)
        if entry.scrub_bodies and name not in self.missing and not self._has_credential(path, entry):
            self._fault((*path, "scrub_bodies"), "has no credential of Exeat's to look for; remove it, or write one")
        tls = self._tls((*path, "tls"), entry.tls) if entry.tls else NO_TLS
        endpoints = tuple(compile_endpoint(name, endpoint, tls, reach) for endpoint in written)
        origins = frozenset(endpoint.origin for endpoint in endpoints)
        missing = self.missing.get(name)
        tokens = TokenCompiler(
            upstream=name,
            path=(*path, "credential"),
            reach=reach,
            tls=tls,
            origins=origins,
            check=partial(self._check_target, entry=entry, reach=reach),
            sources=self.token_sources,
        )
        credential = kinds.Unavailable(missing) if missing else compile_credential(entry.credential, tokens)
        upstream = Upstream(
            name=name,
            endpoints=endpoints,
            credential=prepare(credential, origins | shown_to(entry.siblings)),
            methods=entry.methods,
            paths=path_rules(entry.paths),
            timeouts=timeouts(entry.timeout),
            hosts=entry.hosts,
            via=entry.via,
            follow_redirects=entry.follow_redirects,
            source=self.places.find(path).provenance,
            bodies=_bodies(entry.bodies),
            price=self._price(name, entry),
            provider=_provider(name, entry.provider),
            retries=compile_retries(entry.retries),
            balance=entry.balance,
            circuit=compile_circuit(entry.circuit),
            health=compile_health(entry.health),
            limits=self.limits.compile((*path, "limits"), entry.limits, Owner(Scope.UPSTREAM, name, (name,))),
            links=compile_links(entry.links),
            scrubs_bodies=entry.scrub_bodies,
        )
        return with_siblings(upstream, entry.siblings, tls, reach)

    def _fault(self, path: Path, message: str) -> None:
        self.problems.append(self.places.problem(path, message))

    def _price(self, name: str, entry: doc.Upstream) -> Price | None:
        """What a call costs, which budgets of others may go by."""
        price = compile_price(entry.price)
        if price is not None:
            self.limits.prices[name] = price
        return price

    def _has_credential(self, path: Path, entry: doc.Upstream) -> bool:
        """Whether there is a secret of Exeat's, or was to be one: of a faulty credential nothing is left here."""
        faulty = render_path((*path, "credential"))
        return entry.credential.kind not in {"none", "caller"} or any(
            problem.path.startswith(faulty) for problem in self.problems
        )

    def _check_target(self, path: Path, target: Target, entry: doc.Upstream, reach: Reach) -> None:
        scheme, host, _ = target.origin
        if scheme == "http" and not entry.plaintext:
            where = "for the upstream" if "credential" in path else "beside it"
            self._fault(path, f"is plaintext http://; write https://, or 'plaintext: true' {where}")
        if judge_name(host).outcome == "deny":
            self._fault(path, "is the name of a cloud metadata service, which can't be called")
        if is_address(host) and judge_address(host, reach).outcome == "deny":
            never = judge_address(host, Reach((), report=True)).outcome == "deny"
            advice = "it can never be called" if never else f"list it under network.private, as in [{_own(host)}]"
            self._fault(path, f"is a private or reserved address; {advice}")

    def _tls(self, path: Path, entry: doc.Tls) -> TlsIdentity:
        ca = self._pem((*path, "ca"), entry.ca, authorities_fault)
        certificate = self._pem((*path, "certificate"), entry.certificate, certificate_fault)
        key = self._pem((*path, "key"), entry.key.reveal() if entry.key else None, key_fault)
        if (entry.certificate is None) != (entry.key is None):
            self._fault(path, "needs both 'certificate' and 'key', or neither")
        elif certificate and key and (fault := pair_fault(certificate, key)):
            self._fault(path, fault)
        parts = (ca or "", certificate or "", key or "", str(entry.verify), entry.server_name or "")
        return TlsIdentity(
            ca=to_ascii(ca) if ca else None,  # what was judged is what the workers trust
            certificate=certificate,
            key=Secret(key) if key else None,
            verify=entry.verify,
            server_name=entry.server_name,
            fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32],
        )

    def _pem(self, path: Path, written: str | None, fault_in: Callable[[str], str | None]) -> str | None:
        """PEM text, or the content of the file that is named; None without any that can be used."""
        text = written if written is None or "-----BEGIN" in written else self._file(path, written)
        fault = fault_in(text) if text is not None else None
        if fault is not None:
            self._fault(path, fault)
            return None
        return text

    def _file(self, path: Path, written: str) -> str | None:
        file = self.folder / written
        text, problem = read_regular(file, SIZE_LIMIT)
        if text is None:
            # Not quoted: it may be a key in a wrong place.
            self._fault(path, f"is neither PEM text nor a file that can be used: it {problem}")
            return None
        self.files[file] = None
        return text


def _provider(name: str, entry: doc.Provider) -> Limit | None:
    if entry.mode == "ignore":
        return None
    wait = 0 if entry.wait is None else round(entry.wait * SECOND_NS)
    return Limit(
        id=f"{Scope.UPSTREAM}/{name}/{Kind.PROVIDER}",
        name=Kind.PROVIDER,
        kind=Kind.PROVIDER,
        scope=Scope.UPSTREAM,
        owner=name,
        amount=0,
        wait_ns=wait,
        queue=entry.queue if wait else 0,
        report=entry.mode == "report",
    )


def _bodies(entry: doc.Bodies | None) -> Bodies | None:
    if entry is None or not (entry.request or entry.response):
        return None
    return Bodies(entry.request, entry.response, entry.redact, entry.retention)


def compile_destination(entry: doc.Destination, source: str) -> Destination:
    """One destination."""
    return Destination(
        text=entry.host.text,
        host=entry.host.host,
        wildcard=entry.host.wildcard,
        port=entry.host.port,
        plaintext=entry.plaintext,
        reach=Reach(entry.private, entry.mode == "report"),
        timeouts=timeouts(entry.timeout),
        report=entry.mode == "report",
        source=source,
    )


def timeouts(entry: Timeout) -> Timeouts:
    """Seconds per phase."""
    return Timeouts(
        dns_s=entry.dns,
        connect_s=entry.connect,
        tls_s=entry.tls,
        response_s=entry.response,
        idle_s=entry.idle,
        total_s=entry.total,
        total_is_default="total" not in entry.model_fields_set,
    )


def _own(host: str) -> str:
    return f"{host}/{ip_address(host).max_prefixlen}"
