"""Who may call what: grants, methods, paths, networks, ports, plaintext, and what only reports."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.consumer import Consumer
from exeat.model.limit import Kind, Limit, Scope
from exeat.model.upstream import Destination, Network, Upstream
from exeat.policy.authorize import (
    Permit,
    check_network,
    judge_grants,
    path_matches,
    permit_destination,
    permit_upstreams,
)
from tests.support.values import consumer, destination, grant, granted, key, origin, rules, upstream

API = upstream()
LIMIT = Limit("grant/shop:api/concurrency/concurrency", "concurrency", Kind.CONCURRENCY, Scope.GRANT, "shop:api", 1)


def permit(
    owner: Consumer, *upstreams: Upstream, method: bytes = b"GET", path: bytes = b"/", url: str | None = None
) -> Permit:
    """The permit of a call to one of several upstreams, by name or by the origin of a URL."""
    return permit_upstreams(upstreams or (API,), None if url is None else origin(url), owner, method, path)


def refusal(
    owner: Consumer, *upstreams: Upstream, method: bytes = b"GET", path: bytes = b"/", url: str | None = None
) -> Code:
    with pytest.raises(GatewayError) as caught:
        permit(owner, *upstreams, method=method, path=path, url=url)
    assert caught.value.detail
    return caught.value.code


def test_no_grant_no_access() -> None:
    """Without a grant nothing may be called, whatever the upstream allows."""
    assert refusal(consumer()) is Code.GRANT_MISSING
    assert refusal(consumer({"other": [grant("other")]})) is Code.GRANT_MISSING
    assert refusal(consumer({"api": []})) is Code.GRANT_MISSING


def test_a_grant_of_everything() -> None:
    """A grant without rules gives every method and path of the upstream, ambiguous ones included."""
    given_all = granted([API])
    for method, path in ((b"GET", b"/"), (b"PURGE", b"//a%2Fb")):
        allowed = permit(given_all, method=method, path=path)
        assert (allowed.upstream, allowed.endpoints, allowed.path) == (API, API.endpoints, path)
        assert allowed.decision.outcome == "allow"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        (b"GET", b"/v1/a", None),
        (b"POST", b"/v1/a", Code.METHOD_NOT_GRANTED),
        (b"get", b"/v1/a", Code.METHOD_NOT_GRANTED),
        (b"GET", b"/v2", Code.PATH_NOT_GRANTED),
        (b"POST", b"/v2", Code.METHOD_NOT_GRANTED),
    ],
)
def test_rules_hold_wherever_they_stand(method: bytes, path: bytes, code: Code | None) -> None:
    """Methods and paths of the upstream hold for everybody, those of a grant for its consumer; the same way."""
    limited = upstream(methods=[b"GET"], paths=rules("/v1/**"))
    narrow = consumer({"api": [grant("api", methods=[b"GET"], paths=rules("/v1/**"))]})
    for owner, target in ((granted([API]), limited), (narrow, API), (narrow, limited)):
        if code is None:
            assert permit(owner, target, method=method, path=path).decision.outcome == "allow"
        else:
            assert refusal(owner, target, method=method, path=path) is code


def test_any_of_several_grants() -> None:
    """Grants add up: what one of them gives is given, and a grant that allows wins over one that reports."""
    reads = grant("api", methods=[b"GET"])
    writes = grant("api", methods=[b"PUT"], paths=rules("/w/*"))
    reports = grant("api", methods=[], report=True)
    for grants in ((reads, writes), (writes, reads), (reports, reads, writes)):
        assert judge_grants(grants, b"GET", b"/x")[0].outcome == "allow"
        assert judge_grants(grants, b"PUT", b"/w/x")[0].outcome == "allow"
    assert judge_grants((reads, writes), b"PUT", b"/x")[0].outcome == "deny"
    assert judge_grants((reads, reports), b"PUT", b"/x")[0].outcome == "report"
    assert judge_grants((reports, reads), b"PUT", b"/x")[0].outcome == "report"
    assert judge_grants((), b"GET", b"/")[0].code is Code.GRANT_MISSING


def test_which_grant_lets_a_call_pass() -> None:
    """The permit names the first grant that covers the call; none, where the consumer may use all of it uncounted."""
    reads = grant("api", methods=[b"GET"])
    counted = replace(grant("api"), limits=(LIMIT,))
    reports = grant("api", methods=[b"PUT"], report=True)
    site = destination("a.test")
    assert permit(consumer({"api": [reads, counted]})).grant is reads
    assert permit(consumer({"api": [reads, counted]}), method=b"PUT").grant is counted
    assert permit(consumer({"api": [counted, grant("api")]})).grant is counted
    assert permit(consumer({"api": [reads, reports, reports]}), method=b"DELETE").grant is reports
    assert permit(granted([API])).grant is None
    owner = consumer(destinations={"a.test": [reads, counted]})
    assert permit_destination(site, origin("https://a.test"), owner, b"PUT", b"/").grant is counted


@pytest.mark.parametrize(("method", "code"), [(b"PUT", Code.METHOD_NOT_GRANTED), (b"GET", Code.PATH_NOT_GRANTED)])
def test_report_mode_of_a_grant(method: bytes, code: Code) -> None:
    """A grant in report mode lets pass and says what it would have refused; the upstream's own rules still refuse."""
    owner = consumer({"api": [grant("api", methods=[b"GET"], paths=rules("/v1/**"), report=True)]})
    decision = permit(owner, method=method, path=b"/v2").decision
    assert (decision.outcome, decision.code) == ("report", code)
    assert decision.reason
    assert refusal(owner, upstream(paths=rules("/v1/**")), path=b"/v2") is Code.PATH_NOT_GRANTED


def test_a_url_below_the_url_of_an_upstream() -> None:
    """A URL at an upstream's origin is that upstream only below its own URL."""
    based = upstream("api", "https://api.test/v1", "https://other.test")
    owner = granted([based])
    allowed = permit(owner, based, url="https://api.test", path=b"/v1/x")
    assert (allowed.path, [end.host for end in allowed.endpoints]) == (b"/x", [b"api.test"])
    assert permit(owner, based, url="https://api.test", path=b"/v1").path == b"/"
    assert permit(owner, based, url="https://other.test", path=b"/v1").path == b"/v1"
    for path in (b"/", b"/v1beta/x", b"/v2", b"/V1/x"):
        assert refusal(owner, based, url="https://api.test", path=path) is Code.PATH_NOT_GRANTED


def test_the_first_upstream_that_may_be_used() -> None:
    """Of several upstreams at one origin the first that the consumer may use is called."""
    wide, narrow = upstream("wide", "https://api.test"), upstream("narrow", "https://api.test/v1")
    for owner, path, name in (
        (granted([wide, narrow]), b"/v1/x", "wide"),
        (granted([narrow]), b"/v1/x", "narrow"),
        (granted([wide]), b"/v2", "wide"),
    ):
        found = permit(owner, wide, narrow, url="https://api.test", path=path).upstream
        assert found is not None
        assert found.name == name
    assert refusal(granted([narrow]), wide, narrow, url="https://api.test", path=b"/v2") is Code.PATH_NOT_GRANTED
    assert refusal(consumer(), wide, narrow, url="https://api.test", path=b"/v2") is Code.GRANT_MISSING


def test_the_refusal_that_says_most() -> None:
    """Of several refusals the first counts that isn't a missing grant."""
    first, second, third = (upstream(name, "https://api.test") for name in ("first", "second", "third"))
    owner = consumer({"second": [grant("second", methods=[])], "third": [grant("third", paths=rules("/x"))]})
    assert refusal(owner, first, second, third, url="https://api.test") is Code.METHOD_NOT_GRANTED
    assert refusal(owner, third, second, first, url="https://api.test") is Code.PATH_NOT_GRANTED


ALLOWS = [
    ("/v1/*", "/v1/a", True),
    ("/v1/*", "/v1/a.b-c_d~e", True),
    ("/v1/*", "/v1/", False),
    ("/v1/*", "/v1", False),
    ("/v1/*", "/v1beta", False),
    ("/v1/*", "/v1beta/a", False),
    ("/v1/*", "/v1/a/b", False),
    ("/v1/*", "/V1/a", False),
    ("/v1/*/c", "/v1/a/c", True),
    ("/v1/*/c", "/v1/a/b/c", False),
    ("/v1/a*", "/v1/abc", True),
    ("/v1/a*", "/v1/a", False),
    ("/v1/*:run", "/v1/job:run", True),
    ("/v1/**", "/v1", True),
    ("/v1/**", "/v1/", True),
    ("/v1/**", "/v1/a/b", True),
    ("/v1/**", "/v1beta", False),
    ("/**", "/", True),
    ("**", "/any/thing", True),
    ("/", "/", True),
    ("/", "/a", False),
    ("/v1/charges", "/v1/charges/", False),
    ("/v1/charges", "/v1/%63harges", True),
    ("/v1/charges", "/v1/char%67%65s", True),
    ("/v1/*", "/v1/a%20b", True),
    ("/v1/*", "/v1/a%2520b", True),
    ("/v1/a.b", "/v1/axb", False),
    ("/v1/a+b", "/v1/aab", False),
    ("/v1/**", "/v1/a%2Fb", False),
    ("/v1/**", "/v1/a%5cb", False),
    ("/v1/**", "/v1/a%00", False),
    ("/v1/**", "/v1//a", False),
    ("/v1/**", "//v1/a", False),
    ("/v1/**", "/v1/a\\b", False),
]


@pytest.mark.parametrize(("pattern", "path", "passes"), ALLOWS)
def test_paths_that_are_allowed(pattern: str, path: str, passes: bool) -> None:  # noqa: FBT001 - parametrized
    """A pattern matches whole segments of one canonical path; a path that can be read in two ways matches nothing."""
    assert path_matches(path.encode(), rules(pattern)) is passes


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/v1/accounts/**", "/v1/accounts"),
        ("/v1/accounts/**", "/v1/accounts/a"),
        ("/v1/accounts/**", "/v1/%61ccounts/a"),
        ("/v1/accounts/**", "/v1/accounts;x=1/a"),
        ("/v1/accounts/**", "/v1;x/accounts;y/a"),
        ("/v1/accounts/**", "/v1/accounts%3Bx/a"),
        ("/v1/accounts", "/v1/accounts;x"),
        ("/v1/accounts", "/v1/accounts;"),
        ("/v1/accounts", "/v1/accounts%3bx"),
        ("/v1/*:delete", "/v1/a:delete"),
        ("/v1/*:delete", "/v1/a%3Adelete"),
        ("/v1/*:delete", "/v1/a%3a%64elete"),
        ("/files/@private/**", "/files/%40private/x"),
        ("/a+b", "/a%2Bb"),
        ("/a$b", "/a%24b"),
        ("/caf%c3%A9", "/caf%C3%a9"),
        ("/%61dmin/**", "/admin/x"),
        ("/v1/accounts/**", "/v1//accounts/a"),
        ("/v1/accounts/**", "/v1/accounts//a"),
        ("/v1/accounts/**", "/v1%2Faccounts/a"),
    ],
)
def test_paths_that_are_denied_in_every_spelling(pattern: str, path: str) -> None:
    """A denied path is denied with parameters, encodings and double slashes that servers read as the same path."""
    assert not path_matches(path.encode(), rules(deny=[pattern]))
    assert not path_matches(path.encode(), rules("/**", deny=[pattern]))


@pytest.mark.parametrize(
    "path", ["/v1/account", "/v1/accounts2", "/v2/accounts", "/", "/v1/a;b", "/v1/a%3Bb", "/v1/%41ccounts"]
)
def test_what_is_not_denied_passes(path: str) -> None:
    """Deny rules alone let everything else through."""
    assert path_matches(path.encode(), rules(deny=["/v1/accounts/**"]))


segments = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~:@!$&'()*+,=", min_size=1, max_size=6).filter(
    lambda text: set(text) != {"."} and "*" not in text
)


@given(parts=st.lists(segments, min_size=1, max_size=4), data=st.data())
def test_no_encoding_evades_a_denial(parts: list[str], data: st.DataObject) -> None:
    """However the characters of a path are percent-encoded, a rule that denies it denies it."""
    spelled = [
        "".join(
            data.draw(st.sampled_from([character, f"%{ord(character):02X}", f"%{ord(character):02x}"]))
            for character in part
        )
        for part in parts
    ]
    assert not path_matches(("/" + "/".join(spelled)).encode(), rules(deny=["/" + "/".join(parts)]))


@given(path=st.binary(max_size=30))
def test_any_path(path: bytes) -> None:
    """Any bytes match or don't."""
    assert path_matches(b"/" + path, rules("/v1/*", deny=["/v1/a"])) in {True, False}


@pytest.mark.parametrize(
    ("networks", "own", "address", "passes"),
    [
        ((), (), "198.51.100.7", True),
        ((), (), "", True),
        (("10.0.0.0/8",), (), "10.1.2.3", True),
        (("10.0.0.0/8",), (), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8",), (), "11.0.0.1", False),
        (("10.0.0.0/8",), (), "::1", False),
        (("10.0.0.0/8",), (), "", False),
        (("2001:db8::/32",), (), "2001:db8::7", True),
        (("10.0.0.0/8", "192.168.0.0/16"), (), "192.168.1.1", True),
        (("10.0.0.0/8",), ("10.1.0.0/16",), "10.1.2.3", True),
        (("10.0.0.0/8",), ("10.1.0.0/16",), "10.2.2.3", False),
        ((), ("10.1.0.0/16",), "10.2.2.3", False),
        ((), ("10.1.0.0/16",), "10.1.2.3", True),
        (("10.0.0.0/8",), ("192.168.0.0/16",), "192.168.0.1", False),
    ],
)
def test_where_a_key_may_be_used_from(
    networks: Iterable[str],
    own: Iterable[str],
    address: str,
    passes: bool,  # noqa: FBT001 - parametrized
) -> None:
    """A caller's address has to be within the consumer's networks and the key's; a Unix socket is in none."""

    def parsed(texts: Iterable[str]) -> tuple[Network, ...]:
        return tuple(map(ip_network, texts))

    for report in (False, True):
        owner = consumer(networks=parsed(networks), networks_report=report)
        decision = check_network(key(owner, networks=parsed(own)), address)
        refused = "report" if report else "deny"
        assert decision.outcome == ("allow" if passes else refused)
        assert (decision.code is Code.IP_NOT_ALLOWED) is not passes


SECURE, PLAIN, PORT = destination("*.a.test"), destination("b.test", plaintext=True), destination("c.test:8443")


@pytest.mark.parametrize(
    ("place", "url", "code"),
    [
        (SECURE, "https://x.a.test", None),
        (SECURE, "https://x.a.test:8443", Code.PORT_NOT_ALLOWED),
        (SECURE, "http://x.a.test", Code.PLAINTEXT_REFUSED),
        (SECURE, "http://x.a.test:443", Code.PLAINTEXT_REFUSED),
        (PLAIN, "http://b.test", None),
        (PLAIN, "https://b.test", None),
        (PLAIN, "http://b.test:443", Code.PORT_NOT_ALLOWED),
        (PLAIN, "https://b.test:80", Code.PORT_NOT_ALLOWED),
        (PORT, "https://c.test:8443", None),
        (PORT, "https://c.test", Code.PORT_NOT_ALLOWED),
        (PORT, "http://c.test:8443", Code.PLAINTEXT_REFUSED),
        (None, "https://x.a.test", Code.TARGET_NOT_ALLOWED),
    ],
)
def test_a_destination(place: Destination | None, url: str, code: Code | None) -> None:
    """A destination may be called at its port, over TLS unless it says otherwise, and only if it is listed."""
    owner = granted([], [SECURE, PLAIN, PORT])
    if code is None:
        found = permit_destination(place, origin(url), owner, b"GET", b"/x")
        assert (found.destination, found.upstream, found.endpoints, found.path) == (place, None, (), b"/x")
        assert found.decision.outcome == "allow"
        return
    with pytest.raises(GatewayError) as caught:
        permit_destination(place, origin(url), owner, b"GET", b"/x")
    assert caught.value.code is code


def test_a_destination_needs_a_grant() -> None:
    """A listed destination may be called only by whom a grant gives it, within the grant."""
    narrow = consumer(destinations={"*.a.test": [grant("*.a.test", methods=[b"GET"])]})
    assert permit_destination(SECURE, origin("https://x.a.test"), narrow, b"GET", b"/").decision.outcome == "allow"
    for owner, method, code in ((narrow, b"PUT", Code.METHOD_NOT_GRANTED), (consumer(), b"GET", Code.GRANT_MISSING)):
        with pytest.raises(GatewayError) as caught:
            permit_destination(SECURE, origin("https://x.a.test"), owner, method, b"/")
        assert caught.value.code is code


def test_a_destination_that_only_reports() -> None:
    """A destination in report mode passes and is recorded; so does a grant in report mode, whose reason is kept."""
    listed = destination("*.a.test", report=True)
    place = origin("https://x.a.test")
    everything = granted([], [listed])
    assert permit_destination(listed, place, everything, b"GET", b"/").decision.code is Code.TARGET_NOT_ALLOWED
    reporting = consumer(destinations={"*.a.test": [grant("*.a.test", methods=[b"GET"], report=True)]})
    assert permit_destination(listed, place, reporting, b"PUT", b"/").decision.code is Code.METHOD_NOT_GRANTED
