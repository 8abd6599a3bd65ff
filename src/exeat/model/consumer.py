"""The applications that call, their keys, and what they may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.limit import DEFAULT_PRIORITY, Limit
from exeat.model.paths import PathRules
from exeat.model.upstream import Network


@dataclass(frozen=True, slots=True)
class Grant:
    """What a consumer may use of one upstream or destination; None stands for all.

    In `report` mode a request that methods or paths don't cover passes and is recorded. `limits` count what passes by
    this grant.
    """

    target: str
    methods: frozenset[bytes] | None
    paths: PathRules | None
    report: bool
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Consumer:
    """An application that calls; grants are indexed by upstream name and by destination pattern.

    `unlimited` are the upstreams of which a grant gives everything and no grant counts. A grant of `"*"` stands in both
    indexes under every name; `destinations` under every pattern. `priority` is its place in a line, 0 first.
    """

    name: str
    upstreams: Mapping[str, tuple[Grant, ...]]
    destinations: Mapping[str, tuple[Grant, ...]]
    networks: tuple[Network, ...]
    networks_report: bool
    source: str
    limits: tuple[Limit, ...] = ()
    priority: int = DEFAULT_PRIORITY
    unlimited: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Find the upstreams that are given without any rule: most requests need no more than that look-up."""
        unlimited = {
            name
            for name, grants in self.upstreams.items()
            if any(grant.methods is None and grant.paths is None for grant in grants)
            and not any(grant.limits for grant in grants)
        }
        object.__setattr__(self, "unlimited", frozenset(unlimited))


@dataclass(frozen=True, slots=True)
class Key:
    """A key as Exeat knows it: found by the SHA-256 of its text, which is nowhere kept.

    `expires_at` in seconds since the epoch; `networks` narrow the consumer's.
    """

    id: str
    consumer: Consumer
    expires_at: float | None
    revoked: bool
    networks: tuple[Network, ...]
    limits: tuple[Limit, ...] = ()
