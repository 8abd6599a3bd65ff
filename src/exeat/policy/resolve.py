"""Where a request wants to go: every mode of calling becomes one Resolved value.

Precedence: an Exeat-Target field, then a host that names an upstream, then Exeat's own paths, then a URL in the path,
then the first segment of the path. Below an upstream, a segment `~host` names one of its siblings. Nothing is refused
here for being unknown: who may know that is decided later.
"""

from typing import Final, Literal, final

from exeat.errors import Code, GatewayError
from exeat.model.origin import Target
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination, Upstream
from exeat.wire.http1 import RequestHead
from exeat.wire.target import check_path, parse_url, refuse

Mode = Literal["path", "host", "url", "header", "envelope", "own"]

URL_STARTS: Final = (b"/http:/", b"/https:/")
_NEVER_FORWARDED = frozenset({b"TRACE", b"CONNECT"})


@final
class Resolved:
    """One place: by name (`upstreams` has one), by URL (`target` is set) or nowhere (`unknown` says what was named).

    A URL may belong to several upstreams at its origin, or to a `destination`. `path` is what follows the upstream's
    URL, `query` what follows `?`; `prefix` is what the caller's own paths to this place begin with.
    """

    __slots__ = ("destination", "mode", "path", "prefix", "query", "target", "unknown", "upstreams")

    def __init__(
        self,
        mode: Mode,
        upstreams: tuple[Upstream, ...],
        destination: Destination | None,
        target: Target | None,
        path: bytes,
        query: bytes | None,
        prefix: bytes,
        unknown: str | None = None,
    ) -> None:
        self.mode: Final = mode
        self.upstreams: Final = upstreams
        self.destination: Final = destination
        self.target: Final = target
        self.path: Final = path
        self.query: Final = query
        self.prefix: Final = prefix
        self.unknown: Final = unknown

    @property
    def bases(self) -> tuple[bytes, ...]:
        """How `path` may begin before what is below an upstream's URL: it begins there unless it was called by URL."""
        return (b"",) if self.target is None else tuple(one.base_path for one in self.upstreams[0].endpoints)

    def at(self, path: bytes) -> "Resolved":
        """The same place at another path."""
        target = None if self.target is None else Target(self.target.origin, path, self.target.query)
        return Resolved(
            self.mode, self.upstreams, self.destination, target, path, self.query, self.prefix, self.unknown
        )

    def asking(self, query: bytes | None) -> "Resolved":
        """The same place with another query."""
        target = None if self.target is None else Target(self.target.origin, self.target.path, query)
        return Resolved(
            self.mode, self.upstreams, self.destination, target, self.path, query, self.prefix, self.unknown
        )


def resolve(head: RequestHead, snapshot: Snapshot) -> Resolved:
    """Find where a request wants to go; GatewayError if its target can't be understood."""
    target = head.target
    if head.method in _NEVER_FORWARDED:
        raise GatewayError(Code.METHOD_NOT_ALLOWED, f"{head.method.decode()} is never forwarded.", closes=True)
    if target[:1] != b"/":
        return _other_form(head)
    if target.find(b"#") >= 0:
        raise GatewayError(Code.MALFORMED_REQUEST, "The request target holds a fragment.", closes=True)
    path, mark, rest = target.partition(b"?")
    query = rest if mark else None
    dynamic = head.known.get(b"exeat-target")
    if dynamic is not None:
        return _header(dynamic, path, query, snapshot)
    if upstream := named_by_host(head.known.get(b"host", b""), snapshot):
        _check(path)
        if upstream.siblings and path.startswith(b"/~"):
            return _at_sibling("host", upstream, path, query, b"")
        return Resolved("host", (upstream,), None, None, path, query, b"")
    if path.startswith(b"/-/"):
        return Resolved("own", (), None, None, path, query, b"")
    if path.startswith(URL_STARTS):
        url = target[1:]
        if b"://" not in url[:8]:
            url = url.replace(b":/", b"://", 1)  # a client or a proxy collapsed the double slash
        parsed = parse_url(url)
        return by_url("url", parsed, snapshot, b"/" + str(parsed.origin).encode())
    return _path(path, query, snapshot)


def _path(path: bytes, query: bytes | None, snapshot: Snapshot) -> Resolved:
    end = path.find(b"/", 1)
    name, below = (path[1:], b"/") if end < 0 else (path[1:end], path[end:])
    _check(below)  # before the look-up: the answer mustn't tell a stranger whether the name exists
    upstream = snapshot.upstreams.get(name)
    if upstream is None:
        return Resolved("path", (), None, None, path, query, b"", name.decode("latin-1"))
    if upstream.siblings and below.startswith(b"/~"):
        return _at_sibling("path", upstream, below, query, b"/" + name)
    return Resolved("path", (upstream,), None, None, below, query, b"/" + name)


def _at_sibling(mode: Mode, upstream: Upstream, path: bytes, query: bytes | None, prefix: bytes) -> Resolved:
    """What a path means that may begin with a sibling; one that doesn't is the upstream's own."""
    end = path.find(b"/", 1)
    name, below = (path[1:], b"/") if end < 0 else (path[1:end], path[end:])
    sibling = upstream.siblings.get(name.lower())
    if sibling is None:
        return Resolved(mode, (upstream,), None, None, path, query, prefix)
    return Resolved(mode, (sibling,), None, None, below, query, prefix + sibling.mark)


def _header(value: bytes, path: bytes, query: bytes | None, snapshot: Snapshot) -> Resolved:
    parsed = parse_url(value)
    if parsed.path != b"/" or parsed.query is not None:
        raise refuse("Exeat-Target names an origin; the path is that of the request.")
    _check(path)
    return by_url("header", Target(parsed.origin, path, query), snapshot, b"")


def by_url(mode: Mode, target: Target, snapshot: Snapshot, prefix: bytes) -> Resolved:
    """Find what a URL belongs to: the upstreams at its origin, or else the destination that matches its host."""
    upstreams = snapshot.origins.get(target.origin, ())
    destination = None if upstreams else match_destination(target.origin.host, target.origin.port, snapshot)
    return Resolved(mode, upstreams, destination, target, target.path, target.query, prefix)


def by_name(mode: Mode, name: str, path: bytes, query: bytes | None, snapshot: Snapshot) -> Resolved:
    """Find an upstream by its name."""
    check_path(path)
    upstream = snapshot.upstreams.get(name.encode())
    if upstream is None:
        return Resolved(mode, (), None, None, path, query, b"", name)
    return _at_sibling(mode, upstream, path, query, b"/" + name.encode())


def named_by_host(host: bytes, snapshot: Snapshot) -> Upstream | None:
    """The upstream that a Host names: one that declares it, or `<upstream>.<a domain of the gateway>`."""
    name = host.partition(b":")[0].lower()
    upstream = snapshot.hosts.get(name)
    if upstream is None and name.endswith(snapshot.domain_endings):
        first, _, domain = name.partition(b".")
        return snapshot.upstreams.get(first) if domain in snapshot.domains else None
    return upstream


def match_destination(host: str, port: int, snapshot: Snapshot) -> Destination | None:
    """The most specific destination for a host; of several for one host, the one that lists the port."""
    found = snapshot.exact.get(host)
    below = host
    while found is None and "." in below:
        below = below.partition(".")[2]
        found = snapshot.below.get(below)
    if found is None:
        return None
    return next((destination for destination in found if destination.port == port), found[0])


def _check(path: bytes) -> None:
    """Look at a path more closely where it holds what might be a dot segment or a separator."""
    # `in` costs three times as much as `find`: it tries a number first.
    is_encoded = path.find(b"%") >= 0 and (path.find(b"%2") >= 0 or path.find(b"%5") >= 0)
    if is_encoded or path.find(b"/.") >= 0 or path.find(b"\\") >= 0:
        check_path(path)


def _other_form(head: RequestHead) -> Resolved:
    """Forms of the target that don't begin with a slash (RFC 9112 §3.2)."""
    if head.target == b"*" and head.method == b"OPTIONS":
        return Resolved("own", (), None, None, b"*", None, b"")
    if head.target.lower().startswith((b"http://", b"https://")):
        raise GatewayError(
            Code.MALFORMED_TARGET,
            "This listener doesn't act as a forward proxy: write the URL behind the gateway's address.",
            closes=True,
        )
    raise GatewayError(Code.MALFORMED_REQUEST, "The request target isn't a path.", closes=True)
