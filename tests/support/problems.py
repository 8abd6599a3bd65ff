"""What every refusal of the gateway has to be (RFC 9457, RFC 9209, and the contract's own fields)."""

import json

from exeat.errors import MEANINGS, Code
from tests.support.gateway import JsonObject
from tests.support.raw_caller import Answer

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "origin", "request_id", "hint", "attempts"}

# Those that say when it is worth to call again as it is known, not as the table advises.
LIMITED = {code for code, meaning in MEANINGS.items() if meaning.status in {402, 429}} | {Code.CIRCUIT_OPEN}


def check_problem(answer: Answer, code: Code, upstream: str | None = None) -> JsonObject:
    """Judge a refusal, and return its members."""
    check_problem_fields(answer, code)
    problem = json.loads(answer.body)
    assert isinstance(problem, dict)
    meaning = MEANINGS[code]
    optional = {
        name for name, is_there in (("upstream", upstream), ("retry_after", answer.field("retry-after"))) if is_there
    }
    assert set(problem) == MEMBERS | optional
    assert (problem["code"], problem["status"], problem["title"]) == (code, meaning.status, meaning.title)
    assert (problem["type"], problem["origin"]) == (f"/-/errors/{code}", "gateway")
    assert problem["request_id"] == answer.field("exeat-request-id")
    assert problem["instance"] == f"urn:uuid:{problem['request_id']}"
    assert problem.get("upstream") == upstream
    if meaning.retry_after is not None:
        assert str(problem["retry_after"]) == answer.field("retry-after")
    assert problem["detail"]
    assert problem["hint"]
    return problem


def check_problem_fields(answer: Answer, code: Code) -> None:
    """Judge the status and fields of a refusal, which HEAD has too."""
    meaning = MEANINGS[code]
    assert answer.complete
    assert (answer.status, answer.field("exeat-error")) == (meaning.status, code), answer
    assert answer.field("exeat-origin") == "gateway"
    assert answer.field("content-type") == "application/problem+json"
    assert answer.field("cache-control") == "no-store"
    assert answer.field("proxy-status") == f"exeat; error={meaning.proxy_status}"
    after = answer.field("retry-after")
    if code in LIMITED:  # what is known of the limit
        assert after is not None
        assert int(after) >= 1
    else:
        assert after == (None if meaning.retry_after is None else str(meaning.retry_after))
    assert (answer.field("www-authenticate") is not None) == (meaning.status == 401)
    assert (answer.field("allow") is not None) == (meaning.status == 405)
    assert answer.field("date") is not None
