"""Conversations about endpoints that fail: who gets the next call, what a caller hears when all rest, how it ends."""

import pytest

from exeat.model.circuit import Circuit
from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from tests.support.access import attempts_of
from tests.support.playbook import KEYED, UPSTREAM, Party, Stage, conversation, on_stage
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
CIRCUIT = Circuit(failures=2)


def alone() -> Snapshot:
    """One endpoint whose circuit opens by two failures; nothing is tried again."""
    return snapshot(upstream("api", "http://api.test", retries=Retries(limit=0), circuit=CIRCUIT))


def two() -> Snapshot:
    """The same with two endpoints."""
    return snapshot(upstream("api", "http://a.test", "http://b.test", retries=Retries(limit=0), circuit=CIRCUIT))


def ask(caller: Party) -> None:
    """A call."""
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)


def fails(stage: Stage, caller: Party, number: int) -> None:
    """A call that the upstream ends without an answer, on a new connection."""
    ask(caller)
    stage.upstream(number).takes()
    stage.upstream(number).finishes()
    caller.hears_problem(502, "upstream-closed")


def answers(stage: Stage, caller: Party, number: int) -> None:
    """A call that is answered on connection `number`."""
    ask(caller)
    stage.upstream(number).takes()
    stage.upstream(number).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation(alone)
def test_a_circuit_opens_and_closes(stage: Stage) -> None:
    """After two failures nothing is sent for five seconds; then one call tries, and if it goes well, all do."""
    caller = stage.caller()
    fails(stage, caller, 1)
    fails(stage, caller, 2)
    ask(caller)
    assert caller.hears_problem(503, "circuit-open")["retry_after"] == 5
    assert attempts_of(stage.records[-1]) == []
    stage.passes(5)
    ask(caller)
    other = stage.caller()
    ask(other)
    assert other.hears_problem(503, "circuit-open")["retry_after"] == 1
    stage.upstream(3).takes()
    stage.upstream(3).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    answers(stage, other, 3)
    stage.passes(10.2)
    assert [one["state"] for one in stage.worker.balancing.report()] == ["closed"]


def test_what_a_caller_hears() -> None:
    """The answer says when to call again, in the field, in the problem and to other proxies."""
    with on_stage(alone()) as stage:
        caller = stage.caller()
        fails(stage, caller, 1)
        fails(stage, caller, 2)
        stage.passes(2.5)
        ask(caller)
        heard = caller.takes()
    assert b"HTTP/1.1 503 Service Unavailable\r\n" in heard
    assert b"\r\nRetry-After: 3\r\n" in heard
    assert b"\r\nProxy-Status: exeat; error=destination_unavailable" in heard
    assert b'"retry_after":3' in heard
    assert b'"upstream":"api"' in heard


@conversation(alone)
def test_a_probe_whose_caller_leaves(stage: Stage) -> None:
    """A caller that leaves in the middle of the one call that tries leaves its place to the next."""
    caller = stage.caller()
    fails(stage, caller, 1)
    fails(stage, caller, 2)
    stage.passes(5)
    leaver = stage.caller()
    ask(leaver)
    stage.upstream(3).takes()
    leaver.vanishes()
    answers(stage, caller, 4)


@conversation(alone)
def test_a_probe_that_fails(stage: Stage) -> None:
    """If the call that tries fails, too, the rest is twice as long."""
    caller = stage.caller()
    fails(stage, caller, 1)
    fails(stage, caller, 2)
    stage.passes(5)
    fails(stage, caller, 3)
    ask(caller)
    assert caller.hears_problem(503, "circuit-open")["retry_after"] == 10


@conversation(two)
def test_the_other_gets_all(stage: Stage) -> None:
    """While one endpoint rests, the other one gets every call, and nobody is refused."""
    caller = stage.caller()
    fails(stage, caller, 1)
    answers(stage, caller, 2)
    fails(stage, caller, 3)
    for _ in range(4):
        answers(stage, caller, 2)
    assert stage.dialled == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_answers_that_are_failures(status: int) -> None:
    """Errors of the upstream itself open its circuit, and reach their callers as they are."""
    with on_stage(alone()) as stage:
        caller = stage.caller()
        for _ in range(2):
            ask(caller)
            stage.upstream().takes()
            stage.upstream().says(f"HTTP/1.1 {status} No", "Content-Length: 0")
            caller.hears(f"HTTP/1.1 {status} No", "Content-Length: 0", UPSTREAM)
        ask(caller)
        caller.hears_problem(503, "circuit-open")


@pytest.mark.parametrize("status", [400, 401, 404, 408, 422, 429, 501])
def test_answers_that_are_none(status: int) -> None:
    """What a caller can cause, however often, says nothing against an endpoint."""
    with on_stage(alone()) as stage:
        caller = stage.caller()
        for _ in range(8):
            ask(caller)
            stage.upstream().takes()
            stage.upstream().says(f"HTTP/1.1 {status} No", "Content-Length: 0")
            caller.hears(f"HTTP/1.1 {status} No", "Content-Length: 0", UPSTREAM)


def test_callers_that_leave() -> None:
    """Callers that leave before the answer, however many, open no circuit."""
    with on_stage(alone()) as stage:
        for number in range(1, 9):
            caller = stage.caller()
            ask(caller)
            stage.upstream(number).takes()
            caller.vanishes()
        answers(stage, stage.caller(), 9)


def test_a_deadline_of_the_caller() -> None:
    """A caller that has no time says nothing against an endpoint."""
    with on_stage(alone()) as stage:
        caller = stage.caller()
        for number in range(1, 6):
            caller.says("GET /api/x HTTP/1.1", HOST, KEYED, "Exeat-Timeout: 0.5")
            stage.upstream(number).takes()
            stage.passes(0.7)
            caller.hears_problem(504, "deadline-exceeded")
        answers(stage, caller, 6)


def test_under_way() -> None:
    """An exchange is under way at its endpoint until its last byte, not only until its head."""
    with on_stage(two()) as stage:
        caller = stage.caller()
        ask(caller)
        stage.upstream().takes()
        stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 2", body="o")
        assert [one["pending"] for one in stage.worker.balancing.report()] == [1, 0]
        stage.upstream().sends("k")
        assert [one["pending"] for one in stage.worker.balancing.report()] == [0, 0]


def test_the_configuration_changes() -> None:
    """An endpoint that rests goes on to rest under a new configuration."""
    with on_stage(alone()) as stage:
        caller = stage.caller()
        fails(stage, caller, 1)
        fails(stage, caller, 2)
        stage.worker.swap(alone())
        ask(caller)
        caller.hears_problem(503, "circuit-open")
        stage.worker.swap(snapshot(upstream("api", "http://api.test", retries=Retries(limit=0), circuit=None)))
        answers(stage, caller, 3)
