"""Conversations about sibling hosts of an upstream: how they are called, what is shown there, and links to them."""

from collections.abc import Callable
from dataclasses import replace

from exeat.config.sibling_entries import Sibling
from exeat.config.siblings import with_siblings
from exeat.model.circuit import Circuit
from exeat.model.credential import Cookie, Header, Query, Segment
from exeat.model.retries import Retries
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Reach, TlsIdentity, Upstream
from exeat.policy.inject import prepare
from tests.support.playbook import CREDENTIAL, KEYED, UPSTREAM, Stage, conversation
from tests.support.values import origin, rules, snapshot, upstream

HOST = "Host: gateway.test"
UPLOADS, CDN = "http://uploads.test:8080", "http://cdn.test"


def family(api: Upstream) -> Upstream:
    """An upstream with two siblings: its credential goes to one of them."""
    origins = api.credential.origins | {origin(UPLOADS)}
    api = replace(api, credential=prepare(Header("X-Token", Secret("the-secret"), ""), origins))
    shown = [
        Sibling.model_validate({"host": UPLOADS}),
        Sibling.model_validate({"host": CDN, "credential": False}),
    ]
    return with_siblings(api, shown, TlsIdentity(), Reach())


def plain() -> Snapshot:
    return snapshot(family(upstream("api", "http://api.test/v1", paths=rules("/files/**"))))


def following() -> Snapshot:
    return snapshot(
        family(upstream("api", "http://api.test/v1", follow_redirects=2)), upstream("other", "http://b.test")
    )


SHOWN = "X-Token: the-secret"


@conversation(plain)
def test_by_path(stage: Stage) -> None:
    """A path below `~host` goes to that sibling, with the upstream's credential, and without its path."""
    caller = stage.caller()
    caller.says("GET /api/~uploads.test:8080/files/a?b=c HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.hears("GET /files/a?b=c HTTP/1.1", "Host: uploads.test:8080", SHOWN)
    api.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    assert stage.asked == ["uploads.test"]
    assert stage.records[-1]["upstream"] == "api"


@conversation(plain)
def test_by_host(stage: Stage) -> None:
    """The same where the upstream is addressed by its host, and where a sibling's name is written in capitals."""
    caller = stage.caller()
    caller.says("GET /~Uploads.Test:8080/files/a HTTP/1.1", "Host: api.gateway.test", KEYED)
    stage.upstream().hears("GET /files/a HTTP/1.1", "Host: uploads.test:8080", SHOWN)


@conversation(plain)
def test_by_url(stage: Stage) -> None:
    """A sibling's URL is the upstream, too."""
    caller = stage.caller()
    caller.says("GET /http://uploads.test:8080/files/a HTTP/1.1", HOST, KEYED)
    stage.upstream().hears("GET /files/a HTTP/1.1", "Host: uploads.test:8080", SHOWN)


@conversation(plain)
def test_without_the_credential(stage: Stage) -> None:
    """A sibling that isn't to see the credential sees none, nor the key in the place for it."""
    caller = stage.caller()
    caller.says("GET /api/~cdn.test/files/a HTTP/1.1", HOST, f"X-Token: {KEYED[11:]}", "Authorization: Basic eDp5")
    stage.upstream().hears("GET /files/a HTTP/1.1", "Host: cdn.test")


@conversation(plain)
def test_the_upstreams_rules(stage: Stage) -> None:
    """Which paths may be called is the same for siblings."""
    caller = stage.caller()
    caller.says("GET /api/~uploads.test:8080/other HTTP/1.1", HOST, KEYED)
    caller.hears_problem(403, "path-not-granted")
    caller.says("GET /api/~uploads.test:8080/../files/x HTTP/1.1", HOST, KEYED)
    caller.hears_problem(400, "malformed-target")


@conversation(following)
def test_another_host(stage: Stage) -> None:
    """A path that begins with a tilde but names no sibling is the upstream's own."""
    caller = stage.caller()
    caller.says("GET /api/~someone/x HTTP/1.1", HOST, KEYED)
    stage.upstream().hears("GET /v1/~someone/x HTTP/1.1", "Host: api.test", SHOWN)


@conversation(following)
def test_an_upstream_without_siblings(stage: Stage) -> None:
    """Where there are no siblings, a tilde means nothing."""
    caller = stage.caller()
    caller.says("GET /other/~uploads.test:8080/x HTTP/1.1", HOST, KEYED)
    stage.upstream().hears("GET /~uploads.test:8080/x HTTP/1.1", "Host: b.test", CREDENTIAL)


LINKS = (
    "HTTP/1.1 302 Found",
    "Location: http://uploads.test:8080/files/b?c#d",
    "Content-Location: /v1/files",
    'Link: <http://cdn.test/x>; rel="a", <http://api.test/v1/y>; rel="b", <http://b.test/>; rel="c"',
    "Content-Length: 0",
)


@conversation(plain)
def test_links_to_siblings(stage: Stage) -> None:
    """URLs of siblings in fields lead to them through the gateway, in the form that the caller uses."""
    caller = stage.caller()
    caller.says("GET /api/files/ HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.takes()
    api.says(*LINKS)
    caller.hears(
        "HTTP/1.1 302 Found",
        "Location: http://gateway.test/api/~uploads.test:8080/files/b?c#d",
        "Content-Location: /api/files",
        'Link: <http://gateway.test/api/~cdn.test/x>; rel="a", <http://gateway.test/api/y>; rel="b",'
        ' <http://b.test/>; rel="c"',
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(plain)
def test_links_of_siblings(stage: Stage) -> None:
    """From a sibling, they lead back to the upstream, to itself, and to its siblings."""
    caller = stage.caller()
    caller.says("GET /~uploads.test:8080/files/ HTTP/1.1", "Host: api.gateway.test", KEYED)
    api = stage.upstream()
    api.takes()
    api.says(*LINKS)
    caller.hears(
        "HTTP/1.1 302 Found",
        "Location: http://api.gateway.test/~uploads.test:8080/files/b?c#d",
        "Content-Location: /~uploads.test:8080/v1/files",
        'Link: <http://api.gateway.test/~cdn.test/x>; rel="a", <http://api.gateway.test/y>; rel="b",'
        ' <http://b.test/>; rel="c"',
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(plain)
def test_links_in_the_form_of_urls(stage: Stage) -> None:
    """A caller that writes URLs behind the gateway's address gets those of siblings like that."""
    caller = stage.caller()
    caller.says("GET /http://api.test/v1/files/ HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.takes()
    api.says(*LINKS)
    caller.hears(
        "HTTP/1.1 302 Found",
        "Location: http://gateway.test/http://uploads.test:8080/files/b?c#d",
        "Content-Location: /http://api.test/v1/files",
        'Link: <http://gateway.test/http://cdn.test/x>; rel="a", <http://gateway.test/http://api.test/v1/y>; rel="b",'
        ' <http://b.test/>; rel="c"',
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(following)
def test_redirects_among_siblings_are_followed(stage: Stage) -> None:
    """A hop to a sibling is a call of the same upstream: with its credential, if that may go there."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.hears("GET /v1/a HTTP/1.1", "Host: api.test", SHOWN)
    api.says("HTTP/1.1 302 Found", "Location: http://uploads.test:8080/b", "Content-Length: 0")
    uploads = stage.upstream(2)
    uploads.hears("GET /b HTTP/1.1", "Host: uploads.test:8080", SHOWN)
    uploads.says("HTTP/1.1 302 Found", "Location: http://cdn.test/c", "Content-Length: 0")
    cdn = stage.upstream(3)
    cdn.hears("GET /c HTTP/1.1", "Host: cdn.test")
    cdn.says("HTTP/1.1 200 OK", 'Link: </d>; rel="next", <http://api.test/v1/e>; rel="up"', "Content-Length: 0")
    caller.hears(
        "HTTP/1.1 200 OK",
        'Link: </api/~cdn.test/d>; rel="next", <http://gateway.test/api/e>; rel="up"',
        "Content-Length: 0",
        UPSTREAM,
    )


@conversation(following)
def test_a_redirect_to_another_upstream(stage: Stage) -> None:
    """A hop to somebody else's host is refused as before."""
    caller = stage.caller()
    caller.says("GET /api/~uploads.test:8080/a HTTP/1.1", HOST, KEYED)
    uploads = stage.upstream()
    uploads.takes()
    uploads.says("HTTP/1.1 302 Found", "Location: http://b.test/", "Content-Length: 0")
    caller.hears_problem(403, "target-not-allowed")


def failing() -> Snapshot:
    api = upstream("api", "http://api.test", circuit=Circuit(failures=1), retries=Retries(limit=0))
    return snapshot(family(api))


@conversation(failing)
def test_one_host_may_fail_alone(stage: Stage) -> None:
    """A sibling has a circuit of its own: what it does isn't held against the upstream, or the other siblings."""
    caller = stage.caller()
    caller.says("GET /api/~uploads.test:8080/a HTTP/1.1", HOST, KEYED)
    stage.upstream().says("HTTP/1.1 503 Service Unavailable", "Content-Length: 0")
    caller.takes()
    caller.says("GET /api/~uploads.test:8080/a HTTP/1.1", HOST, KEYED)
    caller.hears_problem(503, "circuit-open")
    for number, path in enumerate(("/api/a", "/api/~cdn.test/a"), 2):
        caller.says(f"GET {path} HTTP/1.1", HOST, KEYED)
        stage.upstream(number).says("HTTP/1.1 200 OK", "Content-Length: 0")
        caller.hears("HTTP/1.1 200 OK", "Content-Length: 0", UPSTREAM)
    states = {str(one["endpoint"]): one["state"] for one in stage.worker.balancing.report()}
    assert states == {
        "api http://uploads.test:8080": "open",
        "api http://api.test": "closed",
        "api http://cdn.test": "closed",
    }


def test_all_hosts_have_a_name_of_their_own() -> None:
    """Every host is an endpoint, known by the upstream's name and its address."""
    api = plain().upstreams[b"api"]
    assert [one.id for one in api.everywhere] == [
        "api http://api.test/v1",
        "api http://uploads.test:8080",
        "api http://cdn.test",
    ]


def bare_of(kind: Segment | Cookie | Query) -> Callable[[], Snapshot]:
    """An upstream whose secret isn't for its sibling, by the place where it expects that."""

    def made() -> Snapshot:
        api = upstream("api", "http://api.test/v1")
        api = replace(api, credential=prepare(kind, api.credential.origins))
        return snapshot(
            with_siblings(api, [Sibling.model_validate({"host": CDN, "credential": False})], TlsIdentity(), Reach())
        )

    return made


IN_PATH = bare_of(Segment(Secret("the-secret"), "/bot"))
IN_COOKIE = bare_of(Cookie("session", Secret("the-secret")))
KEY_ALONE = KEYED[11:]


@conversation(IN_PATH)
def test_a_key_in_the_path_of_a_sibling_without_the_credential(stage: Stage) -> None:
    """The key is found where the upstream expects its secret, and taken out; nothing stands there in its place."""
    caller = stage.caller()
    caller.says(f"GET /api/~cdn.test/bot{KEY_ALONE}/files/a?b=c HTTP/1.1", HOST)
    cdn = stage.upstream()
    cdn.hears("GET /files/a?b=c HTTP/1.1", "Host: cdn.test")
    cdn.says("HTTP/1.1 302 Found", "Location: http://cdn.test/files/b", "Content-Length: 0")
    caller.hears(
        "HTTP/1.1 302 Found", "Location: http://gateway.test/api/~cdn.test/files/b", "Content-Length: 0", UPSTREAM
    )


@conversation(IN_PATH)
def test_a_path_of_a_sibling_without_a_key_in_it(stage: Stage) -> None:
    """Nothing is put into the path where the key stands elsewhere, nor is what only looks like the place taken out."""
    caller = stage.caller()
    caller.says("GET /api/~cdn.test/bottles/a HTTP/1.1", HOST, KEYED)
    stage.upstream().hears("GET /bottles/a HTTP/1.1", "Host: cdn.test")


@conversation(IN_PATH)
def test_a_key_in_the_path_of_a_siblings_url(stage: Stage) -> None:
    """The same where the sibling is called by its URL."""
    caller = stage.caller()
    caller.says(f"GET /http://cdn.test/bot{KEY_ALONE}/files/a HTTP/1.1", HOST)
    stage.upstream().hears("GET /files/a HTTP/1.1", "Host: cdn.test")


@conversation(IN_COOKIE)
def test_a_key_in_the_cookie_for_a_sibling_without_the_credential(stage: Stage) -> None:
    """The cookie that holds the key goes; the caller's others stay, and none is added."""
    caller = stage.caller()
    caller.says("GET /api/~cdn.test/a HTTP/1.1", HOST, f"Cookie: theme=dark; session={KEY_ALONE}")
    cdn = stage.upstream()
    cdn.hears("GET /a HTTP/1.1", "Host: cdn.test", "Cookie: theme=dark")
    cdn.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation(IN_COOKIE)
def test_a_key_in_the_only_cookie_for_a_sibling(stage: Stage) -> None:
    """Where it was the only one, no field of cookies is left."""
    caller = stage.caller()
    caller.says("GET /api/~cdn.test/a HTTP/1.1", HOST, f"Cookie: session={KEY_ALONE}")
    stage.upstream().hears("GET /a HTTP/1.1", "Host: cdn.test")


@conversation(bare_of(Query("key", Secret("the-secret"))))
def test_a_key_in_the_query_for_a_sibling_without_the_credential(stage: Stage) -> None:
    """A parameter that holds the key goes, too."""
    caller = stage.caller()
    caller.says(f"GET /api/~cdn.test/a?b=c&key={KEY_ALONE} HTTP/1.1", HOST)
    stage.upstream().hears("GET /a?b=c HTTP/1.1", "Host: cdn.test")
