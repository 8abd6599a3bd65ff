"""Conversations about what bounds retries and what ends them: deadlines, budgets, callers, the gateway's own end."""

from dataclasses import replace

import pytest

from tests.proxy.test_retries import BUSY, FIRST_S, HOST, SECOND_S, ask, retries_of
from tests.support.access import attempts_of
from tests.support.playbook import CREDENTIAL, KEYED, UPSTREAM, Stage, conversation, on_stage, plain, scene
from tests.support.values import snapshot, upstream


@scene()
def test_a_deadline(stage: Stage) -> None:
    """A pause that would end after the deadline isn't begun: what there is of an answer is passed on."""
    caller, api = ask(stage, "Exeat-Timeout: 1")
    api.says("HTTP/1.1 503 Service Unavailable", "Retry-After: 1", "Content-Length: 0")
    caller.hears("HTTP/1.1 503 Service Unavailable", "Retry-After: 1", "Content-Length: 0", UPSTREAM)
    assert retries_of(stage) == ["not again: the deadline would pass first"]


@pytest.mark.parametrize("field", ["x-stainless-retry-count: 0", "amz-sdk-request: attempt=1; max=3"])
def test_a_caller_that_repeats_calls_itself(field: str) -> None:
    """A client that repeats calls itself gets one more attempt from us, not two: they would multiply."""
    with on_stage(plain()) as stage:
        caller, api = ask(stage, field)
        api.says(*BUSY, body="busy")
        stage.passes(FIRST_S)
        caller.hears_nothing()
        api.says(*BUSY, body="busy")
        caller.hears(*BUSY, UPSTREAM, body="busy")
        assert retries_of(stage)[-1] == "not again: the caller repeats calls itself"


def test_a_caller_that_would_repeat_in_vain() -> None:
    """Such a client is told where repeating is hopeless; others aren't."""
    with on_stage(plain()) as stage:
        for field, told in (("x-stainless-retry-count: 0", True), ("accept: */*", False)):
            caller = stage.caller()
            caller.says("GET /api/x HTTP/1.1", HOST, KEYED, field, "Via: 1.1 exeat-test")
            heard = caller.takes()
            assert heard.startswith(b"HTTP/1.1 508 ")
            assert (b"\r\nx-should-retry: false\r\n" in heard) is told


def test_a_budget() -> None:
    """Where everything fails, retries add a bounded load: then the upstream's answers are passed on at once."""
    restless = replace(upstream("api", "http://api.test"), circuit=None)
    with on_stage(snapshot(restless)) as stage:
        stage.chance = 0.0
        caller, api = ask(stage)
        sent = 0
        for _ in range(40):
            caller.takes()
            for _ in range(3):
                if not api.takes():
                    break
                sent += 1
                api.says("HTTP/1.1 503 Service Unavailable", "Content-Length: 0")
            caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
        assert sent == 40 + 30
        assert retries_of(stage) == ["not again: the retry budget is spent"]
        stage.passes(10.0)
        api.says("HTTP/1.1 503 Service Unavailable", "Content-Length: 0")
        assert api.takes().endswith(CREDENTIAL.encode() + b"\r\n\r\n")  # there is room again
        api.says("HTTP/1.1 204 No Content")


@conversation()
def test_a_caller_that_leaves_meanwhile(stage: Stage) -> None:
    """A caller that leaves during a pause ends it: nothing more is sent."""
    caller, api = ask(stage)
    api.takes()
    api.says(*BUSY, body="busy")
    caller.vanishes()
    stage.passes(SECOND_S)
    api.hears_nothing()
    assert stage.records[-1]["error"] == "client-closed"
    assert len(attempts_of(stage.records[-1])) == 1


@scene()
def test_a_caller_that_sends_no_more(stage: Stage) -> None:
    """A caller that ends its side during a pause, and so may be gone, is waited for as long as in any phase."""
    caller, api = ask(stage)
    api.takes()
    api.says("HTTP/1.1 503 Service Unavailable", "Retry-After: 5", "Content-Length: 0")
    caller.finishes()
    stage.passes(1.0)
    assert stage.records[-1]["error"] == "client-closed"
    stage.passes(5.0)
    api.hears_nothing()


def test_the_end_of_the_gateway() -> None:
    """A worker that has to stop ends a pause with `draining`."""
    with on_stage(plain()) as stage:
        caller, api = ask(stage)
        api.says("HTTP/1.1 503 Service Unavailable", "Retry-After: 5", "Content-Length: 0")
        stage.loop.run_until_complete(stage.worker.drain(0.5))
        caller.hears_problem(503, "draining", closes=True)
