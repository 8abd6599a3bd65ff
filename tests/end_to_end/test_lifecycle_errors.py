"""Every failure that a caller can meet, provoked from outside: one shape, one name everywhere, and life goes on."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import pytest

from exeat.errors import MEANINGS, Code
from tests.support.access import access_line
from tests.support.blackhole import blackhole
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem, check_problem_fields
from tests.support.raw_caller import RawCaller

WORSE = cycle((True, False))  # whether a call of `/worse` is answered at all
PRIVATE = {"network": {"private": ["127.0.0.0/8"]}}
ENVELOPE = ("Content-Type: application/json",)


class Keys(NamedTuple):
    """A key of each fate."""

    good: MadeKey
    expired: MadeKey
    revoked: MadeKey
    fenced: MadeKey
    poor: MadeKey
    unknown: MadeKey


class Place(NamedTuple):
    """The gateway, and what is behind it."""

    gateway: Gateway
    origin: Origin
    keys: Keys


def behave(peer: Peer, request: Request) -> None:
    """Answer, or not, as the path says."""
    peer.read_body(request)
    match request.target.partition("?")[0]:
        case "/silent":
            peer.has_ended()
        case "/worse" if next(WORSE):
            peer.answer(b"busy", "Connection: close", status="503 Service Unavailable")
        case "/worse":
            peer.close()
        case "/close":
            peer.close()
        case "/malformed":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
        case "/not-http":
            peer.send(b"220 mail.example ESMTP\r\n")
        case "/huge":
            peer.answer(bytes(11 * 1024 * 1024))
        case _:
            peer.answer(b"fine")


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.fixture(scope="module")
def place(authority: Authority, tmp_path_factory: pytest.TempPathFactory, unfinished: RawCaller) -> Iterator[Place]:
    """A gateway with something to go wrong for every code."""
    del unfinished  # only begun here: test_streaming_unfinished.py reads what becomes of it
    folder = Path(tmp_path_factory.mktemp("errors"))
    keys = Keys(*(make_key() for _ in Keys._fields))
    with ExitStack() as stack:
        hole = stack.enter_context(blackhole())
        origin = stack.enter_context(Origin(behave, authority.server_context()))
        upstreams = {
            "api": origin.entry(authority.file, circuit="off"),
            "hasty": origin.entry(authority.file, timeout={"response": "200ms"}, circuit="off"),
            "failing": origin.entry(authority.file, retries=1, circuit="off"),
            "read-only": origin.entry(authority.file, methods=["GET", "HEAD"]),
            "narrow": origin.entry(authority.file, paths=["/v1/**"]),
            "tokened": origin.entry(authority.file, credential={"kind": "bearer", "secret": "${file:token}"}),
            "ungranted": origin.entry(authority.file),
            "blocked": {"url": f"https://localhost:{origin.port}", "tls": {"ca": str(authority.file)}},
            "nameless": {"url": "https://no-such-name.invalid", "timeout": {"dns": "1s"}, "circuit": "off"},
            "refusing": {"url": f"https://127.0.0.1:{closed_port()}", "circuit": "off", **PRIVATE},
            "hole": {"url": f"https://127.0.0.1:{hole}", "timeout": {"connect": "200ms"}, "circuit": "off", **PRIVATE},
            "untrusted": origin.entry(circuit="off"),
        }
        granted = [name for name in upstreams if name not in {"ungranted", "api"}]
        document: dict[str, object] = {
            "upstreams": upstreams,
            "destinations": ["*.allowed.example"],
            "consumers": {
                "web": {
                    "keys": [
                        {"sha256": keys.good.sha256},
                        {"sha256": keys.expired.sha256, "expires": "2020-01-01"},
                        {"sha256": keys.revoked.sha256, "revoked": True},
                    ],
                    "grants": [*granted, {"upstream": "api", "methods": ["GET", "HEAD", "POST"]}, "destinations"],
                },
                "fenced": {"keys": [{"sha256": keys.fenced.sha256}], "grants": ["*"], "networks": ["10.0.0.0/8"]},
                "poor": {"keys": [{"sha256": keys.poor.sha256}], "grants": ["read-only"]},
            },
        }
        (folder / "token").write_text("secret-that-disappears\n")
        gateway = stack.enter_context(Gateway(document, {"EXEAT_DRAIN_S": "1"}, folder=folder))
        own = {"url": f"https://127.0.0.1:{gateway.port}", **PRIVATE}
        with gateway.expect("in force"):
            (folder / "token").unlink()
        gateway.reload({**document, "upstreams": {**upstreams, "own": own}} | own_grant(document))
        yield Place(gateway, origin, keys)


def own_grant(document: dict[str, object]) -> dict[str, object]:
    """The consumers, one of them with a grant for the gateway itself."""
    consumers = json.loads(json.dumps(document["consumers"]))
    consumers["web"]["grants"].append("own")
    return {"consumers": consumers}


class Case(NamedTuple):
    """One way to meet a code: a request, and the upstream that the problem names."""

    code: Code
    target: str
    upstream: str | None = None
    key: str | None = "good"
    method: str = "GET"
    lines: tuple[str, ...] = ()
    body: bytes = b""
    closes: bool = False


LONG = "x" * 9000
CASES = (
    Case(Code.MALFORMED_REQUEST, "/api/", lines=("X y: z",), closes=True),
    Case(Code.MALFORMED_REQUEST, "/api/", "api", lines=("Exeat-Timeout: soon",)),
    Case(Code.MALFORMED_TARGET, "/https://127.1/"),
    Case(Code.MALFORMED_TARGET, "/api/../x"),
    Case(Code.MALFORMED_TARGET, "/", lines=("Exeat-Target: https://a@b.example",)),
    Case(Code.ENVELOPE_INVALID, "/-/call", method="POST", body=b"[]"),
    Case(Code.ENVELOPE_INVALID, "/-/call", method="POST", body=b'{"upstream": "api", "limit": 1}'),
    Case(Code.ENVELOPE_INVALID, "/-/call", method="POST", body=b"{"),
    Case(Code.KEY_MISSING, "/api/", key=None),
    Case(Code.KEY_MISSING, "/nothing/", key=None),
    Case(Code.KEY_MISSING, "/https://evil.example/", key=None),
    Case(Code.KEY_MISSING, "/-/whoami", key=None),
    Case(Code.KEY_MALFORMED, "/api/", key=None, lines=("Exeat-Key: exeat_short",)),
    Case(Code.KEY_UNKNOWN, "/api/", key="unknown"),
    Case(Code.KEY_UNKNOWN, "/nothing/", key="unknown"),
    Case(Code.KEY_EXPIRED, "/api/", key="expired"),
    Case(Code.KEY_REVOKED, "/api/", key="revoked"),
    Case(Code.GRANT_MISSING, "/ungranted/", "ungranted"),
    Case(Code.GRANT_MISSING, "/api/", "api", key="poor"),
    Case(Code.GRANT_MISSING, "/https://x.allowed.example/", key="poor"),
    Case(Code.METHOD_NOT_GRANTED, "/read-only/", "read-only", method="POST", body=b"x"),
    Case(Code.METHOD_NOT_GRANTED, "/api/", "api", method="DELETE"),
    Case(Code.PATH_NOT_GRANTED, "/narrow/v2/x", "narrow"),
    Case(Code.TARGET_NOT_ALLOWED, "/https://evil.example/"),
    Case(Code.TARGET_NOT_ALLOWED, "/x", lines=("Exeat-Target: https://allowed.example",)),
    Case(Code.PORT_NOT_ALLOWED, "/https://x.allowed.example:8443/"),
    Case(Code.ADDRESS_BLOCKED, "/blocked/", "blocked"),
    Case(Code.PLAINTEXT_REFUSED, "/http://x.allowed.example/"),
    Case(Code.IP_NOT_ALLOWED, "/api/", "api", key="fenced"),
    Case(Code.IP_NOT_ALLOWED, "/-/whoami", key="fenced"),
    Case(Code.UPSTREAM_UNKNOWN, "/nothing/"),
    Case(Code.UPSTREAM_UNKNOWN, "/-/nothing"),
    Case(Code.METHOD_NOT_ALLOWED, "/api/", method="TRACE", closes=True),
    Case(Code.METHOD_NOT_ALLOWED, "/-/whoami", method="POST", body=b"x"),
    Case(Code.METHOD_NOT_ALLOWED, "/-/call"),
    Case(Code.BODY_TOO_LARGE, "/-/call", method="POST", lines=("Content-Length: 99999999",), closes=True),
    Case(Code.TARGET_TOO_LONG, f"/api/{LONG}", closes=True),
    Case(Code.FIELDS_TOO_LARGE, "/api/", lines=tuple(f"X-{n}: {LONG}" for n in range(4)), closes=True),
    Case(Code.FIELDS_TOO_LARGE, "/api/", lines=tuple(f"X-{n}: 1" for n in range(101)), closes=True),
    Case(Code.DNS_FAILED, "/nameless/", "nameless"),
    Case(Code.CONNECT_FAILED, "/refusing/", "refusing"),
    Case(Code.TLS_FAILED, "/untrusted/", "untrusted"),
    Case(Code.UPSTREAM_CLOSED, "/api/close", "api"),
    Case(Code.UPSTREAM_MALFORMED, "/api/malformed", "api"),
    Case(Code.UPSTREAM_MALFORMED, "/api/not-http", "api"),
    Case(Code.CREDENTIAL_UNAVAILABLE, "/tokened/", "tokened"),
    Case(Code.RETRIES_EXHAUSTED, "/failing/worse", "failing"),
    Case(Code.CONNECT_TIMEOUT, "/hole/", "hole"),
    Case(Code.RESPONSE_TIMEOUT, "/hasty/silent", "hasty"),
    Case(Code.DEADLINE_EXCEEDED, "/api/silent", "api", lines=("Exeat-Timeout: 0.1",)),
    Case(Code.LOOP_DETECTED, "/own/", "own"),
)
# Met in tests of their own: below, in test_lifecycle_timeouts.py, test_streaming_unfinished.py, test_records_kept.py.
APART = {
    *(Code.CLIENT_TIMEOUT, Code.CLIENT_CLOSED, Code.OVERLOADED, Code.DRAINING, Code.IDLE_TIMEOUT),
    Code.AUDIT_UNAVAILABLE,
    Code.CIRCUIT_OPEN,  # test_failover.py
    # tests of limits
    *(Code.RATE_LIMITED, Code.QUOTA_EXHAUSTED, Code.BUDGET_EXHAUSTED, Code.TOO_MANY_CONCURRENT, Code.QUEUE_FULL),
    *(Code.QUEUE_TIMEOUT, Code.UPSTREAM_COOLING_DOWN, Code.STATE_UNAVAILABLE),
}
NEVER = {Code.INTERNAL}  # a bug: nobody knows how to provoke one


def lines_of(place: Place, case: Case) -> list[str]:
    key = [] if case.key is None else [f"Exeat-Key: {getattr(place.keys, case.key).key}"]
    return [*key, *case.lines]


def name_of(case: Case) -> str:
    return f"{case.code}-{case.method}-{case.target[:24]}"


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_code(place: Place, case: Case) -> None:
    """The answer is a problem whose members, fields, and access line agree; its page explains it."""
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call(case.method, case.target, *lines_of(place, case), body=case.body)
        problem = check_problem(answer, case.code, case.upstream)
        assert (answer.field("connection") == "close") == case.closes
        if case.closes:
            assert caller.is_ended()
        else:
            good = f"Exeat-Key: {place.keys.good.key}"
            assert caller.call("GET", "/api/after", good).body == b"fine"
    line = access_line(place.gateway, str(problem["request_id"]))
    assert (line["error"], line["status"]) == (case.code, MEANINGS[case.code].status)
    stranger = case.key in {None, "unknown", "expired", "revoked"}
    assert line.get("consumer") is None or not stranger


@pytest.mark.parametrize("case", [case for case in CASES if case.method == "GET"], ids=name_of)
def test_head_has_no_body(place: Place, case: Case) -> None:
    """HEAD is refused with the same fields and without a body; the connection lives on as after GET."""
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call("HEAD", case.target, *lines_of(place, case))
        check_problem_fields(answer, case.code)
        if case.closes:
            return  # a head that can't be understood has no method
        assert answer.body == b""
        assert caller.call("GET", "/api/after", f"Exeat-Key: {place.keys.good.key}").body == b"fine"


def test_a_refused_body_is_read_over(place: Place) -> None:
    """A refused POST, small or chunked and whole, is no obstacle to the next request on its connection."""
    good = f"Exeat-Key: {place.keys.good.key}"
    with RawCaller(place.gateway.port) as caller:
        for size in (1, 1000, 200_000):
            check_problem(caller.call("POST", "/nothing/", good, body=bytes(size)), Code.UPSTREAM_UNKNOWN)
        check_problem(caller.call("POST", "/api/", body=b"no key"), Code.KEY_MISSING)
        assert caller.call("POST", "/api/", good, body=b"x").body == b"fine"


@pytest.mark.parametrize("code", list(Code), ids=str)
def test_page(place: Place, code: Code) -> None:
    """The type of every problem is a page for people, without a key."""
    with RawCaller(place.gateway.port) as caller:
        page = caller.call("GET", f"/-/errors/{code}")
        assert (page.status, page.field("content-type")) == (200, "text/html; charset=utf-8")
        assert str(code).encode() in page.body
        assert caller.call("HEAD", f"/-/errors/{code}").body == b""
        check_problem(caller.call("GET", f"/-/errors/{code}x"), Code.UPSTREAM_UNKNOWN)


def test_nothing_is_forgotten() -> None:
    """Every code of the table is met here, but the one for what isn't known to be wrong."""
    assert {case.code for case in CASES} | APART | NEVER == set(Code)


def test_an_answer_too_large_for_an_envelope(place: Place) -> None:
    """An envelope holds its answers whole: one above 10 MiB is that call's failure."""
    body = b'{"upstream": "api", "path": "/huge"}'
    with RawCaller(place.gateway.port) as caller:
        answer = caller.call("POST", "/-/call", f"Exeat-Key: {place.keys.good.key}", body=body)
    inner = json.loads(answer.body)
    assert (inner["ok"], inner["status"], inner["problem"]["code"]) == (False, 413, "body-too-large")


def test_single_failures_in_an_envelope(place: Place) -> None:
    """The one call of an envelope that fails gives the envelope's answer the gateway's status, and its problem."""
    for upstream, code in (
        ("refusing", "connect-failed"),
        ("nothing", "upstream-unknown"),
        ("hole", "connect-timeout"),
    ):
        with RawCaller(place.gateway.port) as caller:
            body = json.dumps({"upstream": upstream}).encode()
            answer = caller.call("POST", "/-/call", f"Exeat-Key: {place.keys.good.key}", body=body)
        inner = json.loads(answer.body)
        assert (inner["ok"], inner["problem"]["code"]) == (False, code)
        status = MEANINGS[Code(code)].status
        assert (answer.status, inner["status"], answer.field("exeat-error")) == (status, status, code)


def test_client_closed(place: Place) -> None:
    """A caller that went is never answered, but its exchange has a line."""
    lines = len(place.gateway.access_lines())
    with RawCaller(place.gateway.port) as caller:
        caller.request("GET", "/api/silent", f"Exeat-Key: {place.keys.good.key}")
        wait_until(lambda: place.origin.requests[-1].target == "/silent", "it is under way")
    line = place.gateway.access_lines(lines + 1)[-1]
    assert (line["status"], line["error"]) == (499, "client-closed")


def test_overloaded(authority: Authority) -> None:
    """Beyond the limit of connections to one origin, a request waits its connect timeout, and is then refused."""
    release = threading.Event()
    key = make_key()

    def hold(peer: Peer, request: Request) -> None:
        del request
        assert release.wait(20)
        peer.answer(b"fine")

    with Origin(hold, authority.server_context()) as origin, ExitStack() as stack:
        document = {
            "upstreams": {"held": origin.entry(authority.file, timeout={"dns": "100ms", "connect": "1s"})},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["held"]}},
        }
        gateway = stack.enter_context(Gateway(document))
        line = f"Exeat-Key: {key.key}"
        callers = [stack.enter_context(RawCaller(gateway.port)) for _ in range(100)]
        for caller in callers:
            caller.request("GET", "/held/", line)
        wait_until(lambda: len(origin.requests) == 100, "every connection is in use")
        last = stack.enter_context(RawCaller(gateway.port))
        check_problem(last.call("GET", "/held/", line), Code.OVERLOADED, "held")
        assert origin.connections == 100
        last.request("GET", "/held/", line)
        release.set()
        assert {caller.read().body for caller in [*callers, last]} == {b"fine"}
        assert origin.connections == 100


def test_draining(authority: Authority) -> None:
    """A call that doesn't end before the drain does is refused with `draining`; readiness goes at once."""
    key = make_key()
    with Origin(behave, authority.server_context()) as origin:
        document = {
            "upstreams": {"api": origin.entry(authority.file)},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with Gateway(document, {"EXEAT_DRAIN_S": "0.5"}) as gateway, RawCaller(gateway.port) as caller:
            caller.request("GET", "/api/silent", f"Exeat-Key: {key.key}")
            wait_until(lambda: len(origin.requests) == 1, "it is under way")
            gateway.signal(signal.SIGTERM)
            answer = caller.read()
            check_problem(answer, Code.DRAINING, "api")
            assert answer.field("connection") == "close"
            assert caller.is_ended()
            gateway.wait()
            assert gateway.access_lines(1)[-1]["error"] == "draining"
