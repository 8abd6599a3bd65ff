"""A failure as the caller sees it: one name in the content, in Exeat-Error and in Proxy-Status."""

import pytest
from orjson import loads

from exeat.errors import MEANINGS, Code, GatewayError
from exeat.policy.problem import fields_of, problem_of, render_problem

ID = "019b76da-a800-7844-92fd-7430bdbf4e03"


@pytest.mark.parametrize("code", list(Code))
def test_every_failure_as_a_problem(code: Code) -> None:
    """The content is problem+json (RFC 9457) whose members agree with the table and with the fields."""
    meaning = MEANINGS[code]
    problem = loads(render_problem(problem_of(GatewayError(code, "What happened."), ID, "api", 2)))
    assert problem["type"] == f"/-/errors/{code}"
    assert (problem["status"], problem["title"], problem["code"]) == (meaning.status, meaning.title, str(code))
    assert (problem["detail"], problem["hint"]) == ("What happened.", meaning.hint)
    assert (problem["instance"], problem["request_id"]) == (f"urn:uuid:{ID}", ID)
    assert (problem["origin"], problem["upstream"], problem["attempts"]) == ("gateway", "api", 2)
    assert problem.get("retry_after") == meaning.retry_after
    lines = fields_of(GatewayError(code, "What happened."))
    assert b"Content-Type: application/problem+json\r\n" in lines
    assert b"Cache-Control: no-store\r\n" in lines
    assert f"Exeat-Error: {code}\r\n".encode() in lines
    assert f"Proxy-Status: exeat; error={meaning.proxy_status}\r\n".encode() in lines
    assert any(line.startswith(b"WWW-Authenticate: ") for line in lines) is (meaning.status == 401)
    assert any(line.startswith(b"Allow: ") for line in lines) is (meaning.status == 405)
    assert any(line.startswith(b"Retry-After: ") for line in lines) is (meaning.retry_after is not None)


def test_what_is_not_known_is_left_out() -> None:
    """A problem without an upstream has no such member; a hint of the moment replaces the table's."""
    problem = problem_of(GatewayError(Code.INTERNAL, "x", hint="Do this."), ID, None, 0)
    assert "upstream" not in problem
    assert "retry_after" not in problem
    assert problem["hint"] == "Do this."


def test_the_methods_of_a_405() -> None:
    """Allow lists what may be used there: what is forwarded, or what the path has."""
    assert b"Allow: POST\r\n" in fields_of(GatewayError(Code.METHOD_NOT_ALLOWED, "x", allow="POST"))
    assert any(b"PATCH" in line for line in fields_of(GatewayError(Code.METHOD_NOT_ALLOWED, "x")))
