"""Conversations with upstreams whose redirects are followed: every hop is checked like a call of its own."""

from ipaddress import ip_network

import pytest

from exeat.model.credential import Query
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach
from tests.support.access import attempts_of
from tests.support.playbook import CREDENTIAL, GATEWAY, KEYED, UPSTREAM, Stage, conversation, on_stage, scene
from tests.support.values import SECRET, destination, snapshot, upstream

HOST = "Host: gateway.test"
ASK = ("GET /api/a?b=1 HTTP/1.1", HOST, KEYED, "Cookie: session=1", "Accept: text/plain")
FIRST = ("GET /v1/a?b=1 HTTP/1.1", "Host: api.test", "Cookie: session=1", "Accept: text/plain", CREDENTIAL)


def following() -> Snapshot:
    """An upstream whose redirects are followed twice, another upstream, and destinations."""
    return snapshot(
        upstream("api", "http://api.test/v1", follow_redirects=2),
        upstream("other", "http://other.test"),
        destinations=[
            destination("files.test", plaintext=True),
            destination("secure.test"),
            destination("inside.test", plaintext=True, reach=Reach((ip_network("10.0.0.0/8"),))),
        ],
    )


@conversation(following)
def test_within_the_upstream(stage: Stage) -> None:
    """A hop within the upstream carries its credential and the caller's fields; the last answer is the caller's."""
    caller = stage.caller()
    caller.says(*ASK)
    api = stage.upstream()
    api.hears(*FIRST)
    api.says("HTTP/1.1 302 Found", "Location: /v1/b?c=2", "Content-Length: 0")
    api.hears("GET /v1/b?c=2 HTTP/1.1", *FIRST[1:])
    api.says("HTTP/1.1 301 Moved", "Location: http://api.test:80/v1/d", "Content-Length: 0")
    api.hears("GET /v1/d HTTP/1.1", *FIRST[1:])
    api.says("HTTP/1.1 200 OK", "Link: </v1/next>; rel=next", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Link: </api/next>; rel=next", "Content-Length: 2", UPSTREAM, body="ok")
    record = stage.records[-1]
    assert (record["path"], record["upstream"], len(attempts_of(record)), record["status"]) == ("/a", "api", 3, 200)


@conversation(following)
def test_to_a_destination(stage: Stage) -> None:
    """A hop to a granted destination takes neither credential nor cookie along; URLs have a form that leads there."""
    caller = stage.caller()
    caller.says(*ASK, "Authorization: Basic Y2FsbGVy", "Referer: http://x.test")
    stage.upstream().hears(*FIRST[:4], "Referer: http://x.test", CREDENTIAL)
    stage.upstream().says("HTTP/1.1 307 Away", "Location: http://files.test/f?sig=1", "Content-Length: 0")
    files = stage.upstream(2)
    files.hears("GET /f?sig=1 HTTP/1.1", "Host: files.test", "Accept: text/plain")
    files.says("HTTP/1.1 200 OK", "Content-Location: /f2", "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", "Content-Location: /http://files.test/f2", "Content-Length: 0", UPSTREAM)


@scene(following)
def test_in_host_mode_a_url_of_another_place_stays_whole(stage: Stage) -> None:
    """Where the caller's Host names the upstream, paths of the place behind a redirect are written as whole URLs."""
    caller = stage.caller()
    caller.says("GET /a HTTP/1.1", "Host: api.gateway.test", KEYED)
    stage.upstream().says("HTTP/1.1 302 Found", "Location: //files.test/f", "Content-Length: 0")
    stage.upstream(2).says(
        "HTTP/1.1 200 OK", "Content-Location: /f2", "Link: <http://files.test/>", "Content-Length: 0"
    )
    lines = ("Content-Location: http://files.test/f2", "Link: <http://files.test/>")
    caller.hears("HTTP/1.1 200 OK", *lines, "Content-Length: 0", UPSTREAM)


@scene(following)
def test_after_the_last_hop_the_redirect_is_passed_on(stage: Stage) -> None:
    """A loop ends: what comes after as many hops as are allowed goes to the caller."""
    caller = stage.caller()
    caller.says(*ASK)
    for _ in range(3):
        stage.upstream().says("HTTP/1.1 302 Found", "Location: /v1/again", "Content-Length: 0")
    caller.hears("HTTP/1.1 302 Found", "Location: /api/again", "Content-Length: 0", UPSTREAM)
    assert len(attempts_of(stage.records[-1])) == 3
    assert stage.dialled == 1


@scene(following)
def test_content_of_a_redirect_that_came_with_it_is_left_out(stage: Stage) -> None:
    """A redirect's own content isn't the caller's, and its connection serves the next hop."""
    caller = stage.caller()
    caller.says(*ASK)
    stage.upstream().says("HTTP/1.1 302 Found", "Location: /v1/b", "Content-Length: 4", body="away")
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    assert stage.dialled == 1


@scene(following)
def test_a_connection_with_an_unread_redirect_is_not_used_again(stage: Stage) -> None:
    """Content of the redirect that hasn't come yet can't become the next hop's answer."""
    caller = stage.caller()
    caller.says(*ASK)
    stage.upstream().says("HTTP/1.1 302 Found", "Location: /v1/b", "Content-Length: 9999")
    assert stage.dialled == 2
    stage.upstream().sees_it_dropped()
    stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@pytest.mark.parametrize(
    ("location", "status", "code"),
    [
        ("http://unlisted.test/", 403, "target-not-allowed"),
        ("http://other.test/admin", 403, "target-not-allowed"),
        ("http://api.test/outside", 403, "path-not-granted"),
        ("http://api.test:8081/v1/a", 403, "target-not-allowed"),
        ("http://secure.test/", 403, "plaintext-refused"),
        ("https://secure.test:8443/", 403, "port-not-allowed"),
        ("http://169.254.169.254/latest/meta-data/", 403, "target-not-allowed"),
        ("http://127.0.0.1:8080/api/a", 403, "target-not-allowed"),
        ("http://[::ffff:169.254.169.254]/", 403, "target-not-allowed"),
        ("http://2130706433/", 502, "upstream-malformed"),
        ("http://x@api.test/v1/a", 502, "upstream-malformed"),
        ("gopher://api.test/v1/a", 502, "upstream-malformed"),
        ("http://files.test/../x/%2e%2e/y", 502, "upstream-malformed"),
    ],
)
def test_a_redirect_to_a_place_that_may_not_be_called(location: str, status: int, code: str) -> None:
    """The call is refused with the code that the same URL would have; nothing more is sent."""
    with on_stage(following()) as stage:
        caller = stage.caller()
        caller.says(*ASK)
        api = stage.upstream()
        api.hears(*FIRST)
        api.says("HTTP/1.1 302 Found", f"Location: {location}", "Content-Length: 0")
        caller.hears_problem(status, code)
        api.hears_nothing()
        assert stage.dialled == 1
        record = stage.records[-1]
        assert (record["error"], record["decision"], record["path"]) == (code, "deny", "/a")


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"])
def test_a_redirect_to_a_name_with_a_bad_address(address: str) -> None:
    """The address behind a hop is judged by what that destination may reach."""
    with on_stage(following()) as stage:
        stage.names["files.test"] = address
        caller = stage.caller()
        caller.says(*ASK)
        stage.upstream().says("HTTP/1.1 302 Found", "Location: http://files.test/", "Content-Length: 0")
        caller.hears_problem(403, "address-blocked")
        assert stage.dialled == 1


def test_a_redirect_to_a_granted_private_place() -> None:
    """A destination that may be private is reached; a metadata address isn't, even there."""
    with on_stage(following()) as stage:
        stage.names["inside.test"] = "10.1.2.3"
        caller = stage.caller()
        caller.says(*ASK)
        stage.upstream().says("HTTP/1.1 302 Found", "Location: http://inside.test/", "Content-Length: 0")
        stage.upstream(2).hears("GET / HTTP/1.1", "Host: inside.test", "Accept: text/plain")
        stage.upstream(2).says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@scene(following)
def test_a_post_is_never_repeated(stage: Stage) -> None:
    """A redirect of a request that isn't GET or HEAD is passed on."""
    caller = stage.caller()
    caller.says("POST /api/a HTTP/1.1", HOST, KEYED, "Content-Length: 2", body="hi")
    stage.upstream().takes()
    stage.upstream().says("HTTP/1.1 307 Away", "Location: /v1/b", "Content-Length: 0")
    caller.hears("HTTP/1.1 307 Away", "Location: /api/b", "Content-Length: 0", UPSTREAM)


def in_query() -> Snapshot:
    """An upstream that takes its secret in the query."""
    api = upstream("api", "http://api.test", kind=Query("key", Secret(SECRET)), follow_redirects=1)
    return snapshot(api, destinations=[destination("files.test", plaintext=True)])


@scene(in_query)
def test_an_echoed_secret_does_not_go_to_another_place(stage: Stage) -> None:
    """An upstream that writes its secret into the redirect doesn't make the gateway carry it elsewhere."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    stage.upstream().hears(f"GET /a?key={SECRET} HTTP/1.1", "Host: api.test")
    stage.upstream().says("HTTP/1.1 302 Found", f"Location: http://files.test/?key={SECRET}", "Content-Length: 0")
    stage.upstream(2).hears("GET /?key=[redacted] HTTP/1.1", "Host: files.test")
    stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@scene(in_query)
def test_a_secret_in_the_query_is_set_anew_within_the_upstream(stage: Stage) -> None:
    """The hop's own parameter of that name is replaced by the credential."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.takes()
    api.says("HTTP/1.1 302 Found", f"Location: /b?x=1&key={SECRET}", "Content-Length: 0")
    api.hears(f"GET /b?x=1&key={SECRET} HTTP/1.1", "Host: api.test")
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@scene(following)
def test_without_a_location_there_is_nothing_to_follow(stage: Stage) -> None:
    """A redirect that doesn't say where to is an answer like any other."""
    caller = stage.caller()
    caller.says(*ASK)
    stage.upstream().says("HTTP/1.1 302 Found", "Content-Length: 0")
    caller.hears("HTTP/1.1 302 Found", "Content-Length: 0", UPSTREAM)
    assert GATEWAY not in caller.takes().decode()
