"""How the caller of an exchange addresses its upstream: what URLs of the upstream become on their way back."""

from collections.abc import Iterator

from exeat.model.credential import Injection
from exeat.model.origin import Origin
from exeat.model.upstream import Endpoint, Upstream
from exeat.policy.authorize import Permit
from exeat.policy.rewrite import NONE, REDACTED, Form, Other
from exeat.proxy.exchange import Exchange


def form_of(exchange: Exchange, permit: Permit) -> Form:
    """The form of one exchange."""
    resolved, credential = exchange.resolved, permit.credential
    assert resolved is not None  # noqa: S101 - phase 2
    others, parameters, prefix = tuple(_others(exchange, permit)), _parameters(credential), resolved.prefix
    if resolved.target is not None:  # the caller wrote the whole URL, the upstream's own path in it
        bases: tuple[tuple[Origin, bytes], ...] = ((resolved.target.origin, b""),)
        if exchange.asked is not None and resolved.mode in {"host", "header"}:
            # A redirect led away from what the Host or Exeat-Target names: only a whole URL means that place.
            return Form(b"", str(resolved.target.origin).encode(), bases, parameters=parameters)
        for endpoint in permit.endpoints:
            base = base_of(endpoint, credential)
            if base != endpoint.base_path:  # below a secret, which the caller leaves out
                bases = ((endpoint.origin, base),)
                others = (*others, Other(endpoint.origin, b"", prefix, parameters))
                prefix += endpoint.base_path
                break
    else:
        bases = tuple((endpoint.origin, base_of(endpoint, credential)) for endpoint in permit.endpoints)
    return Form(exchange.caller.gateway, prefix, bases, others, parameters)


def base_of(endpoint: Endpoint, credential: Injection | None) -> bytes:
    """What an upstream's own paths begin with; a secret that stands there is spelt as it is where it was scrubbed."""
    if credential is None or credential.segment is None or not credential.segment.octets:  # empty: none is shown
        return endpoint.base_path
    return endpoint.base_path + credential.before + REDACTED


def family_of(exchange: Exchange, upstream: Upstream) -> tuple[Upstream, ...]:
    """An upstream and its siblings, of which `upstream` may be any."""
    if upstream.mark:
        upstream = exchange.snapshot.upstreams[upstream.name.encode()]
    return (upstream, *upstream.siblings.values())


def _others(exchange: Exchange, permit: Permit) -> Iterator[Other]:
    """Where the other hosts of an upstream are for this caller."""
    resolved, upstream = exchange.resolved, permit.upstream
    if resolved is None or upstream is None or not (upstream.siblings or upstream.mark):
        return
    root = resolved.prefix.removesuffix(upstream.mark)
    for one in family_of(exchange, upstream):
        parameters = _parameters(one.credential)
        for endpoint in one.endpoints:
            by_name, by_url = root + one.mark, b"/" + str(endpoint.origin).encode() + endpoint.base_path
            prefix = by_name if resolved.target is None else by_url
            yield Other(endpoint.origin, base_of(endpoint, one.credential), prefix, parameters)


def _parameters(credential: Injection | None) -> frozenset[bytes]:
    """The parameters of a query that a credential fills."""
    if credential is None or not (credential.pairs or credential.members):
        return NONE
    each = (credential, *(member.injection for member in credential.members))
    return frozenset(name for one in each for name, _ in one.pairs)
