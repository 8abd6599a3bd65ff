"""A key where nobody looks for one: it doesn't leave either, whatever becomes of the request.

Looked for in these places is the key as it is. A caller that encodes its key before it puts it elsewhere, or writes it
into a body, sends it away itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote, unquote_to_bytes

import pytest

from exeat.model.credential import Caller
from exeat.model.snapshot import Audit
from tests.secrets.calls import Offer
from tests.secrets.conversation import KEY, OFFERS, PRIVATE, SECRET, Heard, configured, logs_of
from tests.secrets.echoing import SPELLED as SPELLED_BACK
from tests.support.playbook import message, on_stage
from tests.support.secret_search import basic, pieces_in
from tests.support.values import destination, granted, key, snapshot

TEXT = KEY.key
DIGEST = bytes.fromhex(KEY.sha256)
SHOWN = f"Exeat-Key: {TEXT}"
START = "GET /api/v1/things HTTP/1.1"
HOST = "Host: gateway.test"
FIELDS = (
    "Cookie", "Referer", "User-Agent", "X-Other", "Via", "TE", "Expect", "Max-Forwards", "Connection", "Keep-Alive",
    "Upgrade", "X-Forwarded-For", "Forwarded", "Exeat-Timeout", "Exeat-Target", "Exeat-Else", "Exeat_Key", "From",
    "Origin", "Access-Control-Request-Headers", "Content-Type", "If-None-Match", "Range", "Trailer", "Host",
    "Content-Length", "Transfer-Encoding", "Authorization_", "X_API_Key", "Proxy-Authenticate", "X-Real-IP",
)  # fmt: skip
SPELLED: tuple[Callable[[str], str], ...] = (
    lambda key: key,
    lambda key: f"a {key}; b",
    lambda key: f'user="{key}"',
    lambda key: f"{key}, {key}",
)
# How a caller may encode a key: each is undone by any server that decodes its path and query.
ENCODED: Mapping[str, Callable[[str], str]] = {
    **{name: SPELLED_BACK[name] for name in ("as it is", "percent-encoded", "in lower case", "whole", "twice")},
    "one of its prefix": lambda key: key.replace("t", "%74", 1),
    "one of its id": lambda key: f"{key[:8]}%{ord(key[8]):02x}{key[9:]}",
    "one of its secret": lambda key: f"{key[:30]}%{ord(key[30]):02X}{key[31:]}",
    "whole, and again": lambda key: quote(SPELLED_BACK["whole"](key), safe=""),
    "base64, whole": lambda key: SPELLED_BACK["whole"](SPELLED_BACK["base64 after one"](key)),
}
TOLD = Audit(query_values=frozenset({b"page", b"q"}))


def said(raw: bytes, offer: Offer = OFFERS["bearer"]) -> Heard:
    """Send bytes; what each side then knows."""
    with on_stage(configured(offer)) as stage:
        caller = stage.caller()
        caller.sends(raw)
        sent = b"".join(connection.sent for connection in stage.loop.network.connections)
        return Heard(sent, caller.takes_raw(), logs_of(stage))


def assert_it_stays(heard: Heard) -> None:
    """No piece of the key has left, nor is it said again."""
    for place in heard:
        assert pieces_in(place, PRIVATE) == []
        assert pieces_in(place.lower(), PRIVATE.lower()) == []


@pytest.mark.parametrize("spell", SPELLED, ids=["alone", "among others", "quoted", "listed"])
@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str, spell: Callable[[str], str]) -> None:
    """A key in another field doesn't leave, whatever that field is for."""
    lines = [START, *([HOST] if name != "Host" else []), SHOWN, f"{name}: {spell(TEXT)}"]
    assert_it_stays(said(message(*lines)))


@pytest.mark.parametrize("kind", ["bearer", "query", "caller", "cookie", "header"])
@pytest.mark.parametrize(
    "lines",
    [
        (f"GET /api/{TEXT}/x HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x;{TEXT} HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x?a={TEXT} HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x?{TEXT} HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x?{TEXT}=1 HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x?token={TEXT} HTTP/1.1", HOST),
        (f"GET /api/x?token=1&token={TEXT} HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x#{TEXT} HTTP/1.1", HOST, SHOWN),
        (f"GET /{TEXT}/x HTTP/1.1", HOST, SHOWN),
        (f"GET /api/{TEXT.replace('_', '%5F')} HTTP/1.1", HOST),
        (f"GET /{TEXT.replace('_', '%5f')}/x HTTP/1.1", HOST, SHOWN),
        (f"GET /-/{TEXT} HTTP/1.1", HOST, SHOWN),
        (f"GET /-/errors/{TEXT} HTTP/1.1", HOST, SHOWN),
        (f"{TEXT} /api/x HTTP/1.1", HOST, SHOWN),
        (f"GET /api/x {TEXT}", HOST, SHOWN),
        (f"GET http://{TEXT}@api.test/ HTTP/1.1", HOST, SHOWN),
        (f"GET /http://{TEXT}@api.test/ HTTP/1.1", HOST, SHOWN),
        (f"GET /http://u:{TEXT}@api.test/ HTTP/1.1", HOST, SHOWN),
        (f"GET /http://api.test/?{TEXT} HTTP/1.1", HOST, SHOWN),
        (f"CONNECT {TEXT}:443 HTTP/1.1", HOST, SHOWN),
        (START, f"Host: {TEXT}.gateway.test", SHOWN),
        (START, HOST, SHOWN, f"{TEXT}: 1"),
        (START, HOST, SHOWN, f"X-{TEXT}: 1"),
        (START, HOST, SHOWN, TEXT),
        (START, HOST, SHOWN, SHOWN),
        (START, HOST, f"Authorization: Bearer {TEXT}", f"Authorization: Bearer {TEXT}"),
        (START, HOST, f"X-API-Key: {TEXT}", f"x-api-key: {TEXT}"),
        (START, HOST, SHOWN, f"X-Folded: 1\r\n {TEXT}"),
        (START, HOST, SHOWN, f"Authorization: Digest username={TEXT}"),
        (START, HOST, SHOWN, f"Authorization: Bearer x{TEXT}"),
        (START, HOST, SHOWN, f"Proxy-Authorization: Digest {TEXT}"),
        (START, HOST, f"Authorization: {basic('x', TEXT)}", f"Cookie: {TEXT}"),
        (START, HOST, f"X-Token: {TEXT}", f"X-API-Key: other-{TEXT}"),
        ("GET /api/x HTTP/1.0", SHOWN, f"X-Other: {TEXT}"),
    ],
)
def test_anywhere_else(lines: tuple[str, ...], kind: str) -> None:
    """A key in the request line, in a field's name, sent twice or in another scheme doesn't leave."""
    assert_it_stays(said(message(*lines), OFFERS[kind]))


@pytest.mark.parametrize("where", ["/api/p/{}", "/api/p/{}/x?q={}", "/api/x?page={}", "/api/x?{}=1", "/{}/x", "/-/{}"])
@pytest.mark.parametrize("spelling", ENCODED)
def test_no_spelling_is_in_a_log(where: str, spelling: str) -> None:
    """However a caller encodes a key in path or query, neither the record nor a log line holds a piece of it."""
    with on_stage(replace(configured(OFFERS["bearer"]), audit=TOLD)) as stage:
        caller = stage.caller()
        caller.sends(message(f"GET {where.replace('{}', ENCODED[spelling](TEXT))} HTTP/1.1", HOST, SHOWN))
        if stage.dialled:
            stage.upstream(1).says("HTTP/1.1 204 No Content")
        assert caller.takes_raw()
        assert len(stage.records) == 1
        assert pieces_in(unquote_to_bytes(logs_of(stage)), PRIVATE) == []


@pytest.mark.parametrize("host", ["{}", "{}.api.test", "api.test.{}"])
def test_a_host(host: str) -> None:
    """A key in the place of a host isn't said again, in capitals or not."""
    assert_it_stays(said(message(f"GET /http://{host.format(TEXT)}/ HTTP/1.1", HOST, SHOWN)))


@pytest.mark.parametrize("host", [f"{TEXT}.api.test", f"a.{TEXT}.api.test", f"a-{TEXT}.API.test:80"])
@pytest.mark.parametrize("mode", ["url", "header", "envelope"])
def test_a_host_that_may_be_called(mode: str, host: str) -> None:
    """A key in a host that a wildcard covers is refused before a name server or an upstream is told of it."""
    body = f'{{"url": "http://{host}/"}}'
    raw = {
        "url": message(f"GET /http://{host}/ HTTP/1.1", HOST, SHOWN),
        "header": message("GET / HTTP/1.1", HOST, SHOWN, f"Exeat-Target: http://{host}"),
        "envelope": message("POST /-/call HTTP/1.1", HOST, SHOWN, f"Content-Length: {len(body)}", body=body),
    }[mode]
    place = destination("*.api.test", plaintext=True)
    with on_stage(snapshot(destinations=[place], known={DIGEST: key(granted([], [place]))})) as stage:
        caller = stage.caller()
        caller.sends(raw)
        heard = Heard(b"", caller.takes_raw(), logs_of(stage))
        assert b"Exeat-Error: malformed-request" in heard.caller
        assert_it_stays(heard)
        assert stage.asked == []
        assert stage.dialled == 0


@pytest.mark.parametrize(
    "name", ["Exeat-Key", "Authorization", "Proxy-Authorization", "X-API-Key", "Cookie", "Exeat-Else"]
)
def test_trailers_that_are_slots(name: str) -> None:
    """A trailer by the name of a place for a key isn't passed on."""
    heard = said(chunked(f"0\r\n{name}: {TEXT}\r\n\r\n"))
    assert b"body" in heard.upstream
    assert_it_stays(heard)


def test_chunk_extensions() -> None:
    """Chunks are written anew, without what the caller wrote beside their sizes."""
    heard = said(chunked(f"0;{TEXT}={TEXT}\r\n\r\n", f";key={TEXT}"))
    assert b"body" in heard.upstream
    assert_it_stays(heard)


@pytest.mark.parametrize("line", ["X-Token: {}", "X-Other: {}", "X-Other: a {}, b", "{}: 1", "X: 1\r\nX-Other: {}"])
def test_trailers(line: str) -> None:
    """A key in another trailer doesn't leave, least of all in one by the name of the upstream's own slot."""
    heard = said(chunked(f"0\r\n{line.format(TEXT)}\r\n\r\n"), OFFERS["header"])
    assert b"body" in heard.upstream
    assert heard.upstream.endswith(b"\r\n\r\n")
    assert_it_stays(heard)


def chunked(end: str, extension: str = "") -> bytes:
    """A request whose body is chunked; it ends with `end`."""
    lines = ("POST /api/x HTTP/1.1", HOST, SHOWN, "Transfer-Encoding: chunked")
    return message(*lines, body=f"4{extension}\r\nbody\r\n{end}")


@pytest.mark.parametrize("path", ["/-/", "/-/whoami", "/-/live", "/-/ready", "/-/errors/key-unknown", "/-/nothing"])
@pytest.mark.parametrize("line", [SHOWN, f"Authorization: {basic('x', TEXT)}", f"X-API-Key: {TEXT}"])
def test_own_paths(path: str, line: str) -> None:
    """Exeat's own pages tell a caller nothing of its key but the public part, and call nobody."""
    heard = said(message(f"GET {path}?{TEXT} HTTP/1.1", HOST, line))
    assert heard.upstream == b""
    assert heard.caller.startswith(b"HTTP/1.1 ")
    assert pieces_in(heard.caller, SECRET) == []
    assert_it_stays(heard)


def test_another_credential_of_the_callers_own_leaves() -> None:
    """The net isn't too fine: what only resembles a key passes, where the upstream takes the caller's own."""
    assert isinstance(OFFERS["caller"].kind, Caller)
    line = "Authorization: Bearer exeatly-not-a-key"
    assert line.encode() in said(message(START, HOST, SHOWN, line), OFFERS["caller"]).upstream
