"""Conversations about upstreams that want something of the body: what is said where it can't be had."""

import pytest

from exeat.model.credential import Kind
from exeat.model.secret import Secret
from exeat.model.signing import BodyField, HmacSignature
from tests.support.playbook import KEYED, on_stage
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
IN_JSON = BodyField("token", Secret("the-secret"), "json")
SIGNED = HmacSignature(Secret("the-secret"), "sha256", "hex", "{body}", (("X-Sum", "{signature}"),))
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("method", "lines", "body", "said"),
    [
        ("GET", (), "", "a GET without one"),
        ("POST", (JSON,), "[1, 2]", "isn't a JSON object"),
        ("POST", (JSON,), '\ufeff{"a": 1}', "isn't a JSON object"),
        ("POST", ("Content-Type: multipart/form-data; boundary=b",), "--b\r\n\r\n\r\n--b--\r\n", "isn't a JSON object"),
        ("POST", (JSON, "Content-Encoding: gzip"), "{}", "is compressed"),
    ],
)
def test_a_body_without_a_place_for_the_credential(method: str, lines: tuple[str, ...], body: str, said: str) -> None:
    """What is wrong is said, and not that HTTP was: the request is whole, and its connection goes on."""
    with on_stage(snapshot(upstream("api", "http://api.test", kind=IN_JSON))) as stage:
        caller = stage.caller()
        framing = (f"Content-Length: {len(body.encode())}",) if body else ()
        caller.says(f"{method} /api/a HTTP/1.1", HOST, KEYED, *lines, *framing)
        caller.sends(body.encode())
        problem = caller.hears_problem(400, "malformed-request", closes=False)
        assert said in str(problem["detail"])
        assert "HTTP" not in f"{problem['title']} {problem['hint']}"
        assert all(stage.upstream(number).takes() == b"" for number in range(1, stage.dialled + 1))


@pytest.mark.parametrize("kind", [IN_JSON, SIGNED])
def test_a_body_that_is_too_large_for_its_credential(kind: Kind) -> None:
    """Whoever doesn't use the envelope isn't told to leave it."""
    with on_stage(snapshot(upstream("api", "http://api.test", kind=kind))) as stage:
        caller = stage.caller()
        caller.says("POST /api/a HTTP/1.1", HOST, KEYED, JSON, "Content-Length: 20000000")
        problem = caller.hears_problem(413, "body-too-large", closes=True)
        assert "upstream wants" in str(problem["detail"])
        assert "less at once" in str(problem["hint"])
        assert "envelope" not in str(problem["hint"])
