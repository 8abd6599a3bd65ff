"""How the caller of an exchange addresses its upstream: what URLs of the upstream become on their way back."""

from exeat.model.origin import Origin
from exeat.model.upstream import Endpoint, Upstream
from exeat.policy.authorize import Permit
from exeat.policy.resolve import Resolved
from exeat.policy.rewrite import REDACTED, Form
from exeat.proxy.exchange import Exchange


def form_of(exchange: Exchange, permit: Permit) -> Form:
    """The form of one exchange."""
    resolved, upstream = exchange.resolved, permit.upstream
    assert resolved is not None  # noqa: S101 - phase 2
    others = () if upstream is None or not upstream.family else _others(resolved, upstream)
    prefix = resolved.prefix
    if resolved.target is not None:  # the caller wrote the whole URL, the upstream's own path in it
        bases: tuple[tuple[Origin, bytes], ...] = ((resolved.target.origin, b""),)
        if exchange.asked is not None and resolved.mode in {"host", "header"}:
            # A redirect led away from what the Host or Exeat-Target names: only a whole URL means that place.
            return Form(b"", str(resolved.target.origin).encode(), bases)
        for endpoint in permit.endpoints:
            base = base_of(endpoint, permit)
            if base != endpoint.base_path:  # below a secret, which the caller leaves out
                bases, others = ((endpoint.origin, base),), (*others, (endpoint.origin, b"", prefix))
                prefix += endpoint.base_path
                break
    else:
        bases = tuple((endpoint.origin, base_of(endpoint, permit)) for endpoint in permit.endpoints)
    return Form(exchange.caller.gateway, prefix, bases, others)


def base_of(endpoint: Endpoint, permit: Permit) -> bytes:
    """What an upstream's own paths begin with; a secret that stands there is spelt as it is where it was scrubbed."""
    credential = permit.credential
    if credential is None or credential.segment is None:
        return endpoint.base_path
    return endpoint.base_path + credential.before + REDACTED


def _others(resolved: Resolved, upstream: Upstream) -> tuple[tuple[Origin, bytes, bytes], ...]:
    """Where the other hosts of an upstream are for this caller."""
    if resolved.target is not None:
        return tuple((origin, base, b"/" + str(origin).encode() + base) for origin, base, _ in upstream.family)
    root = resolved.prefix.removesuffix(upstream.mark)
    return tuple((origin, base, root + mark) for origin, base, mark in upstream.family)
