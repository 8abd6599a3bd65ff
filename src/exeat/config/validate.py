"""Plain data into the document's entries, object by object, so that one fault hides no other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from exeat.config import credential_entries, endpoint_entries, fields, limit_entries, webhook_entries
from exeat.config import document as doc
from exeat.config.entries import Paths
from exeat.config.grammar import parse_name
from exeat.config.problem import Path, Place, Places, Problem, suggest
from exeat.config.retry_entries import Retries
from exeat.config.timeout_entry import Timeout

E = TypeVar("E", bound=BaseModel)

# Parts of the product that this version doesn't have: named, because nobody may believe that a limit holds.
LATER = frozenset({"cache", "errors", "redirects"})

LISTS = frozenset({"destinations", "domains", "limits", "webhooks"})  # sections that are lists

# Without these, what they permit would look like faults.
PERMISSIONS: frozenset[str | int] = frozenset({"network", "plaintext", "price"})

# The entry that a field's name opens, to suggest the right spelling of what is in it.
OPENED_BY: Mapping[str, type[BaseModel]] = {
    "tls": doc.Tls,
    "bodies": doc.Bodies,
    "endpoints": endpoint_entries.Endpoint,
    "retries": Retries,
    "circuit": endpoint_entries.Circuit,
    "health": endpoint_entries.HealthCheck,
    "audit": doc.Audit,
    "timeout": Timeout,
    "paths": Paths,
    "keys": doc.Key,
    "grants": doc.Grant,
    "bearer": credential_entries.Bearer,
    "basic": credential_entries.Basic,
    "header": credential_entries.Header,
    "query": credential_entries.Query,
    "path": credential_entries.Segment,
    "cookie": credential_entries.Cookie,
    "body": credential_entries.Body,
    "hmac": credential_entries.Hmac,
    "aws-sigv4": credential_entries.AwsSigv4,
    "oauth2-client-credentials": credential_entries.ClientCredentials,
    "oauth2-refresh-token": credential_entries.RefreshToken,
    "jwt-bearer": credential_entries.JwtBearer,
    "github-app": credential_entries.GithubApp,
    "google-service-account": credential_entries.GoogleServiceAccount,
    "pool": credential_entries.Pool,
    "caller": credential_entries.Caller,
    "none": credential_entries.Nothing,
    "limits": limit_entries.Limit,
    "provider": doc.Provider,
    "increase": limit_entries.Increase,
    "price": limit_entries.Price,
    "rules": limit_entries.PriceRule,
}

# What pydantic's types of fault mean to a person; its other texts are used as they are.
WORDS = {
    "missing": "is required",
    "model_type": "must be a mapping, as in {…}",
    "model_attributes_type": "must be a mapping, as in {…}",
    "dict_type": "must be a mapping, as in {…}",
    "list_type": "must be a list, as in [a, b]",
    "value_error": "",
}

QUOTE = "'"

_DESTINATION: TypeAdapter[doc.Destination] = TypeAdapter(doc.DestinationField)
_LIMITS: TypeAdapter[list[limit_entries.Limit]] = TypeAdapter(limit_entries.LimitsField)
_DOMAINS: TypeAdapter[tuple[str, ...]] = TypeAdapter(fields.HostsField)


@dataclass(slots=True)
class Entries:
    """The valid entries of a document, and what is needed of the others to check what stands between entries.

    A grant to a faulty upstream isn't a second fault; a faulty consumer's grants are checked all the same.
    """

    upstreams: dict[str, doc.Upstream] = field(default_factory=dict)
    destinations: dict[int, doc.Destination] = field(default_factory=dict)
    consumers: dict[str, doc.Consumer] = field(default_factory=dict)
    cors: doc.Cors | None = None
    domains: tuple[str, ...] = ("gateway.internal", "localhost")
    network: doc.Network = field(default_factory=doc.Network)
    audit: doc.Audit = field(default_factory=doc.Audit)
    limits: list[limit_entries.Limit] = field(default_factory=list)
    webhooks: dict[int, webhook_entries.Webhook] = field(default_factory=dict)
    upstream_names: frozenset[str] = frozenset()
    faulty_destinations: bool = False
    faulty_consumers: dict[str, list[doc.GrantTarget | None]] = field(default_factory=dict)


@dataclass(slots=True)
class Validator:
    """Validates one document."""

    places: Places
    problems: list[Problem] = field(default_factory=list)

    def validate(self, data: Mapping[str, object]) -> Entries:
        """All entries of a document."""
        self._sections(data)
        entries = Entries()
        entries.upstreams = self._named(data, "upstreams", doc.Upstream)
        entries.consumers = self._named(data, "consumers", doc.Consumer)
        entries.faulty_consumers = {
            name: [doc.grant_target(grant) for grant in _list(_mapping(value).get("grants"))]
            for name, value in _mapping(data.get("consumers")).items()
            if name not in entries.consumers
        }
        entries.upstream_names = frozenset(_mapping(data.get("upstreams")))
        entries.destinations = dict(self._destinations(data))
        entries.faulty_destinations = len(entries.destinations) != len(_list(data.get("destinations")))
        if "cors" in data:
            entries.cors = self._one(doc.Cors, data["cors"], ("cors",))
        if "audit" in data:
            entries.audit = self._one(doc.Audit, data["audit"], ("audit",)) or entries.audit
        if "network" in data:
            entries.network = self._one(doc.Network, data["network"], ("network",)) or entries.network
        if "domains" in data:
            entries.domains = self._adapt(_DOMAINS, data["domains"], ("domains",)) or ()
        if isinstance(data.get("limits"), list):
            entries.limits = self._adapt(_LIMITS, data["limits"], ("limits",), limit_entries.Limit) or []
        for index, value in enumerate(_list(data.get("webhooks"))):
            webhook = self._one(webhook_entries.Webhook, value, ("webhooks", index))
            if webhook is not None:
                entries.webhooks[index] = webhook
        return entries

    def _sections(self, data: Mapping[str, object]) -> None:
        for name, value in data.items():
            kind: tuple[type, str] = (list, "list") if name in LISTS else (dict, "mapping")
            if name not in doc.Document.model_fields:
                self._fault((name,), _unknown_field(name, doc.Document))
            elif not isinstance(value, kind[0]):
                self._fault((name,), f"must be a {kind[1]}")

    def _named(self, data: Mapping[str, object], section: str, entry: type[E]) -> dict[str, E]:
        found = {}
        for name, value in _mapping(data.get(section)).items():
            path = (section, name)
            valid = self._one(entry, value, path)
            try:
                parse_name(name)
            except ValueError as error:
                self._fault(path, str(error))
                continue
            if valid is not None:
                found[name] = valid
        return found

    def _destinations(self, data: Mapping[str, object]) -> Iterator[tuple[int, doc.Destination]]:
        for index, value in enumerate(_list(data.get("destinations"))):
            valid = self._adapt(_DESTINATION, value, ("destinations", index))
            if valid is not None:
                yield index, valid

    def _one(self, entry: type[E], value: object, path: Path) -> E | None:
        try:
            return entry.model_validate(value)
        except ValidationError as error:
            self._explain(error, value, path, entry)
            return self._rest(entry, value, error)

    def _rest(self, entry: type[E], value: object, error: ValidationError) -> E | None:
        """An upstream without its faulty fields, if it stands without them: there may be more to say of the rest."""
        faulty = {fault["loc"][0] for fault in error.errors(include_input=False) if fault["loc"]}
        if entry is not doc.Upstream or not isinstance(value, dict) or not faulty or faulty & PERMISSIONS:
            return None
        try:
            return entry.model_validate({name: item for name, item in value.items() if name not in faulty})
        except ValidationError:
            return None

    def _adapt(
        self, adapter: TypeAdapter[Any], value: object, path: Path, entry: type[BaseModel] = doc.Destination
    ) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            self._explain(error, value, path, entry)
            return None

    def _explain(self, error: ValidationError, value: object, base: Path, entry: type[BaseModel]) -> None:
        for fault in error.errors(include_url=False, include_input=False):
            where = fault["loc"]
            if fault["type"] == "extra_forbidden":
                message = _unknown_field(str(where[-1]), _parent(where, entry))
            elif fault["type"] == "literal_error":
                message = f"write {fault['ctx']['expected'].replace(QUOTE, '')}"
            else:
                message = WORDS.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
            absent = where[-1:] if fault["type"] == "missing" else ()
            self._fault((*base, *_existing(value, where), *absent), message)

    def _fault(self, path: Path, message: str) -> None:
        self.problems.append(self.places.problem(path, message, hide=_is_secret(path)))


def judge_limits(listed: list[object], place: Place) -> list[Problem]:
    """What is wrong with entries of limits in themselves; one with a reference is judged where that is resolved."""
    validator = Validator(Places(place))
    validator.validate({"limits": [{"concurrency": 1} if "${" in repr(entry) else entry for entry in listed]})
    return validator.problems


def _existing(data: object, path: Path) -> Path:
    """The part of a fault's path that was written: a short form has no fields, a kind is no step."""
    found: list[str | int] = []
    for part in path:
        inner: dict[str | int, object] = dict(enumerate(_list(data)))
        inner.update(_mapping(data))
        if part in inner:
            data = inner[part]
            found.append(part)
    return tuple(found)


def _is_secret(path: Path) -> bool:
    """Whether what stands at a path may be a secret, or a mistake that is one."""
    if "keys" in path[2:3]:
        return "limits" not in path[4:5]
    if path[0] == "webhooks":
        return path[2:3] == ("secret",)
    return path[0] == "upstreams" and path[2:3] in {("credential",), ("tls",)}


def _unknown_field(name: str, entry: type[BaseModel]) -> str:
    if name in LATER:
        return f"'{name}' is not supported by this version; remove it: nothing would enforce it"
    known = [info.alias or field_name for field_name, info in entry.model_fields.items()]
    return f"unknown field{suggest(name, known) or '; known are ' + ', '.join(known)}"


def _parent(where: tuple[int | str, ...], entry: type[BaseModel]) -> type[BaseModel]:
    names = [part for part in where[:-1] if isinstance(part, str)]
    if not names:
        return entry
    if names[-1] == "network" and entry is webhook_entries.Webhook:
        return webhook_entries.WebhookNetwork
    if names[-1] in {"network", "networks"}:
        return doc.UpstreamNetwork if names[-1] == "network" else doc.ConsumerNetworks
    return OPENED_BY.get(names[-1], entry)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
