"""Sibling hosts of an upstream into what the data plane uses: the upstream once more, at an endpoint of its own."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from exeat.config.endpoint_entries import Endpoint as EndpointEntry
from exeat.config.endpoints import compile_endpoint
from exeat.config.problem import quote
from exeat.config.sibling_entries import Sibling
from exeat.model.credential import Injection
from exeat.model.origin import Origin, Target
from exeat.model.secret import Secret
from exeat.model.upstream import Reach, TlsIdentity, Upstream


def sibling_faults(siblings: Sequence[Sibling], targets: Sequence[Target]) -> Iterator[tuple[int, str]]:
    """What is wrong among siblings, and between them and the upstream's own addresses: the place, and why."""
    own = {target.origin for target in targets}
    seen: set[str] = set()
    for index, sibling in enumerate(siblings):
        origin = sibling.host.origin
        if origin in own:
            yield index, f"{quote(str(origin))} is the upstream's own address; remove it"
        elif origin.authority in seen:
            yield index, f"{quote(origin.authority)} is listed twice"
        seen.add(origin.authority)


def shown_to(siblings: Sequence[Sibling]) -> frozenset[Origin]:
    """The origins of the siblings that the upstream's credential may go to."""
    return frozenset(sibling.host.origin for sibling in siblings if sibling.credential)


def with_siblings(upstream: Upstream, siblings: Sequence[Sibling], tls: TlsIdentity, reach: Reach) -> Upstream:
    """The upstream with its siblings, of which each has all of its rules but its hosts and its health checks."""
    if not siblings:
        return upstream
    made = {}
    for sibling in siblings:
        mark = _mark(sibling)
        identity = _identity(tls, sibling)
        endpoint = compile_endpoint(upstream.name, EndpointEntry.model_construct(url=sibling.host), identity, reach)
        credential = upstream.credential if sibling.credential else _nothing(upstream.credential, endpoint.origin)
        made[mark[1:]] = replace(
            upstream, endpoints=(endpoint,), credential=credential, hosts=(), health=None, mark=mark
        )
    return replace(upstream, siblings=MappingProxyType(made))


def _mark(sibling: Sibling) -> bytes:
    return b"/~" + sibling.host.origin.authority.encode()


def _nothing(credential: Injection, origin: Origin) -> Injection:
    """No credential; a key of Exeat is looked for in the same places as for the upstream, and taken out of them.

    What would hold the secret there is empty: the path gets nothing before the caller's own, a cookie is a bare name.
    """
    return Injection(
        "none",
        frozenset({origin}),
        slot=credential.slot,
        prefix=credential.prefix,
        slots=credential.slots,
        parameter=credential.parameter,
        segment=None if credential.segment is None else Secret(""),
        before=credential.before,
        cookies=tuple(Secret(cookie.reveal().partition("=")[0]) for cookie in credential.cookies),
    )


def _identity(tls: TlsIdentity, sibling: Sibling) -> TlsIdentity:
    """How connections to a sibling are secured: by its own name, and without the client certificate if it says so."""
    if tls.server_name is None and (sibling.credential or tls.certificate is None):
        return tls
    kept = tls if sibling.credential else replace(tls, certificate=None, key=None)
    parts = (tls.fingerprint, "sibling", str(sibling.credential))
    return replace(kept, server_name=None, fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32])
