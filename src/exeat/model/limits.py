"""How much one peer may send and how long it may take: what keeps a worker's memory bounded, whoever is connected."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one worker; bytes, seconds or counts, as the names say.

    The first three hold for the head of a request and of an upstream's answer alike. `head_s` is the time from the
    first byte of a request's head to its last; `body_s` the time without a byte of its body; `keep_alive_s` the time
    without a request. `connections` are those of callers, `open_connections` those of callers and to upstreams
    together: each is a file. `buffer_bytes` bounds a body that a policy needs whole. `in_flight` bounds the exchanges
    under way, `memory_bytes` what the process takes; None is no bound.
    """

    line_bytes: int = 8 * 1024
    head_bytes: int = 32 * 1024
    fields: int = 100
    head_s: float = 30.0
    body_s: float = 60.0
    keep_alive_s: float = 75.0
    connections: int = 10_000
    upstream_connections: int = 100
    upstream_keep_alive_s: float = 30.0
    buffer_bytes: int = 10 * 1024 * 1024
    open_connections: int = 1_000_000
    in_flight: int | None = None
    memory_bytes: int | None = None


DEFAULT = Limits()
