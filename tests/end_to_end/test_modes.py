"""Every mode of calling, with the key in every place for it, for every kind of credential.

The upstream echoes the request that it got, so that what left is judged byte by byte: exactly one credential, its own,
and the Exeat key nowhere.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.certificates import Authority
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key
from tests.support.origins import Origin
from tests.support.raw_caller import RawCaller
from tests.support.secret_search import basic, holds

OWN = "Basic b3duOndvcmQ="  # the caller's own Authorization, own:word


class Kind(NamedTuple):
    """A kind of credential: as a document writes it, and what has to arrive of it."""

    credential: object
    arrives: tuple[str, ...] = ()
    in_query: str | None = None


KINDS: dict[str, Kind] = {
    "bearer": Kind({"kind": "bearer", "secret": "bearer-secret-1"}, ("Authorization: Bearer bearer-secret-1",)),
    "basic": Kind(
        {"kind": "basic", "username": "basic-user-1", "password": "basic-secret-1"},
        (f"Authorization: {basic('basic-user-1', 'basic-secret-1')}",),
    ),
    "header": Kind(
        {"kind": "header", "name": "X-Token", "secret": "header-secret-1", "prefix": "Token "},
        ("X-Token: Token header-secret-1",),
    ),
    "query": Kind({"kind": "query", "name": "api_key", "secret": "query+secret/1"}, (), "api_key=query%2Bsecret%2F1"),
    "caller": Kind("caller"),
    "none": Kind("none"),
}
SECRETS = ("bearer-secret-1", "basic-user-1", "basic-secret-1", "header-secret-1", "query+secret/1")


class Slot(NamedTuple):
    """A place for the key: the field line that holds it, or the query parameter."""

    line: Callable[[str], str] | None
    parameter: str | None = None
    is_authorization: bool = False


SLOTS: dict[str, Slot] = {
    "exeat-key": Slot(lambda key: f"Exeat-Key: {key}"),
    "bearer": Slot(lambda key: f"Authorization: Bearer {key}", is_authorization=True),
    "token": Slot(lambda key: f"authorization: token {key}", is_authorization=True),
    "basic-user": Slot(lambda key: f"Authorization: {basic(key, '')}", is_authorization=True),
    "basic-password": Slot(lambda key: f"Authorization: {basic('exeat', key)}", is_authorization=True),
    "proxy-basic-user": Slot(lambda key: f"Proxy-Authorization: {basic(key, 'x')}"),
    "proxy-basic-password": Slot(lambda key: f"Proxy-Authorization: {basic('exeat', key)}"),
    "proxy-bearer": Slot(lambda key: f"Proxy-Authorization: Bearer {key}"),
    "x-api-key": Slot(lambda key: f"X-API-Key: {key}"),
    "own-header": Slot(lambda key: f"x-token: Token {key}"),
    "own-parameter": Slot(None, "api_key"),
}
MODES = ("path", "host", "declared-host", "url", "collapsed-url", "header", "envelope", "envelope-url")


class Place(NamedTuple):
    """One gateway, an upstream of each kind, and a key for all of them."""

    gateway: Gateway
    key: MadeKey
    origins: Mapping[str, Origin]


@pytest.fixture(scope="module")
def origins(authority: Authority) -> Iterator[dict[str, Origin]]:
    """An upstream over TLS for each kind of credential."""
    made = {name: Origin(context=authority.server_context()) for name in KINDS}
    for origin in made.values():
        origin.__enter__()
    yield made
    for origin in made.values():
        origin.__exit__(None, None, None)


@pytest.fixture(scope="module")
def place(authority: Authority, origins: dict[str, Origin]) -> Iterator[Place]:
    """The gateway."""
    key = make_key()
    upstreams = {
        f"to-{name}": origins[name].entry(authority.file, credential=kind.credential, hosts=[f"api.{name}.example"])
        for name, kind in KINDS.items()
    }
    consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
    with Gateway({"upstreams": upstreams, "consumers": consumers}) as gateway:
        yield Place(gateway, key, origins)


@pytest.fixture(scope="module")
def caller(place: Place) -> Iterator[RawCaller]:
    """One connection for all calls: nothing of one may reach the next."""
    with RawCaller(place.gateway.port) as caller:
        yield caller


class Call(NamedTuple):
    """What a caller wants, whatever the mode."""

    kind: str
    mode: str
    method: str = "GET"
    path: str = "/v1/things/a%20b"
    query: str = "x=1&y=%2B"
    lines: tuple[str, ...] = ()
    body: str = ""


def send(caller: RawCaller, place: Place, call: Call, *lines: str) -> bytes:
    """Make a call; `lines` go to the gateway itself. What the upstream saw of it."""
    target = call.path + (f"?{call.query}" if call.query else "")
    origin = place.origins[call.kind]
    if call.mode.startswith("envelope"):
        return send_envelope(caller, origin, call, *lines)
    host = "gateway"
    match call.mode:
        case "path":
            target = f"/to-{call.kind}{target}"
        case "host":
            host = f"to-{call.kind}.gateway.internal"
        case "declared-host":
            host = f"API.{call.kind}.example:8443"
        case "url":
            target = f"/{origin.url}{target}"
        case "collapsed-url":
            target = f"/https:/{origin.authority}{target}"
        case "header":
            lines = (*lines, f"Exeat-Target: {origin.url}")
        case _:
            raise AssertionError(call.mode)
    answer = caller.call(call.method, target, *lines, *call.lines, body=call.body.encode(), host=host)
    assert (answer.status, answer.field("exeat-origin")) == (200, "upstream"), answer
    return answer.body


def send_envelope(caller: RawCaller, origin: Origin, call: Call, *lines: str) -> bytes:
    """Make a call as an envelope."""
    envelope: JsonObject = {"method": call.method, "headers": dict(line.split(": ", 1) for line in call.lines)}
    if call.mode == "envelope":
        envelope |= {"upstream": f"to-{call.kind}", "path": f"{call.path}?{call.query}" if call.query else call.path}
    else:
        envelope |= {"url": origin.url + call.path + (f"?{call.query}" if call.query else "")}
    if call.body:
        envelope["text"] = call.body
    answer = caller.call("POST", "/-/call", *lines, body=json.dumps(envelope).encode())
    assert answer.status == 200, answer
    seen = origin.requests[-1]
    inner = json.loads(answer.body)
    assert (inner["ok"], inner["status"], inner["meta"]["origin"]) == (True, 200, "upstream"), inner
    return seen.raw + call.body.encode()


def judge(raw: bytes, place: Place, call: Call, expected_query: str, own: str | None) -> None:
    """What left: the request itself, one credential, no key, and no trace of the gateway."""
    kind = KINDS[call.kind]
    head = raw.partition(b"\r\n\r\n")[0].decode("latin-1")
    first, *lines = head.split("\r\n")
    query = "&".join(part for part in (expected_query, kind.in_query) if part)
    assert first == f"{call.method} {call.path}{'?' if query else ''}{query} HTTP/1.1"
    assert [line for line in lines if line.lower().startswith("host:")] == [
        f"Host: {place.origins[call.kind].authority}"
    ]
    credentials = [line for line in lines if line.lower().startswith(("authorization:", "x-token:", "x-api-key:"))]
    expected = kind.arrives or ((f"Authorization: {own}",) if call.kind == "caller" and own else ())
    assert credentials == list(expected)
    assert not holds(raw, place.key.key)
    assert b"exeat" not in raw.lower()
    for secret in SECRETS:
        belongs = secret in json.dumps(kind.credential)
        assert holds(raw, secret) == belongs, secret
    assert not [line for line in lines if line.lower().startswith(("proxy-", "via:", "forwarded", "x-forwarded"))]


def is_possible(kind: str, slot: str, mode: str) -> bool:
    """The upstream's own place counts for that upstream only, and an envelope itself goes to none."""
    if slot == "own-header":
        return kind == "header" and not mode.startswith("envelope")
    if slot == "own-parameter":
        return kind == "query" and not mode.startswith("envelope")
    return True


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_one_credential_leaves(caller: RawCaller, place: Place, kind: str, mode: str) -> None:
    """Wherever the key stood, the upstream sees its own credential, once, and no key."""
    for name in [slot for slot in SLOTS if is_possible(kind, slot, mode)]:
        slot = SLOTS[name]
        call = Call(kind, mode)
        if slot.parameter is not None:
            call = call._replace(query=f"x=1&{slot.parameter}={quote(place.key.key)}&y=%2B")
        lines = [] if slot.line is None else [slot.line(place.key.key)]
        own = None if slot.is_authorization else OWN
        if own is not None:
            inner = mode.startswith("envelope")
            call = call._replace(lines=(f"Authorization: {own}",) if inner else ())
            lines += [] if inner else [f"Authorization: {own}"]
        judge(send(caller, place, call, *lines), place, call, "x=1&y=%2B", own)


@pytest.mark.parametrize("kind", KINDS)
def test_a_callers_own_secret_in_the_slot_is_overwritten(caller: RawCaller, place: Place, kind: str) -> None:
    """What the caller put where the credential goes is replaced, in every spelling; elsewhere it is the caller's."""
    call = Call(kind, "path", query="api_key=mine&x=1&api%5Fkey=mine&y=%2B")
    raw = send(caller, place, call, f"Exeat-Key: {place.key.key}", "X-Token: mine", f"Authorization: {OWN}")
    head = raw.decode("latin-1")
    assert head.count("mine") == {"header": 2, "query": 1}.get(kind, 3)
    assert ("own:word" in head or OWN in head) == (kind == "caller")


@pytest.mark.parametrize("kind", KINDS)
def test_an_envelopes_inner_fields_hold_no_key(caller: RawCaller, place: Place, kind: str) -> None:
    """With the key in the envelope's own Authorization, the call's own Authorization is still the call's."""
    call = Call(kind, "envelope", lines=(f"Authorization: {OWN}",))
    raw = send(caller, place, call, f"Authorization: Bearer {place.key.key}")
    judge(raw, place, call, call.query, OWN)


@pytest.mark.parametrize(
    ("upstream", "line"),
    [("none", "X-API-Key: {}"), ("caller", "Authorization: Bearer {}"), ("header", "X-Token: {}")],
)
def test_a_key_within_an_envelope_never_leaves(caller: RawCaller, place: Place, upstream: str, line: str) -> None:
    """In a call's own fields the envelope's key is taken out, and another key is refused as anywhere else."""
    other = make_key().key
    seen = place.origins[upstream].requests
    before = len(seen)
    for key, ok in ((place.key.key, True), (other, False)):
        name, _, text = line.format(key).partition(": ")
        envelope = {"upstream": f"to-{upstream}", "path": "/", "headers": {name: text}}
        answer = caller.call("POST", "/-/call", f"Exeat-Key: {place.key.key}", body=json.dumps(envelope).encode())
        inner = json.loads(answer.body)
        assert inner["ok"] == ok
        assert ok or inner["problem"]["code"] == "key-malformed"
    assert len(seen) == before + 1
    assert not holds(seen[-1].raw, place.key.key)


def test_two_keys_are_refused(caller: RawCaller, place: Place) -> None:
    """Two different keys in one request are refused, wherever they stand."""
    other = make_key().key
    lines = [slot.line for slot in SLOTS.values() if slot.line is not None]
    for line in lines:
        if line(other).startswith("Exeat-Key"):
            continue
        upstream = "to-header" if "token:" in line(other) else "to-none"
        answer = caller.call("GET", f"/{upstream}/", f"Exeat-Key: {place.key.key}", line(other))
        assert (answer.status, answer.field("exeat-error")) == (401, "key-malformed")
    assert caller.call("GET", "/to-none/", f"Exeat-Key: {place.key.key}").status == 200


def test_the_same_key_twice_is_one_key(caller: RawCaller, place: Place) -> None:
    """The same key in several places is taken out of all of them."""
    lines = [slot.line(place.key.key) for name, slot in SLOTS.items() if slot.line and name in {"exeat-key", "bearer"}]
    call = Call("none", "path")
    judge(send(caller, place, call, *lines, f"X-API-Key: {place.key.key}"), place, call, call.query, None)


def test_a_key_elsewhere_is_refused(caller: RawCaller, place: Place) -> None:
    """A key that also stands where it would be sent on is not sent on."""
    before = len(place.origins["none"].requests)
    key = place.key.key
    for target, lines in (("/to-none/?k=" + key, ()), ("/to-none/" + key, ()), ("/to-none/", (f"X-Log: a{key}b",))):
        answer = caller.call("GET", target, f"Exeat-Key: {key}", *lines)
        assert (answer.status, answer.field("exeat-error")) == (400, "malformed-request")
    assert len(place.origins["none"].requests) == before


names = st.sampled_from(["Accept", "X-Own", "Cookie", "User-Agent", "X-A_B", "If-None-Match", "Content-Type"])
# What is looked for afterwards as a trace of the gateway isn't the caller's own.
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30).filter(
    lambda text: "exeat" not in text.lower()
)
segments = st.text(st.sampled_from("abcXYZ019-._~!$'()*+,;=:@%"), min_size=1, max_size=12).filter(
    lambda text: "%" not in text and not text.startswith(".")
)


@settings(max_examples=60)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    mode=st.sampled_from([mode for mode in MODES if not mode.startswith("envelope")]),
    slot=st.sampled_from([name for name in SLOTS if not name.startswith("own")]),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"]),
    path=st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    query=st.lists(st.tuples(segments, segments), max_size=3),
    fields=st.dictionaries(names, values, max_size=5),
    body=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40),
)
def test_the_rest_leaves_unchanged(  # noqa: PLR0917 - one argument for each thing that varies
    caller: RawCaller,
    place: Place,
    kind: str,
    mode: str,
    slot: str,
    method: str,
    path: str,
    query: list[tuple[str, str]],
    fields: dict[str, str],
    body: str,
) -> None:
    """Method, path, query, fields (in their order) and body are the caller's own, whatever they are."""
    text = "&".join(f"{name}={value}" for name, value in query)
    lines = tuple(f"{name}: {value}" for name, value in fields.items())
    call = Call(kind, mode, method, path, text, lines, body if method not in {"GET", "DELETE"} else "")
    line = SLOTS[slot].line
    assert line is not None
    raw = send(caller, place, call, line(place.key.key))
    judge(raw, place, call, text, None)
    head, _, content = raw.partition(b"\r\n\r\n")
    kept = [line for line in head.decode("latin-1").split("\r\n")[1:] if line.partition(":")[0] in fields]
    assert kept == list(lines)
    assert content == call.body.encode()


def test_a_batch_is_answered_in_order(caller: RawCaller, place: Place) -> None:
    """Fifty calls of one batch run, and are answered in the order in which they were asked."""
    kinds = sorted(KINDS)
    calls = [{"upstream": f"to-{kinds[n % 6]}", "path": f"/n/{n}", "query": {"n": n}} for n in range(50)]
    answer = caller.call("POST", "/-/call", f"Exeat-Key: {place.key.key}", body=json.dumps(calls).encode())
    answers = json.loads(answer.body)
    assert (answer.status, len(answers)) == (200, 50)
    identifiers = {entry["meta"]["request_id"] for entry in answers}
    assert len(identifiers) == 50
    for number, entry in enumerate(answers):
        assert (entry["ok"], entry["meta"]["upstream"]) == (True, f"to-{kinds[number % 6]}")
        seen = place.origins[kinds[number % 6]].requests
        assert [request for request in seen if request.target.startswith(f"/n/{number}?n={number}")]


def test_one_bad_call_spoils_no_batch(caller: RawCaller, place: Place) -> None:
    """A call that is refused has its problem in its place; the others are answered."""
    calls = [{"upstream": "to-none"}, {"upstream": "nowhere"}, {"url": "https://127.1/"}, {"upstream": "to-bearer"}]
    answer = caller.call("POST", "/-/call", f"Exeat-Key: {place.key.key}", body=json.dumps(calls).encode())
    answers = json.loads(answer.body)
    assert [entry["ok"] for entry in answers] == [True, False, False, True]
    codes = [entry["problem"]["code"] for entry in answers if not entry["ok"]]
    assert codes == ["upstream-unknown", "malformed-target"]
    assert answer.status == 200
