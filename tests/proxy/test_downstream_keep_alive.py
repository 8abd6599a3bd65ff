"""Conversations about connections that are kept: one request after another, and several sent at once."""

from tests.support.playbook import CREDENTIAL, KEYED, UPSTREAM, Stage, conversation


@conversation()
def test_a_request_and_its_answer(stage: Stage) -> None:
    """The caller's key stays here, the credential goes upstream, and the answer comes back as it was sent."""
    caller = stage.caller()
    caller.says("GET /api/items?a=1 HTTP/1.1", "Host: gateway.test", KEYED, "Accept: */*")
    api = stage.upstream()
    api.hears("GET /items?a=1 HTTP/1.1", "Host: api.test", "Accept: */*", CREDENTIAL)
    api.says("HTTP/1.1 200 OK", "Content-Length: 5", "X-Odd: 1", body="hello")
    caller.hears("HTTP/1.1 200 OK", "X-Odd: 1", "Content-Length: 5", UPSTREAM, body="hello")
    caller.sees_it_open()
