"""Whether a consumer may make this call: network, grant, method, path, port, plaintext.

Rule 1: no grant, no access; an upstream's own rules hold for everybody.
Rule 2: path rules judge one canonical path; a path that servers read in two ways doesn't match.
Rule 3: in report mode a refusal becomes a decision that is recorded, and the request passes.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.consumer import Consumer, Grant, Key
from exeat.model.decision import Decision, allow, deny, report
from exeat.model.origin import Origin
from exeat.model.paths import AMBIGUOUS, PathPattern, PathRules, canonical, readings
from exeat.model.upstream import Destination, Endpoint, Network, Upstream

ALLOWED = allow("granted")


@final
class Permit:
    """What a request may do: call one upstream (at `endpoints`) or destination, at a path below the endpoint's own.

    `grant` is the one that lets it: the first in the consumer's order that covers the call. It is None where the
    consumer may use all of the upstream and no grant for that has limits. `credential` is None for a destination.
    """

    __slots__ = ("credential", "decision", "destination", "endpoints", "grant", "path", "upstream")

    def __init__(
        self,
        upstream: Upstream | None,
        destination: Destination | None,
        endpoints: tuple[Endpoint, ...],
        path: bytes,
        decision: Decision,
        grant: Grant | None = None,
    ) -> None:
        self.upstream: Final = upstream
        self.destination: Final = destination
        self.endpoints: Final = endpoints
        self.path: Final = path
        self.decision: Final = decision
        self.grant: Final = grant
        self.credential: Final = None if upstream is None else upstream.credential


def check_network(key: Key, address: str) -> Decision:
    """Whether the key may be used from the caller's address (empty for a Unix socket, which no network holds)."""
    consumer = key.consumer
    if not consumer.networks and not key.networks:
        return ALLOWED
    if _is_within(address, consumer.networks) and _is_within(address, key.networks):
        return ALLOWED
    reason = "The key may not be used from the caller's address."
    return report(Code.IP_NOT_ALLOWED, reason) if consumer.networks_report else deny(Code.IP_NOT_ALLOWED, reason)


def _is_within(address: str, networks: Iterable[Network]) -> bool:
    networks = tuple(networks)
    if not networks:
        return True
    if not address:
        return False
    parsed = ip_address(address)
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in network for network in networks)


def permit_upstreams(
    upstreams: tuple[Upstream, ...], origin: Origin | None, consumer: Consumer, method: bytes, path: bytes
) -> Permit:
    """Permit a call to the first of several upstreams that the consumer may use; `origin` is set for a URL."""
    refused: Decision | None = None
    for upstream in upstreams:
        if origin is None and upstream.is_open and upstream.name in consumer.unlimited:
            return Permit(upstream, None, upstream.endpoints, path, ALLOWED)
        endpoints, below = _below(upstream, origin, path)
        decision, grant = _judge_upstream(upstream, endpoints, consumer, method, below)
        if decision.outcome != "deny":
            return Permit(upstream, None, endpoints, below, decision, grant)
        if refused is None or refused.code == Code.GRANT_MISSING:
            refused = decision
    assert refused is not None  # noqa: S101 - the caller passes at least one upstream
    raise GatewayError(refused.code or Code.GRANT_MISSING, refused.reason)


def _below(upstream: Upstream, origin: Origin | None, path: bytes) -> tuple[tuple[Endpoint, ...], bytes]:
    """The endpoints that a request may go to and the path below their URL; none if a URL lies outside."""
    if origin is None:
        return upstream.endpoints, path
    for endpoint in upstream.endpoints:
        base = endpoint.base_path
        if endpoint.origin == origin and (path == base or path.startswith(base + b"/")):
            return (endpoint,), path[len(base) :] or b"/"
    return (), path


def _judge_upstream(
    upstream: Upstream, endpoints: tuple[Endpoint, ...], consumer: Consumer, method: bytes, path: bytes
) -> tuple[Decision, Grant | None]:
    grants = consumer.upstreams.get(upstream.name)
    if not grants:
        return deny(Code.GRANT_MISSING, f"The consumer has no grant for {upstream.name}."), None
    if not endpoints:
        return deny(Code.PATH_NOT_GRANTED, f"The URL isn't below the URL of {upstream.name}."), None
    if upstream.methods is not None and method not in upstream.methods:
        return deny(Code.METHOD_NOT_GRANTED, f"{upstream.name} lists the methods that may be called."), None
    if upstream.paths is not None and not path_matches(path, upstream.paths):
        return deny(Code.PATH_NOT_GRANTED, f"{upstream.name} lists the paths that may be called."), None
    return judge_grants(grants, method, path)


def judge_grants(grants: tuple[Grant, ...], method: bytes, path: bytes) -> tuple[Decision, Grant | None]:
    """The best decision that any of the grants gives, allow, else report, else the first refusal; and that grant."""
    refused: Decision | None = None
    by: Grant | None = None
    for grant in grants:
        decision = _judge_grant(grant, method, path)
        if decision.outcome == "allow":
            return decision, grant
        if refused is None or (decision.outcome == "report" and refused.outcome == "deny"):
            refused, by = decision, grant
    return refused or deny(Code.GRANT_MISSING, "The consumer has no grant."), by


def _judge_grant(grant: Grant, method: bytes, path: bytes) -> Decision:
    answer = report if grant.report else deny
    if grant.methods is not None and method not in grant.methods:
        return answer(Code.METHOD_NOT_GRANTED, f"The grant for {grant.target} doesn't cover the method.")
    if grant.paths is not None and not path_matches(path, grant.paths):
        return answer(Code.PATH_NOT_GRANTED, f"The grant for {grant.target} doesn't cover the path.")
    return ALLOWED


def permit_destination(
    destination: Destination | None, origin: Origin, consumer: Consumer, method: bytes, path: bytes
) -> Permit:
    """Permit a call to a bare destination: listed, granted, at its port, over TLS unless it says otherwise."""
    if destination is None:
        raise GatewayError(Code.TARGET_NOT_ALLOWED, f"{origin.host} is neither an upstream nor a destination.")
    decision, grant = judge_grants(consumer.destinations.get(destination.text, ()), method, path)
    if decision.outcome == "deny":
        raise GatewayError(decision.code or Code.GRANT_MISSING, decision.reason)
    if origin.scheme == "http" and not destination.plaintext:
        raise GatewayError(Code.PLAINTEXT_REFUSED, f"{destination.text} may be called over https only.")
    allowed = destination.port or (443 if origin.scheme == "https" else 80)
    if origin.port != allowed:
        raise GatewayError(Code.PORT_NOT_ALLOWED, f"{destination.text} may be called at port {allowed} only.")
    if destination.report and decision.outcome == "allow":
        decision = report(Code.TARGET_NOT_ALLOWED, f"{destination.text} is listed in report mode.")
    return Permit(None, destination, (), path, decision, grant)


def path_matches(path: bytes, rules: PathRules) -> bool:
    """Whether path rules let a path through: not ambiguous, at least one allow (if any), no deny."""
    path = canonical(path)
    if AMBIGUOUS.search(path):
        return False
    if rules.allow and not any(pattern.regex.fullmatch(path) for pattern in rules.allow):
        return False
    return not (rules.deny and any(_is_denied(reading, rules.deny) for reading in readings(path)))


def _is_denied(path: bytes, deny: tuple[PathPattern, ...]) -> bool:
    return any(pattern.regex.fullmatch(path) for pattern in deny)
