"""Conversations with a caller that asks how long things take: Exeat-Debug, and Server-Timing in the answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from exeat.model.retries import Retries
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.proxy.observing import Observing
from tests.support.playbook import CREDENTIAL, KEYED, Party, Stage, on_stage, plain
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
TOKEN = "a-debug-token-of-32-characters-or-more"
DEBUG = f"Exeat-Debug: {TOKEN}"
OK = ("HTTP/1.1 200 OK", "Content-Length: 2")


@contextmanager
def debugged(configuration: Snapshot | None = None) -> Iterator[Stage]:
    """A stage whose worker knows the token."""
    with on_stage(configuration or plain()) as stage:
        stage.worker.observing = Observing(None, Secret(TOKEN))
        yield stage


def timing(party: Party) -> dict[str, tuple[float, str | None]] | None:
    """What the one Server-Timing of an answer says: by name, milliseconds and description."""
    head = party.takes_raw().partition(b"\r\n\r\n")[0].decode("latin-1")
    lines = re.findall(r"(?m)^Server-Timing: (.*?)\r?$", head)
    if not lines:
        return None
    assert len(lines) == 1
    found: dict[str, tuple[float, str | None]] = {}
    for metric in lines[0].split(", "):
        match = re.fullmatch(r'exeat-([a-z0-9-]+);dur=([0-9.]+)(?:;desc="([a-z0-9-]+)")?', metric)
        assert match is not None, metric
        found[match[1]] = float(match[2]), match[3]
    return found


def test_phases() -> None:
    """The answer says how long each phase took, and all of it; the upstream hears nothing of the question."""
    with debugged() as stage:
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, DEBUG)
        api = stage.upstream()
        api.hears("GET /x HTTP/1.1", "Host: api.test", CREDENTIAL)
        stage.passes(0.25)
        api.says(*OK, body="ok")
        found = timing(caller)
        assert found is not None
        assert set(found) == {"gateway", "connect", "response", "attempt-1", "total"}
        assert found["response"][0] == pytest.approx(250, abs=5)
        assert found["attempt-1"][0] == pytest.approx(250, abs=5)
        assert found["attempt-1"][1] == "200"
        phases = sum(ms for name, (ms, _) in found.items() if name in {"gateway", "connect", "response"})
        assert found["total"][0] == pytest.approx(phases, abs=0.01)
        assert TOKEN not in orjson.dumps(stage.records).decode() + stage.log


def test_attempts() -> None:
    """Each attempt is there with what became of it."""
    with debugged(snapshot(upstream("api", "http://api.test", retries=Retries()))) as stage:
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, DEBUG)
        api = stage.upstream()
        api.says("HTTP/1.1 503 Busy", "Content-Length: 0")
        stage.passes(0.2)
        api.takes()
        stage.passes(0.5)
        api.vanishes()
        stage.passes(0.5)
        stage.upstream(2).says(*OK, body="ok")
        found = timing(caller)
        assert found is not None
        assert [found[f"attempt-{number}"][1] for number in (1, 2, 3)] == ["503", "upstream-closed", "200"]
        assert found["attempt-2"][0] >= 500
        assert found["backoff"][0] > 0


def test_a_refusal() -> None:
    """What Exeat itself answers has it, too."""
    with debugged() as stage:
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, DEBUG)
        assert set(timing(caller) or ()) == {"gateway", "total"}


@pytest.mark.parametrize("wrong", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "Bearer " + TOKEN, "\xff"])
def test_another_token(wrong: str) -> None:
    """It is ignored, and stays here as well."""
    with debugged() as stage:
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, f"Exeat-Debug: {wrong}")
        api = stage.upstream()
        api.hears("GET /x HTTP/1.1", "Host: api.test", CREDENTIAL)
        api.says(*OK, body="ok")
        assert timing(caller) is None


def test_without_a_token_of_its_own() -> None:
    """A gateway that has none tells nobody, and passes nothing on; nor does one that only makes traces."""
    for observing in (None, Observing(1.0, None)):
        with on_stage(plain()) as stage:
            stage.worker.observing = observing
            caller = stage.caller()
            caller.says("GET /api/x HTTP/1.1", HOST, KEYED, DEBUG)
            api = stage.upstream()
            assert b"xeat-" not in api.takes_raw()
            api.says(*OK, body="ok")
            assert timing(caller) is None


def test_two_tokens() -> None:
    """A field that authenticates is sent once."""
    with debugged() as stage:
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, DEBUG, DEBUG)
        caller.hears_problem(400, "malformed-request", closes=True)


def test_as_a_trailer() -> None:
    """A trailer can't ask, and doesn't leave."""
    with debugged() as stage:
        caller = stage.caller()
        caller.says("POST /api/x HTTP/1.1", HOST, KEYED, "Transfer-Encoding: chunked", body=f"0\r\n{DEBUG}\r\n\r\n")
        api = stage.upstream()
        assert TOKEN.encode() not in api.takes_raw()
        api.says(*OK, body="ok")
        assert timing(caller) is None


def test_the_upstreams_own_timing_stays() -> None:
    """What the upstream says of its time is passed on beside it."""
    with debugged() as stage:
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, DEBUG)
        stage.upstream().says(*OK, "Server-Timing: db;dur=5", body="ok")
        assert caller.takes_raw().count(b"\r\nServer-Timing: ") == 2


def test_an_envelope() -> None:
    """Each call's `meta` says how long its phases took, and the whole answer how long it took."""
    body = orjson.dumps([{"upstream": "api", "path": "/x"}, {"upstream": "nobody", "path": "/"}]).decode()
    with debugged() as stage:
        caller = stage.caller()
        caller.says("POST /-/call HTTP/1.1", HOST, KEYED, DEBUG, f"Content-Length: {len(body)}", body=body)
        stage.passes(0.25)
        stage.upstream().says(*OK, body="ok")
        head, _, content = caller.takes_raw().partition(b"\r\n\r\n")
        assert b"\r\nServer-Timing: exeat-gateway;dur=" in head
        answered, refused = (one["meta"]["timing_ms"] for one in orjson.loads(content))
        assert set(answered) == {"gateway", "connect", "response", "relay", "total"}
        assert answered["response"] == pytest.approx(250, abs=5)
        assert set(refused) == {"gateway", "total"}
