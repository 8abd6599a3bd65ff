"""Where a request wants to go: each mode, and which of them wins."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.snapshot import Snapshot
from exeat.policy.resolve import Resolved, by_name, by_url, match_destination, named_by_host, resolve
from exeat.wire.target import parse_url
from tests.support.values import destination, head, snapshot, upstream

GITHUB = upstream("github", "https://api.github.com")
BILLING = upstream("billing", "https://a.billing.test/v1", "https://b.billing.test/v1", hosts=("billing.example",))
BOTH = upstream("both", "https://api.github.com/enterprise")
WILD, EXACT, PORT, DEEP = (
    destination(text) for text in ("*.example.org", "api.example.com", "api.example.com:8443", "*.deep.example.org")
)
KNOWN = snapshot(
    GITHUB,
    BILLING,
    BOTH,
    destinations=[WILD, EXACT, PORT, DEEP],
    domains=(b"gateway.internal", b"localhost"),
)


def found(target: str, *lines: str, host: str = "gateway.test", method: str = "GET", at: Snapshot = KNOWN) -> Resolved:
    """Where a request goes."""
    return resolve(head(*lines, start=f"{method} {target} HTTP/1.1", host=host), at)


def refusal(target: str, *lines: str, host: str = "gateway.test", method: str = "GET") -> GatewayError:
    """Why a request goes nowhere."""
    with pytest.raises(GatewayError) as caught:
        found(target, *lines, host=host, method=method)
    return caught.value


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/github/repos/x?z", b"/repos/x", b"z"),
        ("/github/repos/x?", b"/repos/x", b""),
        ("/github?z=1", b"/", b"z=1"),
        ("/github", b"/", None),
        ("/github/", b"/", None),
        ("/github//x", b"//x", None),
        ("/github/-/x", b"/-/x", None),
        ("/github/https://a/", b"/https://a/", None),
        ("/github/a%2Fb;c?d=/../", b"/a%2Fb;c", b"d=/../"),
    ],
)
def test_an_upstream_by_path(target: str, path: bytes, query: bytes | None) -> None:
    """The first segment names the upstream; what follows is its path, as it was sent."""
    place = found(target)
    assert place.mode == "path"
    assert place.upstreams == (GITHUB,)
    assert (place.path, place.query, place.prefix) == (path, query, b"/github")
    assert place.target is None
    assert place.unknown is None


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/", ""),
        ("/nope/x", "nope"),
        ("/GitHub/x", "GitHub"),
        ("/git%68ub/x", "git%68ub"),
        ("//github/x", ""),
        ("/-", "-"),
    ],
)
def test_what_names_nothing(target: str, name: str) -> None:
    """An unknown name isn't refused here: only who has a key may know that it is unknown."""
    place = found(target)
    assert place.unknown == name
    assert place.upstreams == ()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("github.gateway.internal", "github"),
        ("GitHub.Gateway.Internal:8080", "github"),
        ("github.localhost", "github"),
        ("billing.example", "billing"),
        ("Billing.Example:443", "billing"),
        ("nope.gateway.internal", None),
        ("gateway.internal", None),
        (".gateway.internal", None),
        ("a.github.gateway.internal", None),
        ("x.billing.example", None),
        ("github.gateway.internal.evil.test", None),
        ("githubgateway.internal", None),
        ("gateway.test", None),
        ("127.0.0.1", None),
        ("[::1]:80", None),
        ("", None),
    ],
)
def test_an_upstream_by_host(host: str, name: str | None) -> None:
    """A host that an upstream declares, or one label below a domain of the gateway, names the upstream."""
    named = named_by_host(host.encode(), KNOWN)
    assert (None if named is None else named.name) == name
    if name is not None:
        place = found("/-/whoami?x", host=host)
        assert place.mode == "host"
        assert (place.path, place.query, place.prefix) == (b"/-/whoami", b"x", b"")


@pytest.mark.parametrize(
    ("target", "prefix"),
    [
        ("/https://api.github.com/repos?z", b"/https://api.github.com"),
        ("/https:/api.github.com/repos?z", b"/https://api.github.com"),
        ("/https://API.GitHub.com:443/repos?z", b"/https://api.github.com"),
        ("/https://api.github.com./repos?z", b"/https://api.github.com"),
    ],
)
def test_a_url_in_the_path(target: str, prefix: bytes) -> None:
    """A URL at the origin of upstreams is theirs, in the document's order; a proxy may have collapsed its slashes."""
    place = found(target)
    assert place.mode == "url"
    assert place.upstreams == (GITHUB, BOTH)
    assert place.target is not None
    assert str(place.target.origin) == "https://api.github.com"
    assert (place.path, place.query, place.prefix) == (b"/repos", b"z", prefix)
    assert place.destination is None


def test_a_url_in_the_path_of_a_destination() -> None:
    """A URL of no upstream may match a destination, or nothing."""
    place = found("/https://a.example.org/x")
    assert (place.upstreams, place.destination) == ((), WILD)
    assert found("/https://nowhere.test/x").destination is None
    assert found("/http://api.example.com/x").destination == EXACT


@pytest.mark.parametrize("value", ["https://api.github.com", "https://api.github.com/", "HTTPS://api.github.com:443"])
def test_a_target_in_a_field(value: str) -> None:
    """Exeat-Target names an origin; path and query are those of the request."""
    place = found("/a/b?c", f"Exeat-Target: {value}")
    assert place.mode == "header"
    assert place.upstreams == (GITHUB, BOTH)
    assert (place.path, place.query, place.prefix) == (b"/a/b", b"c", b"")


@pytest.mark.parametrize(
    "value", ["https://a/x", "https://a/?", "https://a?x", "a", "", "https://user@a", "https://a, https://b"]
)
def test_a_field_that_names_no_origin(value: str) -> None:
    """Exeat-Target holds one origin and nothing else."""
    assert refusal("/", f"Exeat-Target: {value}").code is Code.MALFORMED_TARGET


def test_which_mode_wins() -> None:
    """A field wins over a host, a host over the gateway's own paths and over URLs, those over names."""
    target = "Exeat-Target: https://api.example.com"
    assert found("/-/live", target, host="github.localhost").mode == "header"
    assert found("/-/live", host="github.localhost").mode == "host"
    assert found("/https://api.example.com/", host="github.localhost").mode == "host"
    assert found("/-/live").mode == "own"
    assert found("/https://api.example.com/").mode == "url"
    assert found("/github/").mode == "path"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
@pytest.mark.parametrize("target", ["/github/", "github:443", "*"])
def test_methods_that_are_never_forwarded(method: str, target: str) -> None:
    """TRACE and CONNECT are refused before anything else, and the connection with them."""
    error = refusal(target, method=method)
    assert error.code is Code.METHOD_NOT_ALLOWED
    assert error.closes


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("*", Code.MALFORMED_REQUEST),
        ("github/x", Code.MALFORMED_REQUEST),
        ("?x", Code.MALFORMED_REQUEST),
        ("/github/x#y", Code.MALFORMED_REQUEST),
        ("/github/x?y#z", Code.MALFORMED_REQUEST),
        ("http://api.github.com/", Code.MALFORMED_TARGET),
        ("HTTPS://api.github.com/", Code.MALFORMED_TARGET),
        ("ftp://api.github.com/", Code.MALFORMED_REQUEST),
    ],
)
def test_other_forms_of_a_target(target: str, code: Code) -> None:
    """A target that is no path is refused, and the connection closed (RFC 9112 §3.2)."""
    error = refusal(target)
    assert error.code is code
    assert error.closes


def test_the_whole_server() -> None:
    """`OPTIONS *` is a question to the gateway itself."""
    assert (found("*", method="OPTIONS").mode, found("*", method="OPTIONS").path) == ("own", b"*")


@pytest.mark.parametrize(
    "path", ["/..", "/a/../b", "/%2e%2e/b", "/a/.%2E", "/..;/b", "/a\\b", "/..%2fb", "/a%5c..%5cb", "/a%5C..%5Cb"]
)
@pytest.mark.parametrize(
    ("before", "lines", "host"),
    [
        ("/github", (), "gateway.test"),
        ("", (), "github.localhost"),
        ("", ("Exeat-Target: https://api.github.com",), "gateway.test"),
        ("/https://api.github.com", (), "gateway.test"),
    ],
)
def test_paths_that_could_lead_out(path: str, before: str, lines: tuple[str, ...], host: str) -> None:
    """Dot segments are refused in every mode and every spelling: a base path can't be left."""
    assert refusal(before + path, *lines, host=host).code is Code.MALFORMED_TARGET


def test_the_same_answer_whether_a_name_exists() -> None:
    """What is wrong with a path is said whether its upstream exists or not."""
    assert refusal("/github/../x").detail == refusal("/nope/../x").detail


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [
        ("api.example.com", 443, "api.example.com"),
        ("api.example.com", 8443, "api.example.com:8443"),
        ("api.example.com", 9000, "api.example.com"),
        ("a.example.org", 443, "*.example.org"),
        ("a.b.example.org", 443, "*.example.org"),
        ("x.deep.example.org", 443, "*.deep.example.org"),
        ("deep.example.org", 443, "*.example.org"),
        ("example.org", 443, None),
        ("evilexample.org", 443, None),
        ("a.example.com", 443, None),
        ("x.api.example.com", 443, None),
        ("com", 443, None),
        ("example.org.evil.test", 443, None),
    ],
)
def test_destinations_match_whole_labels(host: str, port: int, text: str | None) -> None:
    """The most specific pattern wins, `*.` is one or more labels and never the apex."""
    match = match_destination(host, port, KNOWN)
    assert (None if match is None else match.text) == text


def test_the_envelopes_two_ways() -> None:
    """A call names an upstream or a URL, and is judged as other requests are."""
    place = by_name("envelope", "github", b"/x", b"y", KNOWN)
    assert (place.upstreams, place.path, place.query) == ((GITHUB,), b"/x", b"y")
    assert by_name("envelope", "nope", b"/", None, KNOWN).unknown == "nope"
    assert by_name("envelope", "ünknown", b"/", None, KNOWN).unknown == "ünknown"
    with pytest.raises(GatewayError):
        by_name("envelope", "github", b"x", None, KNOWN)
    assert by_url("envelope", parse_url(b"https://api.github.com/x"), KNOWN, b"").upstreams == (GITHUB, BOTH)


@given(target=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40))
def test_any_target(target: str) -> None:
    """Any target is one place or refused; the path of an upstream begins with a slash and has no dot segment."""
    for text in (target, f"/{target}", f"/github/{target}", f"/https://api.github.com/{target}"):
        with suppress(GatewayError):
            place = found(text)
            if place.upstreams:
                assert place.path.startswith(b"/")
                assert b"/../" not in place.path + b"/"
