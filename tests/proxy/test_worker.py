"""What a worker does besides its exchanges: whom it believes, what it records, how it ends."""

from dataclasses import replace
from ipaddress import ip_network
from typing import NoReturn

import pytest

from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination, Network, Upstream
from exeat.proxy.worker import ENDPOINTS_LIMIT
from tests.support.access import attempts_of
from tests.support.playbook import (
    ADDRESS,
    CREDENTIAL,
    GATEWAY,
    KEYED,
    UPSTREAM,
    Stage,
    conversation,
    on_stage,
    plain,
    scene,
)
from tests.support.values import consumer, destination, grant, key, new_key, origin, rules, snapshot, upstream

HOST = "Host: gateway.test"
LAN = ip_network("10.0.0.0/8")


def owned_by(*, networks: tuple[Network, ...] = (), report: bool = False) -> Snapshot:
    """One upstream of which a consumer may read /open; `report` is the mode of that grant and of its networks."""
    owner = consumer(
        {"api": [grant("api", methods=[b"GET"], paths=rules("/open/**"), report=report)]},
        networks=networks,
        networks_report=report,
    )
    return snapshot(upstream("api", "http://api.test"), known={bytes.fromhex(new_key().sha256): key(owner)})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.7", "192.0.2.1", "198.51.100.7"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, what?, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "192.0.2.1", None),
    ],
)
def test_whom_a_request_comes_from(peer: str, forwarded: str, address: str | None) -> None:
    """X-Forwarded-For is believed from trusted proxies only: the last address in it that isn't a trusted proxy's."""
    with on_stage(plain()) as stage:
        stage.worker.trusted = (LAN,)
        caller = stage.caller(peer)
        caller.says("GET /-/ HTTP/1.1", HOST, f"X-Forwarded-For: {forwarded}")
        assert stage.records[-1]["address"] == address


@pytest.mark.parametrize(("peer", "scheme"), [("10.0.0.1", "https"), ("198.51.100.7", "http")])
def test_how_the_caller_addresses_the_gateway(peer: str, scheme: str) -> None:
    """Behind a trusted proxy that ends TLS, URLs lead back over https."""
    with on_stage(plain()) as stage:
        stage.worker.trusted = (LAN,)
        caller = stage.caller(peer)
        caller.says("GET /api/ HTTP/1.1", HOST, KEYED, "X-Forwarded-Proto: https")
        stage.upstream().says("HTTP/1.1 302 Found", "Location: http://api.test/x", "Content-Length: 0")
        assert f"Location: {scheme}://gateway.test/api/x\r\n".encode() in caller.takes()


@conversation()
def test_what_is_recorded(stage: Stage) -> None:
    """One line per exchange, with who, what and how much, without the values of the query."""
    caller = stage.caller()
    caller.says("PUT /api/a/b?token=s3cret&x HTTP/1.1", HOST, KEYED, "Content-Length: 2", body="in")
    stage.passes(1)
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 3", body="out")
    record = stage.records.pop()
    assert len(str(record.pop("id"))) == 36
    assert 1000 <= float(str(record.pop("duration_ms"))) < 1001
    assert 1000 <= float(str(record.pop("head_ms"))) < 1001
    [attempt] = attempts_of(record)
    assert 1000 <= float(str(attempt.pop("head_ms"))) < 1001
    assert 0 <= float(str(attempt.pop("began_ms"))) < 1
    assert record == {
        "time": "2026-01-01T00:00:00.000Z",
        "kind": "exchange",
        "outcome": "completed",
        "address": "198.51.100.7",
        "consumer": "shop",
        "key": "K" * 12,
        "mode": "path",
        "method": "PUT",
        "upstream": "api",
        "origin": None,
        "path": "/a/b",
        "query": "token=*&*",
        "decision": "allow",
        "reason": None,
        "status": 200,
        "error": None,
        "attempts": [{"endpoint": "http://api.test", "address": ADDRESS, "status": 200, "error": None, "retry": None}],
        "credential": "bearer",
        "bytes_in": 2,
        "bytes_out": 3,
        "cost": None,
        "cache": None,
        "trace": None,
        "bodies": None,
    }
    assert stage.records == []


@conversation()
def test_health_is_not_recorded(stage: Stage) -> None:
    """Probes leave no line."""
    caller = stage.caller()
    for path in ("live", "ready"):
        caller.says(f"GET /-/{path} HTTP/1.1", HOST)
        assert caller.takes().startswith(b"HTTP/1.1 200 OK\r\n")
    assert stage.records == []


@conversation(lambda: owned_by(report=True, networks=(LAN,)))
def test_report_mode(stage: Stage) -> None:
    """What only reports lets the request pass, and the record says what would have refused it."""
    caller = stage.caller()
    caller.says("GET /api/closed HTTP/1.1", HOST, KEYED)
    stage.upstream().hears("GET /closed HTTP/1.1", "Host: api.test", CREDENTIAL)
    stage.upstream().says("HTTP/1.1 204 No Content")
    record = stage.records[-1]
    assert record["decision"] == "report"
    assert record["reason"]


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        ("GET /api/closed HTTP/1.1", 403, "path-not-granted"),
        ("DELETE /api/open/x HTTP/1.1", 403, "method-not-granted"),
        ("GET /api/open/../closed HTTP/1.1", 400, "malformed-target"),
        ("GET /api/open//x HTTP/1.1", 403, "path-not-granted"),
    ],
)
def test_what_is_not_granted(first: str, status: int, code: str) -> None:
    """A refusal is recorded with its code and the key that it refused."""
    with on_stage(owned_by()) as stage:
        caller = stage.caller()
        caller.says(first, HOST, KEYED)
        caller.hears_problem(status, code)
        assert stage.records[-1]["error"] == code
        assert stage.dialled == 0


@pytest.mark.parametrize("path", ["/api/open/x", "/-/whoami", "/-/", "/-/call"])
def test_a_key_used_from_elsewhere(path: str) -> None:
    """A key that is bound to networks is refused from other addresses, for the gateway's own paths too."""
    with on_stage(owned_by(networks=(LAN,))) as stage:
        caller = stage.caller("198.51.100.7")
        caller.says(f"{'POST' if 'call' in path else 'GET'} {path} HTTP/1.1", HOST, KEYED)
        caller.hears_problem(403, "ip-not-allowed")


def test_whoami_lists_what_a_key_may_call() -> None:
    """The answer names upstreams and destinations with their rules, and no secret."""
    configuration = snapshot(
        upstream("api", "http://api.test", methods=[b"GET", b"PUT"]), destinations=[destination("*.elsewhere.test")]
    )
    with on_stage(configuration) as stage:
        caller = stage.caller()
        caller.says("GET /-/whoami HTTP/1.1", HOST, KEYED)
        heard = caller.takes().decode()
        assert '"upstream": "api"' in heard
        assert '"destination": "*.elsewhere.test"' in heard
        assert "upstream-secret" not in heard


@scene()
def test_the_page_for_people(stage: Stage) -> None:
    """Without a key the page says what this is, with one what it may call, with a wrong one why not."""
    caller = stage.caller()
    caller.says("GET /-/ HTTP/1.1", HOST)
    assert b"outbound API gateway" in caller.takes()
    caller.says("GET /-/ HTTP/1.1", HOST, KEYED)
    assert b"<code>http://gateway.test/api/</code>" in caller.takes()
    caller.says("GET /-/ HTTP/1.1", HOST, "Exeat-Key: wrong")
    caller.hears_problem(401, "key-malformed")
    caller.says("GET /-/errors/key-missing HTTP/1.1", HOST)
    assert b"<code>key-missing</code>" in caller.takes()
    caller.says("GET /-/errors/%3Cscript%3E HTTP/1.1", HOST)
    caller.hears_problem(404, "upstream-unknown")


@scene()
def test_draining(stage: Stage) -> None:
    """Draining ends idle connections at once, waits for what is under way, and says that it isn't ready."""
    idle, busy, probe = stage.caller(), stage.caller(), stage.caller()
    busy.says("GET /api/ HTTP/1.1", HOST, KEYED)
    probe.sends("GET /-/ready HTTP/1.1\r\n")
    draining = stage.loop.create_task(stage.worker.drain(30.0))
    stage.passes(1)
    idle.sees_it_closed()
    probe.sends(f"{HOST}\r\n\r\n")
    probe.hears_problem(503, "draining", closes=True)
    assert not draining.done()
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    busy.hears("HTTP/1.1 200 OK", "Content-Length: 2", "Connection: close", UPSTREAM, body="ok")
    stage.passes(1)
    assert draining.done()


@scene()
def test_draining_ends(stage: Stage) -> None:
    """What isn't finished after the limit is broken off."""
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
    draining = stage.loop.create_task(stage.worker.drain(5.0))
    stage.passes(6)
    assert draining.done()
    caller.hears_problem(503, "draining", closes=True)
    caller.sees_it_closed()
    stage.upstream().sees_it_dropped()


@scene()
def test_another_snapshot(stage: Stage) -> None:
    """A new snapshot serves new requests; the one under way ends as it began."""
    caller, other = stage.caller(), stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
    stage.worker.swap(snapshot(upstream("other", "http://other.test")))
    other.says("GET /api/ HTTP/1.1", HOST, KEYED)
    other.hears_problem(404, "upstream-unknown")
    stage.upstream().says("HTTP/1.1 302 Found", "Location: /x", "Content-Length: 0")
    caller.hears("HTTP/1.1 302 Found", "Location: /api/x", "Content-Length: 0", UPSTREAM)


def test_endpoints_of_destinations_are_bounded() -> None:
    """A wildcard has as many endpoints as callers think of names, so only so many are remembered."""
    wild: Destination = destination("*.elsewhere.test")
    with on_stage(snapshot(destinations=[wild])) as stage:
        first = stage.worker.endpoint(wild, origin("https://0.elsewhere.test"))
        assert stage.worker.endpoint(wild, origin("https://0.elsewhere.test")) is first
        for number in range(1, ENDPOINTS_LIMIT + 1):
            stage.worker.endpoint(wild, origin(f"https://{number}.elsewhere.test"))
        assert stage.worker.endpoint(wild, origin("https://0.elsewhere.test")) is not first


class Faulty(dict[bytes, Upstream]):
    """A mapping with a bug."""

    def get(self, *_: object) -> NoReturn:
        """Fail as only a bug does."""
        raise ZeroDivisionError("upstream-secret")


@scene()
def test_a_fault_inside(stage: Stage) -> None:
    """A bug is 500 with nothing about it; the log has where it happened, and no values."""
    stage.worker.swap(replace(stage.worker.snapshot, upstreams=Faulty()))
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
    problem = caller.hears_problem(500, "internal")
    assert "upstream-secret" not in str(problem)
    assert "bug: ZeroDivisionError" in stage.log
    assert "resolve.py:" in stage.log
    assert "upstream-secret" not in stage.log
    stage.forget_log()
    caller.says("GET /-/live HTTP/1.1", HOST)
    assert GATEWAY.encode() in caller.takes()
