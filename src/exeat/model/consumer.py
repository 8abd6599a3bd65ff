"""The applications that call, their keys, and what they may use."""

from collections.abc import Mapping
from dataclasses import dataclass

from exeat.model.paths import PathRules
from exeat.model.upstream import Destination, Network


@dataclass(frozen=True, slots=True)
class Grant:
    """What a consumer may use of one upstream or destination; None stands for all.

    In `report` mode a request that methods or paths don't cover passes and is recorded.
    """

    target: str
    methods: frozenset[bytes] | None
    paths: PathRules | None
    report: bool


@dataclass(frozen=True, slots=True)
class Consumer:
    """An application that calls; grants are indexed by upstream name and by destination pattern.

    A grant of `"*"` stands in both indexes under every name; `destinations` under every pattern.
    """

    name: str
    upstreams: Mapping[str, tuple[Grant, ...]]
    destinations: Mapping[str, tuple[Grant, ...]]
    networks: tuple[Network, ...]
    networks_report: bool
    source: str


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


__all__ = ["Consumer", "Destination", "Grant", "Key", "Network"]
