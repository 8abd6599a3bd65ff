"""One immutable, validated configuration, indexed so that a request costs look-ups and nothing that grows with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.by_hand import ByHand
from exeat.model.consumer import Consumer, Key
from exeat.model.limit import Limit
from exeat.model.origin import Origin
from exeat.model.upstream import Destination, Network, Upstream


@dataclass(frozen=True, slots=True)
class Cors:
    """Which web pages may call from a browser: their origins as sent in Origin, or `*` for every one."""

    origins: frozenset[bytes]
    max_age_s: int = 600


@dataclass(frozen=True, slots=True)
class Audit:
    """How records are kept.

    Whether they have to reach the disk, whether exchanges go on without, how long they are kept (s), and the names of
    the query parameters whose values are recorded.
    """

    to_disk: bool = False
    goes_on: bool = False
    retention_s: float | None = None
    query_values: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole configuration; exchanges pin the one they began with.

    `upstreams` by name; `hosts` by a host that an upstream declares; `origins` lists the upstreams at an origin, in
    the document's order; `exact` and `below` are the destinations by host and by the domain they are below; `keys` by
    SHA-256 digest; `domains` are the gateway's own, under which `<upstream>.<domain>` addresses an upstream; `nat64`
    are the operator's prefixes whose addresses carry an IPv4 address (RFC 6052); `limits` are those of the whole
    gateway; `by_hand` is what operators said of endpoints, whether those are there or not.
    """

    revision: str
    upstreams: Mapping[bytes, Upstream]
    hosts: Mapping[bytes, Upstream]
    origins: Mapping[Origin, tuple[Upstream, ...]]
    exact: Mapping[str, tuple[Destination, ...]]
    below: Mapping[str, tuple[Destination, ...]]
    keys: Mapping[bytes, Key]
    consumers: Mapping[str, Consumer]
    domains: tuple[bytes, ...]
    cors: Cors | None
    nat64: tuple[Network, ...]
    audit: Audit = Audit()
    limits: tuple[Limit, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    domain_endings: tuple[bytes, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Make ready what a request compares its host with."""
        object.__setattr__(self, "domain_endings", tuple(b"." + domain for domain in self.domains))
