"""Conversations about the fields of an answer: URLs in the caller's form, no secret, the gateway's decision on CORS."""

from exeat.model.credential import Header
from exeat.model.secret import Secret
from exeat.model.snapshot import Cors, Snapshot
from tests.support.playbook import CHUNKED, GATEWAY, KEYED, UPSTREAM, Party, Stage, chunks, conversation
from tests.support.values import SECRET, destination, snapshot, upstream

HOST = "Host: gateway.test"
PAGE = "Origin: https://app.test"


def based() -> Snapshot:
    """An upstream whose URL has a path, one that fills a field of its own, and a destination."""
    return snapshot(
        upstream("api", "http://api.test/v1"),
        upstream("own", "http://own.test", kind=Header("X-Token", Secret("token-of-own"), "")),
        destinations=[destination("*.elsewhere.test", plaintext=True)],
        cors=Cors(frozenset({b"https://app.test"}), 60),
    )


def ask(stage: Stage, target: str = "/api/a", *lines: str) -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(f"GET {target} HTTP/1.1", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


@conversation(based)
def test_urls_of_the_upstream(stage: Stage) -> None:
    """Location, Content-Location and Link lead back through the gateway; other URLs stay as they are."""
    caller, api = ask(stage)
    api.says(
        "HTTP/1.1 302 Found",
        "Location: http://api.test/v1/b?page=2#x",
        "Content-Location: /v1/c",
        'Link: <http://api.test/v1/a?page=3>; rel="next", <http://elsewhere.test/>; rel="help"',
        "X-Next: http://api.test/v1/b",
        "Content-Length: 0",
    )
    caller.hears(
        "HTTP/1.1 302 Found",
        "Location: http://gateway.test/api/b?page=2#x",
        "Content-Location: /api/c",
        'Link: <http://gateway.test/api/a?page=3>; rel="next", <http://elsewhere.test/>; rel="help"',
        "X-Next: http://api.test/v1/b",
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(based)
def test_urls_in_the_form_of_a_url_in_the_path(stage: Stage) -> None:
    """A caller that writes URLs behind the gateway's address gets them back like that."""
    caller, api = ask(stage, "/http://a.elsewhere.test/x")
    api.says("HTTP/1.1 302 Found", "Location: http://a.elsewhere.test/y", "Content-Length: 0")
    caller.hears(
        "HTTP/1.1 302 Found",
        "Location: http://gateway.test/http://a.elsewhere.test/y",
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(based)
def test_an_echoed_secret_in_a_field(stage: Stage) -> None:
    """The injected secret is replaced where the upstream echoes it, and the other fields stay as they are."""
    caller, api = ask(stage, "/own/")
    api.says(
        "HTTP/1.1 401 Unauthorized",
        "Connection: keep-alive",
        "X-Echo: token-of-own!",
        'WWW-Authenticate: Token error="dG9rZW4tb2Ytb3du"',
        "X-Plain: 1",
        "Content-Length: 0",
    )
    caller.hears(
        "HTTP/1.1 401 Unauthorized",
        "X-Echo: [redacted]!",
        'WWW-Authenticate: Token error="[redacted]"',
        "X-Plain: 1",
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(based)
def test_an_echoed_secret_in_a_redirect(stage: Stage) -> None:
    """A redirect that carries the secret loses it too."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 302 Found", f"Location: https://else.test/?key={SECRET}", "Content-Length: 0")
    caller.hears("HTTP/1.1 302 Found", "Location: https://else.test/?key=[redacted]", "Content-Length: 0", UPSTREAM)


@conversation(based)
def test_an_echoed_secret_in_the_reason(stage: Stage) -> None:
    """The reason phrase is no place to leak a secret either."""
    caller, api = ask(stage)
    api.says(f"HTTP/1.1 401 Bad token {SECRET}", "Content-Length: 0")
    caller.hears("HTTP/1.1 401 Bad token [redacted]", "Content-Length: 0", UPSTREAM)


@conversation(based)
def test_an_echoed_secret_in_an_interim_answer(stage: Stage) -> None:
    """Interim answers lose the secret as final ones do."""
    caller, api = ask(stage)
    api.says(f"HTTP/1.1 103 {SECRET}", f"X-Echo: {SECRET}")
    assert SECRET.encode() not in caller.takes()


@conversation(based)
def test_an_echoed_secret_in_a_trailer(stage: Stage) -> None:
    """Trailers lose the secret as fields do."""
    caller, api = ask(stage, "/api/a", "TE: trailers")
    api.says("HTTP/1.1 200 OK", CHUNKED, body=chunks("body", trailers=(f"X-Echo: {SECRET}",)))
    caller.hears("HTTP/1.1 200 OK", CHUNKED, UPSTREAM, body=chunks("body", trailers=("X-Echo: [redacted]",)))


@conversation(based)
def test_a_page_that_may_call(stage: Stage) -> None:
    """For a page that the document lists, the gateway's own permission replaces the upstream's."""
    caller, api = ask(stage, "/api/a", PAGE)
    api.says(
        "HTTP/1.1 200 OK",
        "Connection: keep-alive",
        "Access-Control-Allow-Origin: *",
        "Vary: Accept",
        "X-Total: 3",
        "Content-Length: 0",
    )
    caller.hears(
        "HTTP/1.1 200 OK",
        "Vary: Accept",
        "X-Total: 3",
        "Access-Control-Allow-Origin: https://app.test",
        "Access-Control-Expose-Headers: exeat-origin, exeat-request-id, ratelimit, ratelimit-policy, vary, x-total",
        "Vary: Origin",
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(based)
def test_a_page_that_may_not_call(stage: Stage) -> None:
    """For another page nothing is allowed, whatever the upstream allows."""
    caller, api = ask(stage, "/api/a", "Origin: https://other.test")
    api.says("HTTP/1.1 200 OK", "Access-Control-Allow-Origin: *", "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 0", UPSTREAM)


@conversation(based)
def test_a_preflight(stage: Stage) -> None:
    """A preflight carries no key; the gateway answers it for a page that the document lists."""
    caller = stage.caller()
    caller.says(
        "OPTIONS /api/a HTTP/1.1",
        HOST,
        PAGE,
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: exeat-key, content-type",
    )
    caller.hears(
        "HTTP/1.1 204 No Content",
        "Access-Control-Allow-Origin: https://app.test",
        "Access-Control-Allow-Methods: PUT",
        "Access-Control-Max-Age: 60",
        "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        "Access-Control-Allow-Headers: exeat-key, content-type",
        GATEWAY,
    )
    assert stage.dialled == 0


@conversation(based)
def test_a_preflight_for_the_envelope(stage: Stage) -> None:
    """Pages may call the gateway's own paths as they may call upstreams."""
    caller = stage.caller()
    caller.says("OPTIONS /-/call HTTP/1.1", HOST, PAGE, "Access-Control-Request-Method: POST")
    heard = caller.takes()
    assert b"Access-Control-Allow-Methods: POST\r\n" in heard
    assert b"Access-Control-Allow-Origin: https://app.test\r\n" in heard


@conversation(based)
def test_a_preflight_of_another_page(stage: Stage) -> None:
    """A preflight of a page that isn't listed is a request without a key."""
    caller = stage.caller()
    caller.says("OPTIONS /api/a HTTP/1.1", HOST, "Origin: https://other.test", "Access-Control-Request-Method: PUT")
    caller.hears_problem(401, "key-missing")


@conversation(based)
def test_a_failure_that_a_page_can_read(stage: Stage) -> None:
    """A page that may call can read why its call failed."""
    caller = stage.caller()
    caller.says("GET /nothing/ HTTP/1.1", HOST, KEYED, PAGE)
    heard = caller.takes()
    assert heard.startswith(b"HTTP/1.1 404 ")
    assert b"Access-Control-Allow-Origin: https://app.test\r\n" in heard
    assert b"exeat-error" in heard
