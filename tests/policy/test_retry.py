"""The table that decides whether an attempt is followed by another one: each row, and what no row may ever do."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code
from exeat.model.retries import DEFAULT, STATUSES, Retries
from exeat.policy.retry import (
    ELSEWHERE,
    FAILED_CODES,
    IDEMPOTENT,
    RULES,
    TRIED_AGAIN,
    Facts,
    decide,
    speaks_against,
    wait_of,
)

CLOSED: Final = Code.UPSTREAM_CLOSED
# A GET whose new connection was closed without an answer.
FACTS: Final = Facts(
    method=b"GET",
    has_key=False,
    sent=True,
    reused=False,
    code=CLOSED,
    status=0,
    retry_after_s=None,
    should_retry=None,
    body_lost=False,
    has_budget=True,
    left_s=None,
    caller_repeats=False,
    made=1,
    has_other=False,
    all_rest=False,
    chance=0.5,
)
BUSY: Final = FACTS._replace(code=None, status=503)
TOO_MANY: Final = BUSY._replace(status=429, retry_after_s=3.0)
UNSENT: Final = FACTS._replace(code=Code.CONNECT_FAILED, sent=False)
OFF: Final = Retries(limit=0)
LONGER: Final = "the upstream asks for a longer pause than is waited"

AGAIN: Final = [
    (FACTS, "again after a back-off", 0.05),
    (FACTS._replace(made=2), "again after a back-off", 0.1),
    (BUSY, "again after a back-off", 0.05),
    (BUSY._replace(status=502, method=b"DELETE"), "again after a back-off", 0.05),
    (BUSY._replace(status=409, should_retry=True), "again after a back-off", 0.05),
    (BUSY._replace(status=429, should_retry=True), "again after a back-off", 0.05),
    (BUSY._replace(method=b"POST", has_key=True), "again after a back-off", 0.05),
    (UNSENT, "again after a back-off", 0.05),
    (UNSENT._replace(method=b"POST"), "again after a back-off", 0.05),
    (UNSENT._replace(code=Code.DNS_FAILED, method=b"POST"), "again after a back-off", 0.05),
    (UNSENT._replace(code=Code.CONNECT_TIMEOUT, method=b"POST"), "again after a back-off", 0.05),
    (FACTS._replace(caller_repeats=True), "again after a back-off", 0.05),
    (FACTS._replace(code=Code.RESPONSE_TIMEOUT, has_other=True), "again after a back-off", 0.05),
    (TOO_MANY, "again after the pause that the upstream asked for", 3.05),
    (TOO_MANY._replace(has_other=True), "again after the pause that the upstream asked for", 3.05),
    (BUSY._replace(retry_after_s=10.0), "again after the pause that the upstream asked for", 10.05),
    (BUSY._replace(retry_after_s=90.0, has_other=True), "again after a back-off", 0.05),
    (FACTS._replace(reused=True), "again at once: the kept connection had been closed", 0.0),
    (FACTS._replace(reused=True, has_budget=False), "again at once: the kept connection had been closed", 0.0),
    (UNSENT._replace(has_other=True, method=b"POST"), "again at once: at another endpoint, for nothing was sent", 0.0),
    (
        UNSENT._replace(has_other=True, has_budget=False),
        "again at once: at another endpoint, for nothing was sent",
        0.0,
    ),
    (
        UNSENT._replace(has_other=True, code=Code.TLS_FAILED),
        "again at once: at another endpoint, for nothing was sent",
        0.0,
    ),
]
NOT_AGAIN: Final = [
    (BUSY._replace(status=404), DEFAULT, None),
    (BUSY._replace(status=500), DEFAULT, None),
    (FACTS._replace(code=Code.CLIENT_CLOSED), DEFAULT, "it wasn't the upstream that failed"),
    (UNSENT._replace(code=Code.OVERLOADED, has_other=True), DEFAULT, "it wasn't the upstream that failed"),
    (UNSENT._replace(code=Code.CREDENTIAL_UNAVAILABLE, has_other=True), DEFAULT, "it wasn't the upstream that failed"),
    (UNSENT._replace(has_other=True), OFF, "retries are off"),
    (BUSY._replace(should_retry=False), DEFAULT, "the upstream says that it is of no use"),
    (TOO_MANY._replace(retry_after_s=None), DEFAULT, "429 that doesn't say when"),
    (BUSY._replace(method=b"PUT", body_lost=True), DEFAULT, "its body isn't kept"),
    (FACTS._replace(reused=True, body_lost=True), DEFAULT, "its body isn't kept"),
    (BUSY._replace(method=b"POST"), DEFAULT, "it was sent, and may do something twice"),
    (FACTS._replace(method=b"PATCH", reused=True), DEFAULT, "it was sent, and may do something twice"),
    (BUSY._replace(method=b"POST", should_retry=True), DEFAULT, "it was sent, and may do something twice"),
    (FACTS._replace(code=Code.UPSTREAM_MALFORMED), DEFAULT, "the answer had begun"),
    (BUSY._replace(made=3), DEFAULT, "all attempts are made"),
    (FACTS._replace(caller_repeats=True, made=2), DEFAULT, "the caller repeats calls itself"),
    (FACTS._replace(code=Code.RESPONSE_TIMEOUT), DEFAULT, "it would fail in the same way"),
    (UNSENT._replace(code=Code.TLS_FAILED), DEFAULT, "it would fail in the same way"),
    (UNSENT._replace(code=Code.ADDRESS_BLOCKED), DEFAULT, "it would fail in the same way"),
    (BUSY._replace(all_rest=True), DEFAULT, "every endpoint rests"),
    (FACTS._replace(reused=True, all_rest=True), DEFAULT, "every endpoint rests"),
    (BUSY._replace(retry_after_s=10.1), DEFAULT, LONGER),
    (TOO_MANY._replace(retry_after_s=60.0, has_other=True), DEFAULT, LONGER),
    (BUSY._replace(left_s=0.05), DEFAULT, "the deadline would pass first"),
    (TOO_MANY._replace(left_s=3.0), DEFAULT, "the deadline would pass first"),
    (FACTS._replace(reused=True, left_s=0.0), DEFAULT, "the deadline would pass first"),
    (BUSY._replace(has_budget=False), DEFAULT, "the retry budget is spent"),
    (UNSENT._replace(has_budget=False), DEFAULT, "the retry budget is spent"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "reason", "wait_s"), AGAIN)
def test_another_attempt(facts: Facts, reason: str, wait_s: float) -> None:
    """What is followed by another attempt, why, and after which pause."""
    verdict = decide(facts, DEFAULT)
    assert (verdict.retry, verdict.reason) == (True, reason)
    assert verdict.wait_s == pytest.approx(wait_s)
    assert verdict.costs is (wait_s > 0)
    assert verdict.fresh is ("kept connection" in reason)


@pytest.mark.parametrize(("facts", "retries", "reason"), NOT_AGAIN)
def test_no_other_attempt(facts: Facts, retries: Retries, reason: str | None) -> None:
    """What isn't, and why; an answer that is no failure needs no reason."""
    verdict = decide(facts, retries)
    assert (verdict.retry, verdict.reason) == (False, None if reason is None else f"not again: {reason}")


def test_every_row_is_tried() -> None:
    """Each rule of the table decides at least one of the cases above: none is out of reach."""
    cases = [(facts, DEFAULT) for facts, *_ in AGAIN] + [(facts, retries) for facts, retries, _ in NOT_AGAIN]
    deciding = {next(place for place, rule in enumerate(RULES) if rule.applies(*case)) for case in cases}
    assert deciding == set(range(len(RULES)))


def test_no_is_asked_before_yes() -> None:
    """Every rule that says no comes before any that says yes, and the last one always applies."""
    assert [rule.retry for rule in RULES] == sorted(rule.retry for rule in RULES)
    assert all(rule.when and rule.why for rule in RULES)


METHODS: Final = st.sampled_from([b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"POST", b"PATCH", b"QUERY"])
SECONDS: Final = st.floats(0, 100)
RETRIES: Final = st.builds(
    Retries,
    limit=st.integers(0, 10),
    statuses=st.sampled_from([STATUSES, frozenset({500, 503}), frozenset[int]()]),
    backoff_s=st.floats(0.001, 5),
    backoff_limit_s=st.floats(5, 60),
    retry_after_limit_s=SECONDS,
)
ANY: Final = st.builds(
    Facts,
    method=METHODS,
    has_key=st.booleans(),
    sent=st.booleans(),
    reused=st.booleans(),
    code=st.none() | st.sampled_from(list(Code)),
    status=st.sampled_from([200, 400, 404, 409, 429, 500, 502, 503, 504]),
    retry_after_s=st.none() | SECONDS,
    should_retry=st.none() | st.booleans(),
    body_lost=st.booleans(),
    has_budget=st.booleans(),
    left_s=st.none() | st.floats(-1, 100),
    caller_repeats=st.booleans(),
    made=st.integers(0, 12),
    has_other=st.booleans(),
    all_rest=st.booleans(),
    chance=st.floats(0, 1, exclude_max=True),
)


@given(facts=ANY, retries=RETRIES)
def test_what_is_never_done(facts: Facts, retries: Retries) -> None:
    """Whatever the rest: nothing unsafe is repeated, nothing that isn't kept, nothing beyond a bound."""
    verdict = decide(facts, retries)
    if not verdict.retry:
        assert (verdict.wait_s, verdict.fresh, verdict.costs) == (0.0, False, False)
        return
    assert not facts.body_lost
    assert not facts.sent or facts.has_key or facts.method in IDEMPOTENT
    assert facts.made <= retries.limit
    assert not facts.caller_repeats or facts.made <= 1
    assert facts.left_s is None or verdict.wait_s < facts.left_s
    assert facts.has_budget or not verdict.costs
    assert facts.code is None or facts.code in TRIED_AGAIN
    assert facts.code not in ELSEWHERE or facts.has_other
    assert facts.should_retry is not False
    assert not facts.all_rest
    assert not verdict.fresh or (facts.reused and facts.code == CLOSED)


@given(facts=ANY, retries=RETRIES)
def test_how_long_is_waited(facts: Facts, retries: Retries) -> None:
    """A pause is within its bounds: what was asked for, and less than the back-off of that attempt."""
    wait_s = wait_of(facts, retries)
    span = min(retries.backoff_s * 2 ** max(facts.made - 1, 0), retries.backoff_limit_s)
    assert 0 <= wait_s <= (facts.retry_after_s or 0) + span
    if decide(facts, retries).retry:
        assert wait_s <= retries.retry_after_limit_s + span


def test_what_speaks_against_an_endpoint() -> None:
    """Failures of the upstream count against an endpoint; the caller's, Exeat's own, and a limit that it has don't."""
    assert {status for status in range(200, 600) if speaks_against(None, status)} == {500, 502, 503, 504}
    assert {code for code in Code if speaks_against(code, 0)} == FAILED_CODES
