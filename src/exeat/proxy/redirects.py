"""Phase 8, where an upstream says `follow_redirects`: the calls that a redirect asks for.

Each hop goes through resolve, authorize and attempt like a call that the caller had made by URL, with two differences:
a hop never brings in another upstream's credential, and it takes nothing along that was meant for another origin.
"""

from exeat.errors import Code, GatewayError
from exeat.model.decision import deny
from exeat.model.origin import Target
from exeat.model.upstream import Upstream
from exeat.policy.authorize import Permit, permit_destination, permit_upstreams
from exeat.policy.redirect import head_for, is_followed, next_target
from exeat.policy.resolve import Resolved, by_url
from exeat.policy.rewrite import scrub_text
from exeat.proxy.attempt import attempt
from exeat.proxy.exchange import Exchange
from exeat.proxy.forms import base_of, family_of
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import ResponseHead

Answered = tuple[Permit, UpstreamConnection, ResponseHead]


async def follow(exchange: Exchange, answered: Answered, upstream: Upstream, runtime: Runtime) -> Answered:
    """Follow an upstream's redirects as far as it allows; what the last place answered, a redirect or not."""
    for _ in range(upstream.follow_redirects):
        permit, connection, response = answered
        head = exchange.head_or_raise
        if not is_followed(head, response):
            break
        base = _called(exchange, permit, connection)
        location = scrub_text(response.known[b"location"], connection.needles)
        _discard(connection, runtime)
        try:
            target = _without_secret(next_target(base, location), family_of(exchange, upstream))
            permit = _permit(exchange, upstream, target)
        except GatewayError as error:
            exchange.decision = deny(error.code, error.detail)
            raise
        exchange.head = head_for(head, same_origin=target.origin == base.origin)
        connection, response = await attempt(exchange, permit, runtime)
        answered = permit, connection, response
    return answered


def _called(exchange: Exchange, permit: Permit, connection: UpstreamConnection) -> Target:
    """The URL that the answer came from."""
    resolved = exchange.resolved
    assert resolved is not None  # noqa: S101 - phase 2
    origin = connection.route.origin
    for endpoint in permit.endpoints:
        if endpoint.route is connection.route:
            return Target(origin, base_of(endpoint, permit.credential) + permit.path, resolved.query)
    return Target(origin, permit.path, resolved.query)


def _without_secret(target: Target, family: tuple[Upstream, ...]) -> Target:
    """Where a secret stands in the path, a hop within the upstream is called as a caller would: without it."""
    for one in family:
        for endpoint in one.endpoints:
            base = base_of(endpoint, one.credential)
            if base != endpoint.base_path and target.origin == endpoint.origin and target.path.startswith(base):
                return Target(target.origin, endpoint.base_path + target.path[len(base) :], target.query)
    return target


def _discard(connection: UpstreamConnection, runtime: Runtime) -> None:
    """Leave the redirect's own content unread; a connection on which more of it may come isn't used again."""
    try:
        _, is_whole = connection.begin_body()
    except GatewayError:
        is_whole = False
    if is_whole:
        runtime.pool.release(connection)
    else:
        connection.close()


def _permit(exchange: Exchange, upstream: Upstream, target: Target) -> Permit:
    """Decide about a hop as about a call by URL, and make it what the exchange wants."""
    key, asked = exchange.key, exchange.asked or exchange.resolved
    assert key is not None  # noqa: S101 - phase 3
    assert asked is not None  # noqa: S101 - phase 2
    hop = by_url(asked.mode, target, exchange.snapshot, b"/" + str(target.origin).encode())
    method = exchange.head_or_raise.method
    own = next((one for one in hop.upstreams if one.name == upstream.name), None)
    if own is not None:
        permit = permit_upstreams((own,), target.origin, key.consumer, method, target.path)
        if asked.target is None:  # the caller named the upstream, so it is what the caller's own paths begin with
            prefix = asked.prefix.removesuffix(asked.upstreams[0].mark) + own.mark
            hop = Resolved(asked.mode, (own,), None, None, permit.path, target.query, prefix)
    elif hop.upstreams:
        detail = f"A redirect of {upstream.name} leads to another upstream, which is called by its own name only."
        raise GatewayError(Code.TARGET_NOT_ALLOWED, detail)
    else:
        permit = permit_destination(hop.destination, target.origin, key.consumer, method, target.path)
    exchange.asked = asked
    exchange.resolved = hop
    if permit.decision.outcome == "report":
        exchange.decision = permit.decision
    rules = permit.upstream or permit.destination
    if rules is not None:
        exchange.timeouts = rules.timeouts
    return permit
