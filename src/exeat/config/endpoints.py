"""Entries of endpoints, circuits and health checks into what the data plane uses."""

from exeat.config import document as doc
from exeat.config.endpoint_entries import Circuit as CircuitEntry
from exeat.config.endpoint_entries import Endpoint as EndpointEntry
from exeat.config.endpoint_entries import HealthCheck as HealthCheckEntry
from exeat.model.circuit import Circuit, HealthCheck
from exeat.model.upstream import Endpoint, Reach, Route, TlsIdentity

NO_TLS = TlsIdentity()


def endpoints_of(entry: doc.Upstream) -> tuple[EndpointEntry, ...]:
    """The addresses of an upstream, one or several."""
    if entry.endpoints:
        return tuple(entry.endpoints)
    return (EndpointEntry.model_construct(url=entry.url),) if entry.url else ()


def compile_endpoint(upstream: str, entry: EndpointEntry, tls: TlsIdentity, reach: Reach) -> Endpoint:
    """One endpoint; its id is what is known of it by, however the configuration changes."""
    target = entry.url
    origin = target.origin
    identity = tls if origin.scheme == "https" else NO_TLS
    private = ",".join(sorted(map(str, reach.private)))
    pool = f"{origin}|{identity.fingerprint}|{private}|{'report' if reach.report else 'enforce'}"
    return Endpoint(
        origin,
        target.path,
        origin.authority.encode(),
        Route(origin, identity, reach, pool),
        id=f"{upstream} {origin}{target.path.decode('latin-1')}",
        weight=entry.weight,
        priority=entry.priority,
    )


def compile_circuit(entry: CircuitEntry | None) -> Circuit | None:
    """When an endpoint rests; None is never."""
    if entry is None:
        return None
    return Circuit(
        failures=entry.failures,
        ratio=entry.ratio,
        calls=entry.calls,
        window_s=entry.window,
        slow_s=entry.slow,
        slow_ratio=entry.slow_ratio,
        rest_s=entry.rest,
        rest_limit_s=entry.rest_limit,
        ramp_s=entry.ramp or 0.0,
    )


def compile_health(entry: HealthCheckEntry | None) -> HealthCheck | None:
    """How endpoints are checked; None is not at all."""
    if entry is None:
        return None
    return HealthCheck(
        path=entry.path,
        every_s=entry.every,
        timeout_s=entry.timeout_s,
        statuses=entry.statuses,
        healthy=entry.healthy,
        unhealthy=entry.unhealthy,
    )
