"""Exeat-Debug in every way of calling, at a running gateway that makes traces as well."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.collector import collector
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.markers import MARKERS, assert_no_leaks
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import Answer, RawCaller
from tests.support.recorded import database_of, recorded_in, wait_for_records

TOKEN = MARKERS.make("the token for debugging, which is long enough")
OTHER = MARKERS.make("another token for debugging, as long as that")
MODES = ("path", "host", "url", "header", "envelope", "envelope-url")


class Place(NamedTuple):
    """A gateway that knows the token."""

    gateway: Gateway
    origin: Origin
    key: MadeKey

    def call(self, mode: str, *lines: str, path: str = "/x") -> Answer:
        """One call in a mode; an envelope's answer as it is."""
        lines = (f"Exeat-Key: {self.key.key}", *lines)
        with RawCaller(self.gateway.port) as caller:
            match mode:
                case "path":
                    return caller.call("GET", f"/api{path}", *lines)
                case "host":
                    return caller.call("GET", path, *lines, host="api.gateway.internal")
                case "url":
                    return caller.call("GET", f"/{self.origin.url}{path}", *lines)
                case "header":
                    return caller.call("GET", path, f"Exeat-Target: {self.origin.url}", *lines)
                case "envelope":
                    envelope = {"upstream": "api", "path": path}
                case _:
                    envelope = {"url": f"{self.origin.url}{path}"}
            return caller.call("POST", "/-/call", *lines, body=json.dumps(envelope).encode())


def behave(peer: Peer, request: Request) -> None:
    """Answer with a stream where the path says so."""
    if request.target == "/stream":
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n")
        peer.close()
    else:
        peer.answer(b"fine")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """The gateway; nothing that anybody got, wrote or kept holds the token."""
    key = make_key()
    with collector() as got, Origin(behave) as origin:
        document = {
            "upstreams": {"api": origin.entry()},
            "consumers": {"shop": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document, {"EXEAT_DEBUG_TOKEN": TOKEN, "EXEAT_OTLP_URL": got.url}) as gateway:
            yield Place(gateway, origin, key)
        assert got.spans
        assert_no_leaks(MARKERS.leaks_in(b"".join(got.raw), "what the collector got"))
        heard = b"".join(request.raw for request in origin.requests)
        assert_no_leaks(MARKERS.leaks_in(heard, "what the upstream got"))
        assert b"xeat-" not in heard


@pytest.mark.parametrize("mode", MODES)
def test_in_every_mode(place: Place, mode: str) -> None:
    """The answer says how long the phases took; without the token, or with another one, nothing."""
    answer = place.call(mode, f"Exeat-Debug: {TOKEN}")
    assert re.match(r"exeat-gateway;dur=[0-9.]+, .*exeat-total;dur=[0-9.]+$", answer.field("server-timing") or "")
    if mode.startswith("envelope"):
        assert json.loads(answer.body)["meta"]["timing_ms"]["response"] > 0
    else:
        assert "exeat-attempt-1;dur=" in (answer.field("server-timing") or "")
    for lines in ((), (f"Exeat-Debug: {OTHER}",)):
        answer = place.call(mode, *lines)
        assert answer.status == 200
        assert answer.field("server-timing") is None
        assert b"timing_ms" not in answer.body


def test_streams_and_refusals(place: Place) -> None:
    """Where there is a head of an answer, it is there: of a stream, of a refusal, of Exeat's own paths."""
    assert place.call("path", f"Exeat-Debug: {TOKEN}", path="/stream").field("server-timing")
    with RawCaller(place.gateway.port) as caller:
        for target, status in (("/nobody/x", 401), ("/-/live", 200), ("/-/", 200)):
            answer = caller.call("GET", target, f"Exeat-Debug: {TOKEN}")
            assert answer.status == status
            assert set(re.findall(r"exeat-[a-z]+", answer.field("server-timing") or "")) == {
                "exeat-gateway", "exeat-total",
            }  # fmt: skip


def test_nowhere_else(place: Place) -> None:
    """The token is in no access line and no record."""
    identifier = place.call("path", f"Exeat-Debug: {TOKEN}").field("exeat-request-id")
    wait_for_records(place.gateway.folder, str(identifier))
    kept = b"".join(recorded_in(database_of(place.gateway.folder)))
    assert TOKEN not in kept.decode() + place.gateway.stdout() + place.gateway.stderr()
