"""The document as people write it: one class for each object, its fields with what they mean.

Rule 1: an unknown field is a problem: a misspelt restriction must not be a missing one.
Rule 2: the descriptions here are the reference: JSON Schema and docs/reference/document.md are made of them.
"""

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from exeat.config import fields as f
from exeat.config.credential_entries import CredentialField, Nothing, require_kinds
from exeat.config.endpoint_entries import BalanceField, Circuit, CircuitField, EndpointsField, HealthCheck
from exeat.config.entries import Entry, PathsField
from exeat.config.limit_entries import CountField, LimitsField, PriceField, PriorityField
from exeat.config.retry_entries import Retries, RetriesField
from exeat.config.sibling_entries import LinksField, SiblingsField
from exeat.config.timeout_entry import Timeout
from exeat.config.webhook_entries import Webhook
from exeat.model.limit import DEFAULT_PRIORITY


class UpstreamNetwork(Entry):
    """Which private addresses an upstream may have."""

    private: f.PrivateField = Field(
        default=(),
        description="Private or loopback networks where the upstream is. Metadata services can't be granted.",
    )
    mode: f.ModeField = Field(
        default="enforce",
        description="`report` lets a private address outside `private` pass, and records it.",
    )


class Tls(Entry):
    """How connections to an upstream are secured."""

    ca: f.TextField | None = Field(
        default=None, description="Authorities to trust in place of the system's: a PEM file, or PEM text."
    )
    certificate: f.TextField | None = Field(default=None, description="Client certificate: a PEM file, or PEM text.")
    key: f.PemField | None = Field(
        default=None, description="The client certificate's private key: PEM text (`${file:PATH}`), or a PEM file."
    )
    verify: f.FlagField = Field(
        default=True, description="`false` accepts any certificate; possible for one upstream only."
    )
    server_name: f.HostField | None = Field(
        default=None, description="The name to ask for and verify, in place of the URL's host."
    )


class Bodies(Entry):
    """What is kept of an upstream's bodies, sealed with the keyring. Nothing is, unless this is written."""

    request: f.SizeField = Field(default=0, description="How many bytes of a request's body are kept, as in `16KiB`.")
    response: f.SizeField = Field(default=0, description="How many bytes of a response's body are kept.")
    redact: f.JsonPathsField = Field(
        default=(), description="What is taken out of JSON. A body that can't be looked into isn't kept then."
    )
    retention: f.RetentionField = Field(default=30 * 86400.0, description="How long they are kept.")


class Provider(Entry):
    """How is heeded what an upstream says of its own limits (`RateLimit`, `Retry-After`, and vendors' spellings)."""

    mode: Literal["heed", "report", "ignore"] = Field(
        default="heed",
        description="`heed`: no call is sent that the upstream would refuse. `report` only records it, `ignore` does"
        " nothing.",
    )
    wait: f.DurationField | None = Field(
        default=None,
        description="Let calls stand in line for so long instead of refusing them; few calls that are left are then"
        " spread over the time until there are more.",
    )
    queue: CountField = Field(default=100, description="With `wait`: how many may stand in line at once.")


class Upstream(Entry):
    """A named API that Exeat calls."""

    model_config = ConfigDict(json_schema_extra=require_kinds)

    preset: f.PresetField | None = Field(
        default=None,
        description="A well-known API, as in `github`: what isn't written here is as it is there; see the presets.",
    )
    with_: f.PresetValuesField = Field(
        default_factory=dict, alias="with", description="What the preset has to know, such as a site's name."
    )
    url: f.UrlField | None = Field(default=None, description="Where the upstream is; its path begins every call.")
    endpoints: EndpointsField | None = Field(
        default=None, description="Several addresses of it, in place of `url`; a URL stands for an object with it."
    )
    balance: BalanceField = Field(
        default="weighted",
        description="How several endpoints share the calls: `weighted`, by their weights; `least-pending`, to the one"
        " with the fewest calls under way for its weight.",
    )
    retries: RetriesField = Field(default_factory=Retries, description="When a call that fails is tried again.")
    circuit: CircuitField = Field(
        default_factory=Circuit, description="When an endpoint that fails gets a rest; `off` for never."
    )
    health: HealthCheck | None = Field(
        default=None, description="How endpoints are checked without a call; not at all, without it."
    )
    credential: CredentialField = Field(
        default_factory=lambda: Nothing(kind="none"), description="What Exeat shows the upstream."
    )
    paths: PathsField | None = Field(default=None, description="Which paths may be called; a list stands for `allow`.")
    methods: f.MethodsField | None = Field(default=None, description="Which methods may be used; all, without it.")
    network: UpstreamNetwork = Field(
        default_factory=UpstreamNetwork, description="Which private networks the upstream may be in."
    )
    tls: Tls | None = Field(default=None, description="How connections are secured, where the defaults don't fit.")
    timeout: Timeout = Field(default_factory=Timeout, description="How long each phase may take.")
    plaintext: f.FlagField = Field(default=False, description="Allow an `http://` URL.")
    hosts: f.HostsField = Field(
        default=(), description="Values of `Host` that address this upstream, beside `<name>.<domain>`."
    )
    bodies: Bodies | None = Field(
        default=None, description="What is kept of bodies, beside the records; nothing, without it."
    )
    via: f.FlagField = Field(default=False, description="Add a `Via` field to what leaves (RFC 9110 §7.6.3).")
    follow_redirects: f.HopsField = Field(
        default=0,
        description="How many redirects of a GET or HEAD are followed, each hop checked like a call of its own."
        " With 0 they are passed on to the caller.",
    )
    limits: LimitsField = Field(
        default_factory=list, description="How much may be called, by all consumers together unless `per` splits it."
    )
    price: PriceField | None = Field(
        default=None, description="What a call costs, for budgets without a price of their own, and for the records."
    )
    provider: Provider = Field(
        default_factory=Provider, description="How is heeded what the upstream says of its own limits."
    )
    siblings: SiblingsField = Field(
        default_factory=list,
        description="Other hosts of the same API, as in `uploads.github.com`, called by URL or below"
        " `/<upstream>/~<host>/`. What holds for the upstream holds for them.",
    )
    links: LinksField = Field(
        default_factory=list,
        description="Members of JSON answers that hold URLs of the upstream or a sibling, which then lead through the"
        " gateway: names (wherever they are) or JSON paths. As `{field: upload_url, signed: 15m}`, the URL may be"
        " called without a key for that time.",
    )
    scrub_bodies: f.FlagField = Field(
        default=False,
        description="Look for the credential in the bodies of answers, too, and cover it with asterisks.",
    )

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if (self.url is None) == (self.endpoints is None):
            fault = "needs" if self.url is None else "has both"
            raise ValueError(f"{fault} 'url' or 'endpoints'; write one of them")
        if self.endpoints and not any(endpoint.weight for endpoint in self.endpoints):
            raise ValueError("gives every endpoint the weight 0; give one of them a weight from 1 on")
        slow = self.circuit.slow if self.circuit is not None else None
        if slow is not None and slow >= self.timeout.response:
            fault = f"circuit.slow {slow:g}s isn't shorter than timeout.response {self.timeout.response:g}s"
            raise ValueError(f"{fault}, which ends a call before it is slow; write less")
        return self


class Destination(Entry):
    """A host that may be called without a named upstream."""

    host: f.PatternField = Field(description="An exact host or `*.domain`, with an optional port.")
    private: f.PrivateField = Field(default=(), description="Private networks where the host may be.")
    plaintext: f.FlagField = Field(default=False, description="Allow `http://` too.")
    timeout: Timeout = Field(default_factory=Timeout, description="How long each phase may take.")
    mode: f.ModeField = Field(default="enforce", description="`report` lets private addresses pass, and records it.")


def _destination(value: object) -> object:
    return {"host": value} if isinstance(value, str) else value


DestinationField = Annotated[
    Destination, BeforeValidator(_destination, json_schema_input_type=Destination | f.TextField)
]


class Key(Entry):
    """A key of a consumer, known by its digest only."""

    sha256: f.DigestField = Field(description="SHA-256 of the whole key, as `exeat key create` prints it.")
    id: f.KeyIdField | None = Field(default=None, description="What the logs call it; part of the key itself.")
    expires: f.TimeField | None = Field(
        default=None,
        description="When it ends: ISO 8601 with an offset, or a date: the beginning of that day, in UTC.",
    )
    revoked: f.FlagField = Field(default=False, description="Taken back.")
    networks: f.NetworksField = Field(default=(), description="Where it may be used from, beside the consumer's.")
    limits: LimitsField = Field(default_factory=list, description="How much this key may call, beside the consumer's.")


class Grant(Entry):
    """What a consumer may use."""

    upstream: f.TextField | None = Field(default=None, description="An upstream's name, or `*` for all.")
    destination: f.TextField | None = Field(
        default=None, description="A destination as it is written there, or `*` for all."
    )
    methods: f.MethodsField | None = Field(default=None, description="Which methods; all, without it.")
    paths: PathsField | None = Field(default=None, description="Which paths; a list stands for `allow`.")
    mode: f.ModeField = Field(
        default="enforce", description="`report` lets pass what methods and paths don't cover, and records it."
    )
    limits: LimitsField = Field(
        default_factory=list,
        description="How much may be called by this grant: one count for all that it names. Of several grants, the"
        " first that covers a call counts it.",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.upstream is None and self.destination is None:
            raise ValueError("names neither an upstream nor a destination")
        if self.upstream is not None and self.destination is not None and self.upstream != "*":
            raise ValueError("names both an upstream and a destination; write two grants")
        return self


def _grant(value: object) -> object:
    if value == "*":
        return {"upstream": "*", "destination": "*"}
    if value == "destinations":
        return {"destination": "*"}
    return {"upstream": value} if isinstance(value, str) else value


class GrantTarget(NamedTuple):
    """What a grant names; `*` is all of them."""

    upstream: str | None
    destination: str | None


def grant_target(value: object) -> GrantTarget | None:
    """What a grant names, valid in all else or not; None if it names nothing."""
    entry = _grant(value)
    if not isinstance(entry, dict):
        return None
    upstream, destination = entry.get("upstream"), entry.get("destination")
    return GrantTarget(
        upstream if isinstance(upstream, str) else None, destination if isinstance(destination, str) else None
    )


GrantField = Annotated[Grant, BeforeValidator(_grant, json_schema_input_type=Grant | f.TextField)]


class ConsumerNetworks(Entry):
    """Where a consumer's keys may be used from."""

    allow: f.NetworksField = Field(description="Networks of the callers.")
    mode: f.ModeField = Field(default="enforce", description="`report` lets others pass, and records it.")


def _consumer_networks(value: object) -> object:
    return {"allow": value} if isinstance(value, list) else value


ConsumerNetworksField = Annotated[
    ConsumerNetworks,
    BeforeValidator(_consumer_networks, json_schema_input_type=ConsumerNetworks | f.NetworksField),
]


class Consumer(Entry):
    """An application that calls."""

    keys: list[Key] = Field(default_factory=list, description="Its keys.")
    grants: list[GrantField] = Field(
        default_factory=list,
        description="What it may use: an upstream's name, `destinations`, `*`, or an object. No grants, no access.",
    )
    networks: ConsumerNetworksField | None = Field(
        default=None, description="Where its keys may be used from; a list stands for `allow`."
    )
    limits: LimitsField = Field(default_factory=list, description="How much it may call, with all its keys together.")
    priority: PriorityField = Field(
        default=DEFAULT_PRIORITY,
        description="Its place where requests stand in line (`wait`): 0 comes first, 7 last. A request may ask for a"
        " later one with `Exeat-Priority`.",
    )


class Cors(Entry):
    """Which web pages may call from a browser."""

    origins: f.BrowserOriginsField = Field(description="Their origins, or `*` for every page.")
    max_age: f.DurationField = Field(default=600.0, description="How long browsers may remember the answer.")


class Audit(Entry):
    """How records are kept."""

    durability: f.DurabilityField = Field(
        default="process",
        description="`process`: a record survives the end of the process (`kill -9`); `disk`: that of the power, too.",
    )
    on_failure: f.OnFailureField = Field(
        default="refuse",
        description="Where no record can be kept: `refuse` new exchanges with `audit-unavailable`, or `continue`.",
    )
    retention: f.RetentionField | None = Field(
        default=None, description="How long records are kept, as in `400d`; for ever, without it."
    )
    query_values: f.ParametersField = Field(
        default=(), description="Query parameters whose values are recorded; those of all others are left out."
    )


class Network(Entry):
    """What Exeat can't see of the network it is in."""

    nat64: f.Nat64Field = Field(default=(), description="NAT64 prefixes whose addresses carry an IPv4 address.")


class Document(Entry):
    """A whole configuration of Exeat."""

    upstreams: dict[str, Upstream] = Field(default_factory=dict, description="The named APIs.")
    destinations: list[DestinationField] = Field(
        default_factory=list, description="Hosts that may be called without a named upstream; nothing else may."
    )
    consumers: dict[str, Consumer] = Field(default_factory=dict, description="The applications that call.")
    cors: Cors | None = Field(default=None, description="Which web pages may call from a browser.")
    domains: f.HostsField = Field(
        default=("gateway.internal", "localhost"),
        description="The gateway's own domains: `<upstream>.<domain>` addresses an upstream.",
    )
    audit: Audit = Field(default_factory=Audit, description="How the records of exchanges are kept.")
    network: Network = Field(default_factory=Network, description="Facts about the operator's network.")
    limits: LimitsField = Field(
        default_factory=list, description="How much may be called through the gateway, by all consumers together."
    )
    webhooks: list[Webhook] = Field(default_factory=list, description="Who is told of events.")
