"""Whether a failed attempt is followed by another one: an ordered table of rules over the facts of it.

Rule 1: the first rule of the table that applies decides, and its reason stands in the record.
Rule 2: every rule that says no is asked before any that says yes.
Rule 3: what may do something twice is sent twice only with an idempotency key; what can't be sent whole, never.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from exeat.errors import Code
from exeat.model.retries import Retries

IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})  # RFC 9110 §9.2.2
FIRST_ERROR: Final = 400
TOO_MANY: Final = 429
# What speaks against an endpoint; everything else is the caller's, or Exeat's own.
FAILED_STATUSES: Final = frozenset({500, 502, 503, 504})
FAILED_CODES: Final = frozenset(
    {
        Code.DNS_FAILED,
        Code.CONNECT_FAILED,
        Code.CONNECT_TIMEOUT,
        Code.TLS_FAILED,
        Code.RESPONSE_TIMEOUT,
        Code.UPSTREAM_CLOSED,
        Code.UPSTREAM_MALFORMED,
    }
)
# An endpoint that is refused by its address isn't a failure of it, but another one may do.
TRIED_AGAIN: Final = FAILED_CODES | {Code.ADDRESS_BLOCKED, Code.LOOP_DETECTED}
# What the same endpoint would only do again.
ELSEWHERE: Final = frozenset({Code.TLS_FAILED, Code.RESPONSE_TIMEOUT, Code.ADDRESS_BLOCKED, Code.LOOP_DETECTED})


class Facts(NamedTuple):
    """What is known of an attempt that failed, or was answered with an error.

    `has_key`: an idempotency key goes with the request. `sent`: anything of it left. `reused`: its connection had
    served before. `code` is how it failed, None where the upstream answered, with `status`. `retry_after_s` is the
    pause that the answer asks for, `should_retry` its x-should-retry. `body_lost`: content was taken from the caller
    that isn't kept. `has_budget`: the upstream's budget has room. `left_s` is the time until the deadline.
    `caller_repeats`: the caller repeats calls itself. `made` counts the attempts so far, this one included; those don't
    count that met a kept connection that had been closed.
    `has_other`: an endpoint that is well wasn't tried yet. `all_rest`: no endpoint may be called. `chance` is random,
    in [0, 1).
    """

    method: bytes
    has_key: bool
    sent: bool
    reused: bool
    code: Code | None
    status: int
    retry_after_s: float | None
    should_retry: bool | None
    body_lost: bool
    has_budget: bool
    left_s: float | None
    caller_repeats: bool
    made: int
    has_other: bool
    all_rest: bool
    chance: float


class Verdict(NamedTuple):
    """What follows: whether another attempt, why (None where nothing had failed), and after which pause.

    `fresh`: at the same endpoint, on a new connection. `costs`: it is taken from the budget.
    """

    retry: bool
    reason: str | None
    wait_s: float = 0.0
    fresh: bool = False
    costs: bool = False


class Rule(NamedTuple):
    """One row: what it says, when it applies, in words and as a function, and why it is there."""

    retry: bool
    reason: str | None
    when: str
    why: str
    applies: Callable[[Facts, Retries], bool]


def decide(facts: Facts, retries: Retries) -> Verdict:
    """Whether another attempt follows: what the first rule says that applies."""
    for rule in RULES:
        if rule.applies(facts, retries):
            if not rule.retry:
                return Verdict(retry=False, reason=rule.reason)
            free = _is_free(facts)
            return Verdict(
                retry=True,
                reason=rule.reason,
                wait_s=wait_of(facts, retries),
                fresh=_is_stale(facts),
                costs=not free,
            )
    raise AssertionError  # the last rule always applies


def wait_of(facts: Facts, retries: Retries) -> float:
    """The pause before another attempt (s): none where nothing was asked of the endpoint, else full jitter.

    Full jitter: a random share of a span that doubles with each attempt, so that callers that failed together don't
    come back together. A pause that the upstream asked for comes before it.
    """
    if _is_free(facts):
        return 0.0
    span = min(retries.backoff_s * 2.0 ** max(facts.made - 1, 0), retries.backoff_limit_s)
    return _asked_for_s(facts) + span * facts.chance


def _asked_for_s(facts: Facts) -> float:
    """The pause that an answer asks for, as far as the next attempt has to heed it."""
    if facts.retry_after_s is None or (facts.has_other and facts.status != TOO_MANY):
        return 0.0  # a limit of calls is the whole upstream's; all else is that endpoint's
    return facts.retry_after_s


def is_stale(code: Code | None, *, reused: bool) -> bool:
    """Whether a kept connection turned out to be closed: nothing is wrong with the endpoint."""
    return reused and code == Code.UPSTREAM_CLOSED


def _is_stale(facts: Facts) -> bool:
    return is_stale(facts.code, reused=facts.reused)


def _is_free(facts: Facts) -> bool:
    """Whether another attempt asks nothing of an endpoint that has failed."""
    return _is_stale(facts) or (not facts.sent and facts.has_other)


def _is_passed_on(facts: Facts, retries: Retries) -> bool:
    return facts.code is None and facts.status not in retries.statuses and not facts.should_retry


def _is_elsewhere(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001 - as every rule
    return facts.code is not None and facts.code not in TRIED_AGAIN


def _is_off(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return not retries.limit


def _is_refused(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.should_retry is False


def _says_not_when(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.status == TOO_MANY and facts.retry_after_s is None and not facts.should_retry


def _is_body_lost(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.body_lost


def _may_do_it_twice(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.sent and not facts.has_key and facts.method not in IDEMPOTENT


def _had_begun(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.code == Code.UPSTREAM_MALFORMED


def _is_used_up(facts: Facts, retries: Retries) -> bool:
    return facts.made > retries.limit


def _is_repeated_by_caller(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.caller_repeats and facts.made > 1


def _would_be_the_same(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.code in ELSEWHERE and not facts.has_other


def _has_nowhere_to_go(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return facts.all_rest


def _is_asked_too_long(facts: Facts, retries: Retries) -> bool:
    return _asked_for_s(facts) > retries.retry_after_limit_s


def _is_too_late(facts: Facts, retries: Retries) -> bool:
    return facts.left_s is not None and wait_of(facts, retries) >= facts.left_s


def _is_over_budget(facts: Facts, retries: Retries) -> bool:  # noqa: ARG001
    return not facts.has_budget and not _is_free(facts)


def _no(reason: str | None, when: str, why: str, applies: Callable[[Facts, Retries], bool]) -> Rule:
    return Rule(retry=False, reason=reason, when=when, why=why, applies=applies)


def _yes(reason: str, when: str, why: str, applies: Callable[[Facts, Retries], bool]) -> Rule:
    return Rule(retry=True, reason=reason, when=when, why=why, applies=applies)


RULES: Final = (
    _no(
        None,
        "the upstream answered with a status that `retries.statuses` doesn't list",
        "An answer is the caller's, an error as much as any other. `x-should-retry: true` of the upstream makes any"
        " error worth another attempt.",
        _is_passed_on,
    ),
    _no(
        "not again: it wasn't the upstream that failed",
        "it wasn't the upstream that failed",
        "The caller has left, a deadline has passed, or Exeat itself couldn't: another attempt would meet the same.",
        _is_elsewhere,
    ),
    _no(
        "not again: retries are off",
        "`retries` is `off`",
        "Then a call is one attempt, whatever becomes of it.",
        _is_off,
    ),
    _no(
        "not again: the upstream says that it is of no use",
        "the answer has `x-should-retry: false`",
        "The upstream knows best.",
        _is_refused,
    ),
    _no(
        "not again: 429 that doesn't say when",
        "the answer is 429 without `Retry-After`",
        "Nobody knows when a call would pass; more of them make it worse.",
        _says_not_when,
    ),
    _no(
        "not again: its body isn't kept",
        "content of the request's body was taken that isn't kept",
        "It can't be sent whole again: it is longer than `retries.body`.",
        _is_body_lost,
    ),
    _no(
        "not again: it was sent, and may do something twice",
        "something of the request was sent, its method isn't idempotent, and it has no idempotency key",
        "The upstream may have acted on it (RFC 9110 §9.2.2).",
        _may_do_it_twice,
    ),
    _no(
        "not again: the answer had begun",
        "the upstream's answer can't be understood, or ended in its head",
        "The request has arrived, and the same answer would come again.",
        _had_begun,
    ),
    _no(
        "not again: all attempts are made",
        "`retries.limit` attempts have followed the first one",
        "A call that fails has to fail in time.",
        _is_used_up,
    ),
    _no(
        "not again: the caller repeats calls itself",
        "the caller repeats calls itself (`x-stainless-retry-count`, `amz-sdk-request`), and one attempt has followed",
        "Retries of both sides multiply.",
        _is_repeated_by_caller,
    ),
    _no(
        "not again: it would fail in the same way",
        "TLS failed, no answer came in time, or the address isn't allowed; and there is no other endpoint",
        "The same endpoint would do the same again.",
        _would_be_the_same,
    ),
    _no(
        "not again: every endpoint rests",
        "every endpoint of the upstream rests (`circuit-open`)",
        "This attempt was the one too many. What it met says more than that nothing can be called now.",
        _has_nowhere_to_go,
    ),
    _no(
        "not again: the upstream asks for a longer pause than is waited",
        "`Retry-After` is longer than `retries.retry_after_limit`",
        "The caller can plan with the answer, and holds nothing meanwhile.",
        _is_asked_too_long,
    ),
    _no(
        "not again: the deadline would pass first",
        "the pause would end after the deadline (`timeout.total`, `Exeat-Timeout`)",
        "Waiting for nothing is worse than an answer now.",
        _is_too_late,
    ),
    _no(
        "not again: the retry budget is spent",
        "retries are more than `retries.budget` percent of the upstream's calls of the last 10 s, and more than 3 a"
        " second; attempts that need no pause don't count",
        "Where everything fails, retries would multiply the load of an upstream that can't bear it.",
        _is_over_budget,
    ),
    _yes(
        "again at once: the kept connection had been closed",
        "the connection had served before, and was closed without an answer",
        "It was closed for being idle at the moment of sending: nothing is wrong with the upstream. The next attempt is"
        " made on a new connection, and isn't counted.",
        lambda facts, _: _is_stale(facts),
    ),
    _yes(
        "again at once: at another endpoint, for nothing was sent",
        "nothing was sent, and there is another endpoint",
        "Nothing is repeated, and the other endpoint hasn't failed.",
        lambda facts, _: _is_free(facts),
    ),
    _yes(
        "again after the pause that the upstream asked for",
        "the answer has `Retry-After`",
        "The pause is kept to the second, and a random share of the back-off is added. Where another endpoint is tried,"
        " only that of a 429 is kept.",
        lambda facts, _: _asked_for_s(facts) > 0,
    ),
    _yes(
        "again after a back-off",
        "anything else: no connection, closed without an answer, a status of `retries.statuses`",
        "The pause is random: up to `retries.backoff`, twice that before the next attempt and so on, at most"
        " `retries.backoff_limit`.",
        lambda _, __: True,
    ),
)


def speaks_against(code: Code | None, status: int) -> bool:
    """Whether an attempt's end counts as a failure of its endpoint."""
    return status in FAILED_STATUSES if code is None else code in FAILED_CODES
