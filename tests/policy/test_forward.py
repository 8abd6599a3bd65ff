"""What leaves: one credential and only the right one, no key, nothing hop-by-hop, everything else as it came."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.credential import Basic, Bearer, Caller, Header, Injection, Kind, Nothing, Query, Unavailable
from exeat.model.secret import Secret
from exeat.policy.authenticate import present
from exeat.policy.forward import (
    check_host,
    expects_continue,
    remove_parameter,
    render_request,
    replace_parameter,
    trailers_to_forward,
)
from exeat.policy.inject import NEEDLE_LIMIT, prepare
from exeat.wire.fields import split_field
from exeat.wire.http1 import RequestHead, parse_request
from tests.support.values import KEY, head, origin, upstream
from tests.wire.grammar import fields

TEXT = KEY.decode()
HOST = b"api.test"
ORIGINS = frozenset({origin("https://api.test")})
MARKER = "marker/of+a secret"


def leaves(
    request: RequestHead,
    kind: Kind | None,
    *,
    path: bytes = b"/p",
    query: bytes | None = None,
    via: bytes | None = None,
) -> bytes:
    """The bytes that leave for an upstream with a credential of a kind, or for a bare destination."""
    injection = None if kind is None else prepare(kind, ORIGINS)
    slot, parameter = (None, None) if injection is None else (injection.slot, injection.parameter)
    shown = present(request, slot, parameter, query)
    return render_request(request, host=HOST, path=path, query=query, presented=shown, injection=injection, via=via)


def parsed(raw: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """The target, and every field of what leaves."""
    assert raw.endswith(b"\r\n\r\n")
    start, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    pairs = [split_field(line + b"\r\n") for line in lines]
    return start.split(b" ")[1], [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs]


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


KINDS: list[tuple[Kind, str, str]] = [
    (Bearer(Secret("s3cret-1")), "authorization", "Bearer s3cret-1"),
    (Basic(Secret("user"), Secret("s3cret-2")), "authorization", f"Basic {basic('user', 's3cret-2')}"),
    (Basic(Secret("s3cret-3"), Secret("")), "authorization", f"Basic {basic('s3cret-3', '')}"),
    (Header("X-Api-Key", Secret("s3cret-4"), ""), "x-api-key", "s3cret-4"),
    (Header("Authorization", Secret("s3cret-5"), "token "), "authorization", "token s3cret-5"),
    (Header("PRIVATE-TOKEN", Secret("s3cret-6"), ""), "private-token", "s3cret-6"),
    (Header("Cookie", Secret("s3cret-7"), "session="), "cookie", "session=s3cret-7"),
]
SLOTS = [
    f"Exeat-Key: {TEXT}",
    f"Authorization: Bearer {TEXT}",
    f"Authorization: Basic {basic(TEXT, '')}",
    f"Authorization: Basic {basic('x', TEXT)}",
    f"Proxy-Authorization: Bearer {TEXT}",
    f"X-API-Key: {TEXT}",
    f"private-token: {TEXT}",
]


@pytest.mark.parametrize(("kind", "name", "value"), KINDS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("line", SLOTS)
def test_exactly_one_credential_leaves(kind: Kind, name: str, value: str, line: str) -> None:
    """Whichever slot held the key, the credential is the only thing in its slot, and the last; the key is nowhere."""
    if line.startswith("private-token") and name != "private-token":
        line = f"{line}\r\nExeat-Key: {TEXT}"
        with pytest.raises(GatewayError):
            leaves(head(line), kind)
        return
    raw = leaves(head(line, "X-A: 1", "Private-Token: the-callers" if name == "x" else "X-B: 2"), kind)
    _, pairs = parsed(raw)
    assert pairs[-1] == (name, value)
    assert [pair for pair in pairs if pair[0] == name] == [(name, value)]
    assert pairs[0] == ("host", "api.test")
    assert pairs[1:-1] == [("x-a", "1"), ("x-b", "2")]
    assert KEY not in raw
    assert TEXT.encode()[6:] not in raw


@pytest.mark.parametrize(("kind", "name", "value"), KINDS, ids=lambda value: type(value).__name__)
def test_the_caller_cannot_bring_its_own(kind: Kind, name: str, value: str) -> None:
    """What the caller put in the credential's slot is overwritten, however it spelled it."""
    lines = [f"Exeat-Key: {TEXT}", f"{name.title()}: mine"]
    if name in {"private-token", "cookie"}:
        lines.append(f"{name.upper()}: mine too")
    _, pairs = parsed(leaves(head(*lines), kind))
    assert [pair for pair in pairs if pair[0] == name] == [(name, value)]
    assert not any("mine" in text for _, text in pairs)


def test_no_credential() -> None:
    """Without a credential nothing is added, and the caller's Authorization stays here."""
    request = head(f"Exeat-Key: {TEXT}", "Authorization: Basic mine", "Proxy-Authorization: Basic mine", "X-A: 1")
    assert parsed(leaves(request, Nothing()))[1] == [("host", "api.test"), ("x-a", "1")]


@pytest.mark.parametrize("kind", [Caller(), None])
def test_the_callers_own_authorization(kind: Kind | None) -> None:
    """Where the upstream says so, and for a bare destination, the caller's Authorization goes; a key there doesn't."""
    own = head(f"Exeat-Key: {TEXT}", "Authorization: Basic mine", "Proxy-Authorization: Basic mine")
    assert parsed(leaves(own, kind))[1] == [("host", "api.test"), ("authorization", "Basic mine")]
    keyed = head(f"Authorization: Bearer {TEXT}")
    assert parsed(leaves(keyed, kind))[1] == [("host", "api.test")]


def test_a_credential_that_has_disappeared() -> None:
    """Without its secret a request doesn't leave at all."""
    with pytest.raises(GatewayError) as caught:
        leaves(head(f"Exeat-Key: {TEXT}"), Unavailable("TOKEN is empty"))
    assert caught.value.code is Code.CREDENTIAL_UNAVAILABLE
    assert caught.value.untouched


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (None, "k%C3%A9y=s3%20cret"),
        ("", "k%C3%A9y=s3%20cret"),
        ("a=1", "a=1&k%C3%A9y=s3%20cret"),
        ("kéy=mine&a=1", "a=1&k%C3%A9y=s3%20cret"),
        ("a=1&k%c3%a9y=mine&%6B%C3%A9%79=too&b", "a=1&b&k%C3%A9y=s3%20cret"),
        ("a=%26&&b=+", "a=%26&&b=+&k%C3%A9y=s3%20cret"),
        ("K%C3%A9Y=other", "K%C3%A9Y=other&k%C3%A9y=s3%20cret"),
    ],
)
def test_a_credential_in_the_query(query: str | None, left: str) -> None:
    """All parameters of the name are replaced, in any spelling; the others stay as they were, in order."""
    kind = Query("kéy", Secret("s3 cret"))
    raw = leaves(head(f"Exeat-Key: {TEXT}"), kind, query=None if query is None else query.encode())
    assert parsed(raw)[0] == b"/p?" + left.encode()


names = st.sampled_from(["key", "a", "b", "api key", "k&y", "ke=y", "kéy"])


def spelled(data: st.DataObject, text: str) -> str:
    """A text with some of its bytes percent-encoded, at least those that have to be; a space perhaps as '+'."""
    pieces = []
    for octet in text.encode():
        character = chr(octet)
        forms = [f"%{octet:02x}", f"%{octet:02X}"]
        if character.isascii() and (character.isalnum() or character in "-._~"):
            forms.append(character)
        if character == " ":
            forms.append("+")
        pieces.append(data.draw(st.sampled_from(forms)))
    return "".join(pieces)


@given(others=st.lists(names, max_size=5), name=names, data=st.data())
def test_a_parameter_is_found_in_every_spelling(others: list[str], name: str, data: st.DataObject) -> None:
    """However a caller writes a parameter's name, replacing leaves exactly the new pair, removing leaves none."""
    query = "&".join(f"{spelled(data, other)}={place}" for place, other in enumerate(others)).encode()
    kept = [part for part, other in zip(query.split(b"&"), others, strict=False) if other != name]
    assert replace_parameter(query or None, name.encode(), b"new=1") == b"&".join([*kept, b"new=1"])
    assert remove_parameter(query or None, name.encode()) == (b"&".join(kept) or None)


def test_a_key_in_the_query_leaves_no_trace() -> None:
    """Where the key stood in the upstream's parameter, only the credential is left of it."""
    request = head()
    raw = leaves(request, Query("key", Secret("s3cret")), query=f"a=1&k%65y={TEXT}&b=2&key=old".encode())
    assert parsed(raw)[0] == b"/p?a=1&b=2&key=s3cret"
    assert KEY not in raw


@pytest.mark.parametrize(
    "line",
    [
        f"Cookie: session={TEXT}",
        f"X-Other: {TEXT}",
        f"Referer: http://gateway.test/?{TEXT}",
        f"Via: {TEXT}",
    ],
)
def test_a_key_where_nobody_looks_for_it(line: str) -> None:
    """A key that would leave in another field is refused, and the refusal doesn't repeat it."""
    request = head(f"Exeat-Key: {TEXT}", line)
    with pytest.raises(GatewayError) as caught:
        leaves(request, Bearer(Secret("s3cret")), via=b"exeat-test")
    assert caught.value.code is Code.MALFORMED_REQUEST
    assert TEXT not in f"{caught.value}{caught.value.hint}"


def test_a_session_of_the_control_listener_stays_here() -> None:
    """A browser's cookie for the control listener doesn't leave; its other cookies do."""
    raw = leaves(head(f"Exeat-Key: {TEXT}", "Cookie: a=1; exeat_session=another", "X-B: 2"), Bearer(Secret("s3cret")))
    assert b"\r\nCookie: a=1\r\nX-B: 2\r\n" in raw
    assert b"exeat_session" not in raw
    alone = leaves(head(f"Exeat-Key: {TEXT}", "Cookie: exeat_session=another", "X-B: 2"), Bearer(Secret("s3cret")))
    assert b"cookie" not in alone.lower()


@pytest.mark.parametrize(("path", "query"), [(f"/{TEXT}/x", None), ("/x", f"a={TEXT}"), ("/x", TEXT)])
def test_a_key_in_the_target(path: str, query: str | None) -> None:
    """A key in the path or the query is refused as well."""
    with pytest.raises(GatewayError):
        leaves(
            head(f"Exeat-Key: {TEXT}"),
            Bearer(Secret("s3cret")),
            path=path.encode(),
            query=None if query is None else query.encode(),
        )


@given(made=fields, nominated=st.lists(st.sampled_from(["X-Hop", "x-other", "TE"]), max_size=3))
def test_fields_leave_in_order_and_hop_by_hop_ones_do_not(
    made: list[tuple[bytes, bytes]], nominated: list[str]
) -> None:
    """End-to-end fields leave unchanged and in order; hop-by-hop, nominated and identity fields never do."""
    assume(all(KEY not in value for _, value in made))
    lines = [
        f"Exeat-Key: {TEXT}",
        "Connection: " + ", ".join(["close", *nominated]),
        "Keep-Alive: 5",
        "X-Hop: 1",
        "X-Other: 1",
        "Upgrade: h2c",
        "Proxy-Connection: close",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Host: inside",
        "Forwarded: for=10.0.0.1",
        "X-Real-IP: 10.0.0.1",
        "Exeat-Target-Not: 1",
        "Exeat_Key: 2",
        "Via: 1.1 inside",
        "Max-Forwards: 3",
    ]
    own = [f"{name.decode()}: {value.decode('latin-1')}" for name, value in made]
    _, pairs = parsed(leaves(head(*lines, *own), Bearer(Secret("s3cret"))))
    left = [(name, "1") for name in ("x-hop", "x-other") if name not in {each.lower() for each in nominated}]
    kept = [(name.decode().lower(), value.decode("latin-1")) for name, value in made]
    assert pairs == [("host", "api.test"), *left, *kept, ("authorization", "Bearer s3cret")]


@pytest.mark.parametrize(
    ("lines", "own"),
    [
        (["Content-Length: 5"], [("content-length", "5")]),
        (["Content-Length: 0"], [("content-length", "0")]),
        (["Transfer-Encoding: CHUNKED"], [("transfer-encoding", "chunked")]),
        (["Content-Length: 5", "Expect: 100-Continue"], [("content-length", "5"), ("expect", "100-continue")]),
        (["Expect: 100-continue"], []),
        (["Content-Length: 5", "Expect: something"], [("content-length", "5")]),
        (["TE: trailers"], [("te", "trailers"), ("connection", "TE")]),
        (["TE: gzip;q=0.5, Trailers"], [("te", "trailers"), ("connection", "TE")]),
        (["TE: gzip"], []),
    ],
)
def test_what_is_written_anew(lines: list[str], own: list[tuple[str, str]]) -> None:
    """Framing, expectation and TE are said again in the gateway's words."""
    _, pairs = parsed(leaves(head(f"Exeat-Key: {TEXT}", *lines, start="POST /x HTTP/1.1"), Nothing()))
    assert pairs == [("host", "api.test"), *own]


def test_an_old_caller_waits_for_nothing() -> None:
    """An expectation in HTTP/1.0 is none (RFC 9110 §10.1.1)."""
    old = head("Content-Length: 5", "Expect: 100-continue", start="POST / HTTP/1.0")
    new = head("Content-Length: 5", "Expect: 100-continue", start="POST / HTTP/1.1")
    assert not expects_continue(old)
    assert expects_continue(new)


def test_via() -> None:
    """Via is written only where an upstream asks for it; then it goes on from what was received."""
    request = head(f"Exeat-Key: {TEXT}", "Via: 1.0 fred", "via: 1.1 p.example")
    assert parsed(leaves(request, Nothing()))[1] == [("host", "api.test")]
    assert parsed(leaves(request, Nothing(), via=b"exeat-1"))[1][-1] == ("via", "1.0 fred, 1.1 p.example, 1.1 exeat-1")
    assert parsed(leaves(head(f"Exeat-Key: {TEXT}"), Nothing(), via=b"exeat-1"))[1][-1] == ("via", "1.1 exeat-1")


@pytest.mark.parametrize("host", ["{}", "{}.api.test", "a.{}.test", "a-{}b.test"])
def test_a_host_that_holds_the_key(host: str) -> None:
    """A canonical host holds the key in lower case, and is refused for it."""
    shown = present(head(f"Exeat-Key: {TEXT}"), None, None, None)
    with pytest.raises(GatewayError) as caught:
        check_host(host.format(TEXT.lower()), shown)
    assert caught.value.code is Code.MALFORMED_REQUEST
    check_host(host.format("exeat_abc"), shown)


def test_trailers_that_hold_the_key() -> None:
    """A trailer with the key in its name or value stays behind, and all of them where no key was found."""
    shown = present(head(f"Exeat-Key: {TEXT}"), None, None, None)
    kept = [b"X-Sum: 5\r\n", b"X-Key: exeat_abc\r\n"]
    held = [b"X-Key: %b\r\n" % KEY, b"X-%b: 1\r\n" % KEY, b"X: (%b)\r\n" % KEY]
    assert trailers_to_forward([*held, *kept], shown) == kept
    assert trailers_to_forward(kept, None) == []


def test_what_leaves_is_a_request() -> None:
    """What leaves is read as the request that it is."""
    raw = leaves(head(f"Exeat-Key: {TEXT}", start="PATCH /x HTTP/1.0"), Bearer(Secret("s3cret")), query=b"a=b")
    again = parse_request(raw.removesuffix(b"\r\n\r\n"))
    assert (again.method, again.target, again.is_1_1) == (b"PATCH", b"/p?a=b", True)


def spellings(text: str) -> set[str]:
    """The spellings in which an upstream may echo a secret."""
    plain = base64.b64encode(text.encode()).decode().rstrip("=")
    url = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return {text, quote(text, safe=""), plain, url}


@pytest.mark.parametrize(
    "kind",
    [
        Bearer(Secret(MARKER)),
        Basic(Secret("someone"), Secret(MARKER)),
        Basic(Secret(MARKER), Secret("")),
        Header("X-Key", Secret(MARKER), "Token "),
        Query("key", Secret(MARKER)),
    ],
    ids=lambda kind: type(kind).__name__,
)
def test_what_is_looked_for_in_answers(kind: Kind) -> None:
    """Every spelling of the secret is looked for, and no prefix or name."""
    needles = {needle.reveal() for needle in prepare(kind, ORIGINS).needles}
    assert spellings(MARKER) <= needles
    assert not needles & {"Token ", "key", "X-Key", ""}


@pytest.mark.parametrize(
    "kind", [Bearer(Secret("abc")), Basic(Secret("a"), Secret("")), Basic(Secret("ab"), Secret("c"))]
)
def test_short_secrets_are_not_looked_for(kind: Kind) -> None:
    """A secret so short that ordinary text holds it isn't looked for, in none of its spellings."""
    assert all(len(needle.reveal()) >= NEEDLE_LIMIT for needle in prepare(kind, ORIGINS).needles)


@pytest.mark.parametrize("kind", [Caller(), Nothing(), Unavailable("gone")])
def test_kinds_without_a_secret(kind: Kind) -> None:
    """A kind without a secret fills no slot."""
    injection = prepare(kind, ORIGINS)
    assert (injection.slot, injection.lines, injection.parameter, injection.pairs, injection.needles) == (
        None,
        None,
        None,
        (),
        (),
    )
    assert injection.passes_caller is isinstance(kind, Caller)


def test_a_credential_goes_only_where_it_is_bound_to() -> None:
    """An upstream with an endpoint that its credential isn't bound to can't be made."""
    good = upstream("api", "https://api.test")
    with pytest.raises(ValueError, match="isn't bound"):
        type(good)(
            "api",
            upstream("api", "https://other.test").endpoints,
            good.credential,
            None,
            None,
            good.timeouts,
            (),
            good.via,
            good.follow_redirects,
            "test",
        )
    assert isinstance(good.credential, Injection)
