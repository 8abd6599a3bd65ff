"""The classes of http1.yaml: what each of them requires of an outcome, one function each, named as there."""

import json
import re
from collections.abc import Callable

from tests.conformance.outcome import CANARY, Outcome
from tests.support.messages import Message, read_whole

HOP_BY_HOP = {
    *(b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info"),
    *(b"upgrade", b"http2-settings"),
}
SECRET = b"marker-credential-of-the-upstream"

Check = Callable[[Outcome], None]


def is_refused(outcome: Outcome, statuses: list[int]) -> None:
    """Refused by the gateway, then closed; the upstream received nothing; one access line says why."""
    assert len(outcome.statuses) == 1
    assert outcome.statuses[0] in statuses
    _assert_problem(outcome.finals[0])
    assert outcome.was_closed
    assert outcome.finals[0].value(b"connection") == b"close"
    assert outcome.sent == b""
    assert len(outcome.lines) == 1
    assert outcome.lines[0]["error"]


def _assert_problem(answer: Message) -> None:
    assert answer.value(b"content-type") == b"application/problem+json"
    assert answer.value(b"exeat-origin") == b"gateway"
    problem = json.loads(answer.body)
    assert answer.value(b"exeat-error") == problem["code"].encode()
    assert problem["status"] == answer.status


def is_forwarded(outcome: Outcome, count: int = 1) -> None:
    """As many requests as were asked for went upstream, whole and clean, and their answers came back."""
    assert len(outcome.calls) == count
    assert outcome.statuses == [200] * count
    for call, answer in zip(outcome.calls, outcome.finals, strict=True):
        assert answer.body == (b"" if call.method == b"HEAD" else b"ok")
    assert all(connection.partial is None and not connection.rest for connection in outcome.connections)
    assert outcome.calls[0].body == _body_of(outcome)
    for text in outcome.case.texts("upstream_must_contain"):
        assert text in outcome.sent
    order = outcome.case.texts("upstream_order")
    lines = [line for line in outcome.calls[0].head.split(b"\r\n") if line in order]
    assert lines == order


def _body_of(outcome: Outcome) -> bytes:
    """The body that the case's first request declares."""
    expect = outcome.case.expect
    if "upstream_body" in expect:
        return str(expect["upstream_body"]).encode()
    if "upstream_body_len" in expect:
        length = expect["upstream_body_len"]
        assert isinstance(length, int)
        return b"A" * length
    head, _, rest = outcome.case.raw.replace(b"%AUTH%", b"").partition(b"\r\n\r\n")
    declared = re.search(rb"\nContent-Length: ([0-9]+)\r?$", head, re.MULTILINE)
    assert b"\nTransfer-Encoding: chunked" not in head, "the case says what the body is"
    return (rest + str(outcome.case.send.get("then", "")).encode())[: int(declared[1])] if declared else b""


def forward(outcome: Outcome) -> None:
    """One upstream request; or the other outcome that the case allows."""
    also = str(outcome.case.expect.get("also_ok"))
    if also == "reject" and outcome.statuses == [400]:
        is_refused(outcome, [400])
    elif also.isdigit() and outcome.statuses == [int(also)]:
        assert outcome.sent == b""
    else:
        is_forwarded(outcome)


def forward_close(outcome: Outcome) -> None:
    """As forward, then closed."""
    is_forwarded(outcome)
    assert outcome.was_closed


def forward_exact_or_refuse(outcome: Outcome) -> None:
    """The method as it was sent, or a refusal."""
    if outcome.statuses == [200]:
        is_forwarded(outcome)
        assert outcome.calls[0].method == outcome.case.raw.split(b" ")[0]
    else:
        assert outcome.statuses[0] in outcome.case.statuses
        assert outcome.sent == b""


def reject(outcome: Outcome) -> None:
    """Refused, closed, nothing sent."""
    is_refused(outcome, outcome.case.statuses)


def reject_or_normalize(outcome: Outcome) -> None:
    """Refused where the policy says so; else refused, or forwarded clean."""
    if outcome.case.policy == "reject" or outcome.statuses != [200]:
        is_refused(outcome, [400, 505])
    else:
        is_forwarded(outcome)


def reject_or_te_wins(outcome: Outcome) -> None:
    """Refused: this project's policy."""
    assert outcome.case.policy == "reject"
    is_refused(outcome, [400])


def reject_or_split(outcome: Outcome) -> None:
    """One good request, then a refused one, and nothing of the second in the first."""
    assert outcome.statuses == [200, 400]
    assert outcome.was_closed
    assert len(outcome.calls) == 1
    assert outcome.calls[0].values(b"Z") == []
    assert len(outcome.lines) == 2


def no_body_then_garbage(outcome: Outcome) -> None:
    """One request without a body, then a refusal; or 411 for the first."""
    assert outcome.statuses in ([200, 400], [411])
    assert outcome.was_closed
    assert [call.body for call in outcome.calls] == [b""] * (len(outcome.statuses) - 1)
    assert len(outcome.lines) == len(outcome.statuses)


def absolute_form(outcome: Outcome) -> None:
    """Refused, as a gateway that is no forward proxy does."""
    assert outcome.statuses[0] in {400, 403, 421}
    assert outcome.sent == b""


def incomplete(outcome: Outcome) -> None:
    """Nothing complete went upstream, its connection was discarded, and the access line says that the caller left."""
    assert outcome.calls == []
    assert not any(connection in outcome.kept for connection in outcome.connections)
    assert len(outcome.connections) <= 1
    assert [line["error"] for line in outcome.lines] == ["client-closed"]


def body_not_request(outcome: Outcome) -> None:
    """Refused, or forwarded with its body as a body."""
    if outcome.statuses == [200]:
        is_forwarded(outcome)
    else:
        is_refused(outcome, [400])


def no_smuggle(outcome: Outcome) -> None:
    """One request, whatever became of it."""
    assert len(outcome.calls) <= 1
    assert len(outcome.finals) == len(outcome.lines) == 1


def expect_continue(outcome: Outcome) -> None:
    """100 or a final answer within two seconds; the body forwarded once."""
    within = outcome.case.send["within_s"]
    assert isinstance(within, int | float)
    assert outcome.continued_s is not None
    assert outcome.continued_s < within
    is_forwarded(outcome)


def local(outcome: Outcome) -> None:
    """Answered here, not forwarded."""
    assert outcome.statuses[0] in outcome.case.statuses
    assert outcome.sent == b""
    assert len(outcome.lines) == 1


def timeout(outcome: Outcome) -> None:
    """408, or the end without a word, at the deadline; one access line."""
    if outcome.finals:
        is_refused(outcome, outcome.case.statuses)
    assert outcome.was_closed
    assert len(outcome.lines) == 1


def head_then_next(outcome: Outcome) -> None:
    """The answer to HEAD has no body, and the next one can be read."""
    is_forwarded(outcome, 2)


def upgrade_with_body(outcome: Outcome) -> None:
    """400, or an ordinary framed request."""
    if outcome.statuses == [400]:
        is_refused(outcome, [400])
        return
    is_forwarded(outcome)
    assert outcome.calls[0].values(b"upgrade") == []


def relay(outcome: Outcome) -> None:
    """The caller gets the upstream's status and body; its own fields come along."""
    answer, given = outcome.finals[0], _given(outcome)
    assert (answer.status, answer.body) == (given.status, given.body)
    assert answer.value(b"exeat-origin") == b"upstream"
    assert answer.value(b"location") == given.value(b"location")
    assert len(outcome.calls) <= 1
    assert len(outcome.lines) == len(outcome.finals)
    early = [message.start for message in read_whole("response", outcome.case.raw) if 100 < message.status < 200]
    assert [message.start for message in outcome.answers if 100 < message.status < 200] == early


def _given(outcome: Outcome) -> Message:
    """The final response that the upstream wrote."""
    messages = read_whole("response", outcome.case.raw, [outcome.case.method])
    return next(message for message in messages if message.status >= 200)


def bad(outcome: Outcome) -> None:
    """502 that tells nothing of what the upstream wrote, and its connection closed."""
    assert outcome.statuses[0] in (outcome.case.statuses if "status" in outcome.case.expect else [502])
    _assert_problem(outcome.finals[0])
    assert all(len(line) < 5 or line not in outcome.finals[0].body for line in outcome.case.raw[:4096].split(b"\r\n"))
    _assert_discarded(outcome)
    assert len(outcome.lines) == 1


def _assert_discarded(outcome: Outcome) -> None:
    """The connection over which the answer came was not kept."""
    first = outcome.connections[0]
    assert first not in outcome.kept
    assert len(first.messages) == 1


def relay_or_bad(outcome: Outcome) -> None:
    """Relayed clean, or 502; the connection not kept either way."""
    if outcome.statuses == [502]:
        bad(outcome)
    else:
        assert outcome.finals[0].body == b"ok"
    _assert_discarded(outcome)


def truncated(outcome: Outcome) -> None:
    """An answer that visibly broke off, or 502."""
    if outcome.finals:
        bad(outcome)
        return
    assert outcome.was_closed
    assert outcome.partial is not None
    assert outcome.partial.status == 200
    assert outcome.lines[0]["error"] in {"upstream-closed", "upstream-malformed"}
    _assert_discarded(outcome)


def relay_no_reuse(outcome: Outcome) -> None:
    """Relayed; the next answer comes over another connection and is the right one."""
    assert [answer.body for answer in outcome.finals] == [b"ok", b"ok"]
    assert b"POISON" not in outcome.received
    assert len(outcome.connections) == 2
    _assert_discarded(outcome)


def relay_no_body(outcome: Outcome) -> None:
    """Relayed without a body; a body that came nevertheless costs the upstream its connection."""
    given = read_whole("response", outcome.case.raw, [b"HEAD"])[0]
    assert outcome.statuses == [given.status]
    assert outcome.finals[0].body == b""
    if not outcome.case.raw.endswith(b"\r\n\r\n"):
        _assert_discarded(outcome)


def invariants(outcome: Outcome) -> None:
    """What holds after every case, whatever its class."""
    head = b"".join(answer.head for answer in outcome.answers)
    for text in outcome.case.texts("upstream_must_not_contain"):
        assert text not in outcome.sent
    for text in outcome.case.texts("downstream_must_not_contain"):
        assert text not in outcome.received
    for text in outcome.case.texts("downstream_headers_must_not_contain"):
        assert text not in head
    for text in outcome.case.texts("downstream_must_contain"):
        assert text in outcome.received
    assert outcome.rest == b""
    assert SECRET not in outcome.received
    for connection in outcome.connections:
        for call in (*connection.messages, *([connection.partial] if connection.partial else [])):
            _assert_clean(call)
    assert [line for line in outcome.lines if CANARY in str(line.get("path")).encode()] == []
    _assert_accounted(outcome)


def _assert_clean(call: Message) -> None:
    """A forwarded message has one credential and no field that belongs to one hop only."""
    names = {name.lower() for name, _ in call.fields}
    assert not names & HOP_BY_HOP
    assert call.value(b"connection") in {None, b"TE"}
    assert call.value(b"authorization") == b"Bearer " + SECRET
    assert b"exeat" not in call.head.lower()
    assert CANARY not in call.target


def _assert_accounted(outcome: Outcome) -> None:
    """Each request of the upstream has one access line, and so has each answer of the caller."""
    sent = [line for line in outcome.lines if line["attempts"]]
    assert all(line["consumer"] == "caller" for line in sent)
    recorded = [(line["method"], _target(line)) for line in sent]
    for call in outcome.calls:
        recorded.remove((call.method.decode(), call.target.decode()))
    assert len({line["id"] for line in outcome.lines}) == len(outcome.lines)
    answered = [line["status"] for line in outcome.lines if line["error"] != "client-closed"]
    assert answered == [answer.status for answer in outcome.answers if answer.status >= 200]


def _target(line: dict[str, object]) -> str:
    assert not line["query"], "no case has a query that is forwarded"
    return str(line["path"])


_CHECKS: tuple[Callable[[Outcome], None], ...] = (
    *(forward, forward_close, forward_exact_or_refuse, reject, reject_or_normalize, reject_or_te_wins, reject_or_split),
    *(no_body_then_garbage, absolute_form, incomplete, body_not_request, no_smuggle, expect_continue, local, timeout),
    *(head_then_next, upgrade_with_body, relay, bad, relay_or_bad, truncated, relay_no_reuse, relay_no_body),
)
CLASSES: dict[str, Check] = {
    **{check.__name__: check for check in _CHECKS},
    "framing_survives": body_not_request,
    "loop": local,
    "relay_norm_or_bad": relay_or_bad,
    "bad_or_te_wins": relay_or_bad,
}
EXPECTATIONS = frozenset(
    {
        *("class", "status", "policy", "also_ok", "n", "upstream_body", "upstream_body_len", "upstream_order"),
        *("upstream_must_contain", "upstream_must_not_contain", "downstream_must_contain"),
        *("downstream_must_not_contain", "downstream_headers_must_not_contain"),
    }
)
