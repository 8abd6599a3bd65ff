"""Small configurations made straight from the model's values: for tests of what comes after compilation."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from exeat.model.circuit import Circuit
from exeat.model.consumer import Consumer, Grant, Key
from exeat.model.credential import Bearer, Kind
from exeat.model.key import NewKey, make_key
from exeat.model.origin import DEFAULT_PORTS, Origin, Scheme
from exeat.model.paths import PathRules, compile_path
from exeat.model.retries import DEFAULT as RETRIES
from exeat.model.retries import Retries
from exeat.model.secret import Secret
from exeat.model.snapshot import Cors, Snapshot
from exeat.model.upstream import Destination, Endpoint, Network, Reach, Route, Timeouts, TlsIdentity, Upstream
from exeat.policy.inject import prepare
from exeat.wire.http1 import RequestHead, parse_request

SECRET: Final = "upstream-secret"
TIMEOUTS: Final = Timeouts()
CIRCUIT: Final = Circuit()
DIRECT: Final = TlsIdentity()
PUBLIC: Final = Reach()


def new_key(symbol: str = "K") -> NewKey:
    """A well-formed key made of one symbol."""
    return make_key(symbol * 44)


KEY: Final = new_key().key.encode()
OTHER_KEY: Final = new_key("L").key.encode()


def head(*lines: str, start: str = "GET / HTTP/1.1", host: str = "gateway.test") -> RequestHead:
    """The head of a request, from its lines."""
    return parse_request("\r\n".join([start, f"Host: {host}", *lines]).encode("latin-1"))


def origin(url: str) -> Origin:
    """The origin of a URL that is written canonically."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    return Origin(scheme, parts.hostname, parts.port or DEFAULT_PORTS[scheme])


def route(url: str, *, tls: TlsIdentity = DIRECT, reach: Reach = PUBLIC) -> Route:
    """The route to an origin."""
    return Route(origin(url), tls, reach, f"{origin(url)} {tls.fingerprint} {reach}")


def endpoint(url: str, name: str = "", *, tls: TlsIdentity = DIRECT, reach: Reach = PUBLIC) -> Endpoint:
    """An endpoint at a URL; one of the upstream `name`, or of a destination."""
    way = route(url, tls=tls, reach=reach)
    path = urlsplit(url).path.rstrip("/")
    known_as = f"{name} {way.origin}{path}" if name else ""
    return Endpoint(way.origin, path.encode(), way.origin.authority.encode(), way, known_as)


def upstream(
    name: str = "api",
    *urls: str,
    kind: Kind | None = None,
    methods: Iterable[bytes] | None = None,
    paths: PathRules | None = None,
    timeouts: Timeouts = TIMEOUTS,
    hosts: tuple[str, ...] = (),
    via: bool = False,
    follow_redirects: int = 0,
    retries: Retries = RETRIES,
    circuit: Circuit | None = CIRCUIT,
) -> Upstream:
    """An upstream; without a URL at https://<name>.test, without a credential with a bearer secret."""
    endpoints = tuple(endpoint(url, name) for url in urls or (f"https://{name}.test",))
    shown = Bearer(Secret(SECRET)) if kind is None else kind  # a kind without fields is false
    credential = prepare(shown, frozenset(each.origin for each in endpoints))
    allowed = None if methods is None else frozenset(methods)
    return Upstream(
        name,
        endpoints,
        credential,
        allowed,
        paths,
        timeouts,
        hosts,
        via,
        follow_redirects,
        "test",
        retries=retries,
        circuit=circuit,
    )


def destination(
    text: str,
    *,
    plaintext: bool = False,
    reach: Reach = PUBLIC,
    report: bool = False,
) -> Destination:
    """A destination as the document writes it: `host`, `*.host` or either with a port."""
    pattern, _, port = text.partition(":")
    host = pattern.removeprefix("*.")
    number = int(port) if port else None
    return Destination(text, host, host != pattern, number, plaintext, reach, TIMEOUTS, report, "test")


def rules(*allow: str, deny: Iterable[str] = ()) -> PathRules:
    """Path rules."""
    return PathRules(tuple(map(compile_path, allow)), tuple(map(compile_path, deny)))


def grant(
    target: str, *, methods: Iterable[bytes] | None = None, paths: PathRules | None = None, report: bool = False
) -> Grant:
    """A grant."""
    return Grant(target, None if methods is None else frozenset(methods), paths, report)


def consumer(
    upstreams: Mapping[str, Iterable[Grant]] | None = None,
    destinations: Mapping[str, Iterable[Grant]] | None = None,
    *,
    networks: tuple[Network, ...] = (),
    networks_report: bool = False,
) -> Consumer:
    """A consumer with grants by upstream and by destination."""
    return Consumer(
        "shop",
        {name: tuple(grants) for name, grants in (upstreams or {}).items()},
        {text: tuple(grants) for text, grants in (destinations or {}).items()},
        networks,
        networks_report,
        "test",
    )


def granted(upstreams: Iterable[Upstream], destinations: Iterable[Destination] = ()) -> Consumer:
    """A consumer that may use all of it."""
    return consumer(
        {each.name: [grant(each.name)] for each in upstreams}, {each.text: [grant(each.text)] for each in destinations}
    )


def key(
    owner: Consumer,
    *,
    expires_at: float | None = None,
    revoked: bool = False,
    networks: tuple[Network, ...] = (),
) -> Key:
    """What Exeat knows of KEY."""
    return Key(new_key().id, owner, expires_at, revoked, networks)


def snapshot(
    *upstreams: Upstream,
    destinations: Iterable[Destination] = (),
    known: Mapping[bytes, Key] | None = None,
    domains: tuple[bytes, ...] = (b"gateway.test",),
    cors: Cors | None = None,
    nat64: tuple[Network, ...] = (),
) -> Snapshot:
    """A snapshot in which the owner of KEY may use everything, unless `known` says otherwise (by SHA-256 digest)."""
    destinations = tuple(destinations)
    owner = granted(upstreams, destinations)
    keys = known if known is not None else {bytes.fromhex(new_key().sha256): key(owner)}
    origins: dict[Origin, tuple[Upstream, ...]] = {}
    for each in upstreams:
        for one in (each, *each.siblings.values()):
            for place in dict.fromkeys(end.origin for end in one.endpoints):
                origins[place] = (*origins.get(place, ()), one)
    return Snapshot(
        "r1",
        {each.name.encode(): each for each in upstreams},
        {host.encode(): each for each in upstreams for host in each.hosts},
        origins,
        _by_host(each for each in destinations if not each.wildcard),
        _by_host(each for each in destinations if each.wildcard),
        keys,
        {each.consumer.name: each.consumer for each in keys.values()},
        domains,
        cors,
        nat64,
    )


def _by_host(destinations: Iterable[Destination]) -> dict[str, tuple[Destination, ...]]:
    found: dict[str, tuple[Destination, ...]] = {}
    for each in destinations:
        found[each.host] = (*found.get(each.host, ()), each)
    return found
