"""What would happen to one request, phase by phase, decided by the functions that decide about real ones.

The numbers and names of the phases are those of proxy/pipeline.py. Nothing is sent; names are resolved if asked for.
No secret stands in the result: what leaves is rendered with its credential masked.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from exeat.cli.limit_text import describe_limit, limits_of
from exeat.cli.redact import redact_head, redact_injection
from exeat.errors import Code, GatewayError
from exeat.model.consumer import Consumer, Key
from exeat.model.decision import Decision
from exeat.model.key import Presented, mask
from exeat.model.links import Links, SignedLinks
from exeat.model.origin import Origin
from exeat.model.paths import PathRules
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Network, Reach, Timeouts, Upstream
from exeat.policy.address import judge_address, judge_name
from exeat.policy.authenticate import NOWHERE, identify, in_native_place, present
from exeat.policy.authorize import Permit, check_network, permit_destination, permit_upstreams
from exeat.policy.fill import check_place
from exeat.policy.forward import check_host, render_request
from exeat.policy.plain_bodies import ask_plainly
from exeat.policy.price import price_before, render_amount
from exeat.policy.resolve import Resolved, resolve
from exeat.policy.signed_links import take_out
from exeat.wire.http1 import RequestHead, parse_request

Addresses = Callable[[str, float], Awaitable[tuple[str, ...]]]


@dataclass(slots=True)
class Phase:
    """One phase: what was decided, why, and what else is known by then. Outcomes: ok, report, refused, unknown."""

    number: int
    name: str
    outcome: str = "ok"
    lines: list[str] = field(default_factory=list)

    def note(self, decision: Decision, what: str) -> None:
        """Write down a decision and its reason."""
        self.lines.append(f"{what}: {decision.outcome}, {decision.reason}")
        if decision.outcome == "report":
            self.outcome = "report"


@dataclass(frozen=True, slots=True)
class Asked:
    """The question: a request's raw head, the snapshot whose keys count, and the caller's address, if that is known."""

    head: bytes
    keys: Snapshot
    address: str | None


@dataclass(slots=True)
class Explanation:
    """The answer, as far as the request gets; `leaves` is the head that would, `error` what ends it."""

    phases: list[Phase] = field(default_factory=list)
    consumer: str | None = None
    leaves: list[str] = field(default_factory=list)
    error: GatewayError | None = None

    def begin(self, number: int, name: str) -> Phase:
        """Enter a phase."""
        phase = Phase(number, name)
        self.phases.append(phase)
        return phase


class Call(NamedTuple):
    """What is known of the request once its caller is."""

    head: RequestHead
    resolved: Resolved
    presented: Presented
    key: Key


async def explain(asked: Asked, snapshot: Snapshot, now: float, addresses: Addresses | None) -> Explanation:
    """Follow a request through the phases; `addresses` resolves names, None leaves that out."""
    explanation = Explanation()
    try:
        await _follow(asked, snapshot, now, addresses, explanation)
    except GatewayError as error:
        explanation.error = error
        last = explanation.phases[-1]
        last.outcome = "refused"
        if not any(line.endswith(error.detail) for line in last.lines):
            last.lines.append(error.detail)
    return explanation


async def _follow(
    asked: Asked, snapshot: Snapshot, now: float, addresses: Addresses | None, explanation: Explanation
) -> None:
    explanation.begin(1, "receive").lines.append("the head of a request")
    head = parse_request(asked.head)
    resolved = _resolve(head, snapshot, explanation.begin(2, "resolve"))
    resolved = resolved.asking(take_out(resolved.query)[0])
    if resolved.mode == "own":
        return
    call = _identify(asked, head, resolved, now, explanation.begin(3, "identify"))
    explanation.consumer = call.key.consumer.name
    permit = _authorize(asked.address, call, explanation.begin(4, "authorize"))
    _admit(snapshot, call, permit, explanation.begin(5, "admit"))
    phase = explanation.begin(8, "attempt")
    refusal = await _connect(call, permit, snapshot.nat64, addresses, phase)
    try:
        explanation.leaves = redact_head(_render(call, permit))
    finally:
        if refusal is not None:
            raise refusal  # it comes first: without a connection nothing is rendered
    _relay(resolved, permit, explanation.begin(9, "relay"))


def _resolve(head: RequestHead, snapshot: Snapshot, phase: Phase) -> Resolved:
    resolved = resolve(head, snapshot)
    path = mask(resolved.path.decode("latin-1"))
    if resolved.mode == "own":
        phase.lines.append(f"the gateway answers {path} itself")
        return resolved
    phase.lines.append(f"mode {resolved.mode}, path {path}")
    if resolved.target is not None:
        phase.lines.append(f"origin {resolved.target.origin}")
    phase.lines += [f"{_called(upstream)} ({upstream.source})" for upstream in resolved.upstreams]
    if resolved.destination is not None:
        phase.lines.append(f"destination {resolved.destination.text} ({resolved.destination.source})")
    elif not resolved.upstreams:
        phase.outcome = "unknown"
        phase.lines.append("no upstream or destination; only a valid key is told so")
    return resolved


def _called(upstream: Upstream) -> str:
    if not upstream.mark:
        return f"upstream {upstream.name}"
    return f"sibling {upstream.endpoints[0].host.decode()} of upstream {upstream.name}"


def _identify(asked: Asked, head: RequestHead, resolved: Resolved, now: float, phase: Phase) -> Call:
    slot, prefix, parameter, elsewhere, path = None, b"", None, NOWHERE, resolved.path
    if resolved.upstreams:
        credential = resolved.upstreams[0].credential
        slot, prefix, parameter = credential.slot, credential.prefix, credential.parameter
        elsewhere, path = in_native_place(head, path, resolved.bases, credential)
    presented = present(head, slot, parameter, resolved.query, elsewhere, prefix)
    key = identify(presented.key, asked.keys, now)
    phase.lines.append(f"consumer {key.consumer.name} ({key.consumer.source}), key {key.id}")
    places = sorted(name.decode() for name in presented.fields)
    places += [] if presented.parameter is None else [f"query {presented.parameter.decode('latin-1')}"]
    places += ["the upstream's own place for its secret"] if elsewhere else []
    phase.lines.append(f"shown in {', '.join(places)}; removed before anything leaves")
    return Call(head, resolved.at(path), presented, key)


def _authorize(address: str | None, call: Call, phase: Phase) -> Permit:
    _check_network(address, call.key, phase)
    head, resolved, consumer = call.head, call.resolved, call.key.consumer
    if resolved.unknown is not None:
        raise GatewayError(Code.UPSTREAM_UNKNOWN, f"No upstream is named {resolved.unknown!r}.")
    origin = resolved.target.origin if resolved.target is not None else None
    if origin is not None:
        check_host(origin.host, call.presented)
    if resolved.upstreams:
        permit = permit_upstreams(resolved.upstreams, origin, consumer, head.method, resolved.path)
    else:
        assert origin is not None  # noqa: S101 - what has no upstream came as a URL
        permit = permit_destination(resolved.destination, origin, consumer, head.method, resolved.path)
    phase.note(permit.decision, _name_of(permit))
    phase.lines += _grants(consumer, permit)
    return permit


def _check_network(address: str | None, key: Key, phase: Phase) -> None:
    networks = (*key.consumer.networks, *key.networks)
    if not networks:
        return
    listed = ", ".join(map(str, networks))
    if address is None:
        phase.lines.append(f"the caller's address has to be in {listed}; --from judges one")
        return
    decision = check_network(key, address)
    phase.note(decision, f"from {address}, networks {listed}")
    if decision.outcome == "deny":
        raise GatewayError(decision.code or Code.IP_NOT_ALLOWED, decision.reason)


def _name_of(permit: Permit) -> str:
    if permit.upstream is not None:
        return permit.upstream.name
    return permit.destination.text if permit.destination is not None else ""


def _grants(consumer: Consumer, permit: Permit) -> Iterable[str]:
    """The grants that were weighed."""
    by_name = consumer.upstreams if permit.upstream is not None else consumer.destinations
    for grant in by_name.get(_name_of(permit), ()):
        methods = "every method" if grant.methods is None else ", ".join(sorted(m.decode() for m in grant.methods))
        paths = "every path" if grant.paths is None else _describe_paths(grant.paths)
        yield f"grant {grant.target}: {methods}; {paths}{'; report mode' if grant.report else ''}"


def _describe_paths(rules: PathRules) -> str:
    allowed = ", ".join(pattern.text for pattern in rules.allow) or "every path"
    denied = ", ".join(pattern.text for pattern in rules.deny)
    return f"{allowed} except {denied}" if denied else allowed


def _admit(snapshot: Snapshot, call: Call, permit: Permit, phase: Phase) -> None:
    """The limits that apply; what is left of them only the running gateway knows."""
    phase.lines += [describe_limit(limit) for limit in limits_of(snapshot, call.key, permit)] or ["no limit applies"]
    if permit.upstream is not None and permit.upstream.price is not None:
        price = permit.upstream.price
        amount = f"{render_amount(price_before(price, call.head.method, permit.path))} {price.currency}"
        phase.lines.append(
            f"costs {amount}" if price.is_known_before else f"costs what the answer says; {amount} held back"
        )


async def _connect(
    call: Call, permit: Permit, nat64: tuple[Network, ...], addresses: Addresses | None, phase: Phase
) -> GatewayError | None:
    """Look at every place that could be dialled; why none can be, if so."""
    upstream = permit.upstream
    rules = upstream or permit.destination
    phase.lines.append(_timeouts(rules.timeouts if rules is not None else Timeouts()))
    phase.lines.append(f"credential: {'that of the caller, if any' if upstream is None else upstream.credential.kind}")
    if upstream is not None and upstream.credential.unavailable is not None:
        phase.lines.append(upstream.credential.unavailable)
    if upstream is not None:
        if upstream.credential.members:
            phase.lines += _members(upstream)
        elif not upstream.credential.is_ready:
            phase.lines.append("made for each call")
        phase.lines += _endpoints(upstream, permit)
    refusals: list[GatewayError] = []
    places = _places(call.resolved, permit)
    for place in places:
        try:
            await _judge(place, nat64, addresses, phase)
        except GatewayError as error:
            refusals.append(error)
    return refusals[-1] if len(refusals) == len(places) else None


def _members(upstream: Upstream) -> Iterable[str]:
    """What a pool is made of; which of it rests only the running gateway knows."""
    yield "each call shows one of these, by weight, unless it rests; below, it is the first"
    for member in upstream.credential.members:
        yield f"{member.injection.kind} {member.name}: weight {member.weight}"


def _endpoints(upstream: Upstream, permit: Permit) -> Iterable[str]:
    """How several endpoints share the calls; how they are at the moment only the running gateway knows."""
    if len(permit.endpoints) < 2:  # noqa: PLR2004 - one has nobody to share with
        return
    yield f"endpoints: {upstream.balance}, those that are well, the lowest priority first"
    for end in sorted(permit.endpoints, key=lambda one: one.priority):
        yield f"{end.text}{end.base_path.decode('latin-1')}: priority {end.priority}, weight {end.weight}"


def _render(call: Call, permit: Permit) -> bytes:
    """What would leave, its credential masked."""
    upstream = permit.upstream
    credential = upstream.credential if upstream is not None else None
    if credential is not None and credential.members:
        credential = credential.members[0].injection
    place = _places(call.resolved, permit)[0]
    head = call.head
    if credential is not None and credential.filling is not None:
        check_place(head.method, has_body=head.has_body)
    if upstream is not None and upstream.alters_bodies:
        head = ask_plainly(head, whole=upstream.scrubs_bodies)
    return render_request(
        head,
        host=place.host,
        base=place.base,
        path=permit.path,
        query=call.resolved.query,
        presented=call.presented,
        injection=None if credential is None else redact_injection(credential),
        via=b"exeat" if upstream is not None and upstream.via else None,
    )


class Place(NamedTuple):
    """One place that an attempt could go to."""

    origin: Origin
    host: bytes
    base: bytes
    reach: Reach
    dns_s: float


def _places(resolved: Resolved, permit: Permit) -> list[Place]:
    """Where the attempts would go, in the document's order."""
    destination, target, upstream = permit.destination, resolved.target, permit.upstream
    if upstream is not None:
        dns_s = upstream.timeouts.dns_s
        return [Place(end.origin, end.host, end.base_path, end.route.reach, dns_s) for end in permit.endpoints]
    assert destination is not None  # noqa: S101 - a permit has an upstream or a destination
    assert target is not None  # noqa: S101 - destinations are called by URL
    authority = target.origin.authority.encode()
    return [Place(target.origin, authority, b"", destination.reach, destination.timeouts.dns_s)]


async def _judge(place: Place, nat64: tuple[Network, ...], addresses: Addresses | None, phase: Phase) -> None:
    """Judge the addresses of a place; one that is refused refuses them all."""
    by_name = judge_name(place.origin.host)
    if by_name.outcome == "deny":
        phase.note(by_name, str(place.origin))
        raise GatewayError(by_name.code or Code.ADDRESS_BLOCKED, by_name.reason)
    if addresses is None:
        phase.lines.append(f"{place.origin}: addresses not looked up")
        return
    try:
        found = await addresses(place.origin.host, place.dns_s)
    except GatewayError as error:
        phase.lines.append(f"{place.origin}: {error.detail}")
        raise
    refused: Decision | None = None
    for address in found:
        decision = judge_address(address, place.reach, nat64)
        phase.note(decision, f"{place.origin} at {address}")
        refused = decision if decision.outcome == "deny" else refused
    if refused is not None:
        raise GatewayError(refused.code or Code.ADDRESS_BLOCKED, refused.reason)


def _relay(resolved: Resolved, permit: Permit, phase: Phase) -> None:
    upstream = permit.upstream
    if upstream is not None:
        prefix = resolved.prefix.decode("latin-1") or "/"
        phase.lines.append(f"Location, Content-Location and Link of {upstream.name} become paths below {prefix}")
        if upstream.credential.needles:
            phase.lines.append("the credential, should a field echo it, is replaced")
            if upstream.scrubs_bodies:
                phase.lines.append("the credential, should the body echo it, is covered with asterisks")
        if upstream.links is not None:
            rules: list[Links | SignedLinks] = [upstream.links, *upstream.links.signed]
            members = [member for rule in rules for member in _members_of(rule)]
            phase.lines.append(f"in a body of JSON, so do the URLs in {', '.join(members)}")
            phase.lines += [
                f"those in {', '.join(_members_of(rule))} may be called by {rule.method.decode()} without a key for"
                f" {rule.lasts_s:g} s"
                for rule in upstream.links.signed
            ]
    phase.lines.append("status, other fields and body pass as they come")


def _members_of(rule: Links | SignedLinks) -> tuple[str, ...]:
    return (*rule.names, *(path.text for path in rule.paths))


def _timeouts(timeouts: Timeouts) -> str:
    total = "off" if timeouts.total_s is None else f"{timeouts.total_s:g} s"
    but = " (not for streams)" if timeouts.total_is_default and timeouts.total_s is not None else ""
    return (
        f"timeouts: dns {timeouts.dns_s:g} s, connect {timeouts.connect_s:g} s, tls {timeouts.tls_s:g} s,"
        f" response {timeouts.response_s:g} s, idle {timeouts.idle_s:g} s, total {total}{but}"
    )
