"""Upstreams, their endpoints, and the destinations that may be called without being one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from exeat.model.circuit import Balance, Circuit, HealthCheck
from exeat.model.credential import Injection
from exeat.model.json_path import JsonPath
from exeat.model.limit import Limit, Price
from exeat.model.links import Links
from exeat.model.origin import Origin
from exeat.model.paths import PathRules
from exeat.model.retries import DEFAULT as DEFAULT_RETRIES
from exeat.model.retries import Retries
from exeat.model.secret import Secret

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds per phase; None is off. `total_is_default` lets streams outlive the default total."""

    dns_s: float = 5.0
    connect_s: float = 5.0
    tls_s: float = 5.0
    response_s: float = 60.0
    idle_s: float = 300.0
    total_s: float | None = 300.0
    total_is_default: bool = True

    @property
    def until_sent_s(self) -> float:
        """How long it may take from a name to a connection that a request can be sent on."""
        return self.dns_s + self.connect_s + self.tls_s


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """How a TLS connection is made: whom it trusts and what it shows.

    `ca` is PEM text, ASCII only, that replaces the system's trust store; `certificate` and `key` are PEM text (a
    client certificate); `verify` False is possible for one named upstream only; `server_name` replaces the host in SNI
    and in the verification. `fingerprint` is a digest of all that, so that a changed file is another identity.
    """

    ca: str | None = None
    certificate: str | None = None
    key: Secret | None = None
    verify: bool = True
    server_name: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses beyond the public ones may be dialled, and whether a refusal is only reported."""

    private: tuple[Network, ...] = ()
    report: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Everything a connection depends on: two requests share a connection only if their routes are equal.

    `pool` is that equality as one string, so that the pool's look-up hashes nothing.
    """

    origin: Origin
    tls: TlsIdentity
    reach: Reach
    pool: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of an upstream: where it is, the path its URL begins with (no trailing slash), its Host.

    `id` is the name under which what is known of it lives on when the configuration changes; empty for destinations,
    of which nothing is kept. Endpoints share the calls by `weight`; those of a lower `priority` go first.
    """

    origin: Origin
    base_path: bytes
    host: bytes
    route: Route
    id: str = ""
    weight: int = 1
    priority: int = 0
    text: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Make ready what records say of it."""
        object.__setattr__(self, "text", str(self.origin))


@dataclass(frozen=True, slots=True)
class Bodies:
    """What is kept of an upstream's bodies: how many bytes of each side (0 is nothing), without what, how long (s)."""

    request_bytes: int
    response_bytes: int
    redact: tuple[JsonPath, ...]
    retention_s: float


@dataclass(frozen=True, slots=True)
class Upstream:
    """A named API that Exeat calls. It can't be made with a credential that isn't bound to all of its origins.

    `follow_redirects` is how many hops of one call are followed; 0 passes redirects on. `price` is what a call costs,
    for the budgets that have none of their own. `provider` is how what it says of its own limits is heeded; None is
    not at all. `retries` is when a call is tried again. `circuit` is when an endpoint that fails has to rest; None is
    never. `health` is how its endpoints are checked; None is not at all.

    `siblings` are other hosts of the same API, by the segment that begins their paths (`~host`). Each is the upstream
    once more, at an endpoint of its own, with the credential or without one. `mark` is that segment with its slash, for
    a sibling. `links` are the members of JSON bodies whose URLs are rewritten, None for none; `scrubs_bodies` has the
    credential looked for in bodies.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    credential: Injection
    methods: frozenset[bytes] | None
    paths: PathRules | None
    timeouts: Timeouts
    hosts: tuple[str, ...]
    via: bool
    follow_redirects: int
    source: str
    bodies: Bodies | None = None
    limits: tuple[Limit, ...] = ()
    price: Price | None = None
    provider: Limit | None = None
    retries: Retries = DEFAULT_RETRIES
    balance: Balance = "weighted"
    circuit: Circuit | None = field(default_factory=Circuit)
    health: HealthCheck | None = None
    siblings: Mapping[bytes, "Upstream"] = field(default_factory=dict)
    mark: bytes = b""
    links: Links | None = None
    scrubs_bodies: bool = False
    is_open: bool = field(init=False, default=False)
    alters_bodies: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Hold the law that a credential goes only where it is bound to."""
        if not {endpoint.origin for endpoint in self.endpoints} <= self.credential.origins:
            raise ValueError(f"the credential of {self.name} isn't bound to all of its endpoints")
        object.__setattr__(self, "is_open", self.methods is None and self.paths is None)
        object.__setattr__(self, "alters_bodies", self.links is not None or self.scrubs_bodies)

    @property
    def everywhere(self) -> tuple[Endpoint, ...]:
        """Its endpoints, and those of its siblings."""
        return (*self.endpoints, *(endpoint for one in self.siblings.values() for endpoint in one.endpoints))


@dataclass(frozen=True, slots=True)
class Destination:
    """An allow-listed host pattern: exact, or all names below `host` where `wildcard`.

    `ports` by scheme: without a port in the pattern, https is 443 and http (only where `plaintext`) 80.
    """

    text: str
    host: str
    wildcard: bool
    port: int | None
    plaintext: bool
    reach: Reach
    timeouts: Timeouts
    report: bool
    source: str
