"""Conversations in envelopes: calls as JSON, each an exchange of its own."""

import base64

import orjson

from tests.support.playbook import (
    CHUNKED,
    CREDENTIAL,
    KEYED,
    Party,
    Stage,
    chunks,
    conversation,
    message,
    once,
    scene,
)

HOST = "Host: gateway.test"
OK = ("HTTP/1.1 200 OK", "Content-Type: application/json")


def calls(party: Party, content: object, *lines: str) -> None:
    """Send an envelope."""
    body = orjson.dumps(content)
    party.says("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(body)}", *lines, body=body)


def answered(party: Party) -> object:
    """The content of the answer, which must be the only one, under the status that goes with it."""
    head, _, body = party.takes().partition(b"\r\n\r\n")
    content = orjson.loads(body)
    status = content["status"] if "problem" in content else 200  # a batch is a list, and always 200
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"Content-Type: application/json\r\n" in head
    return content


def one(party: Party) -> dict[str, object]:
    """The answer to one call, without how long it took."""
    content = answered(party)
    assert isinstance(content, dict)
    meta = content["meta"]
    assert isinstance(meta.pop("duration_ms"), float)
    assert len(meta.pop("request_id")) == 36
    return content


@conversation()
def test_one_call(stage: Stage) -> None:
    """A call leaves as an ordinary request, and its answer comes back as JSON, with what is known about it."""
    caller = stage.caller()
    calls(
        caller,
        {
            "upstream": "api",
            "method": "post",
            "path": "/things?a=1",
            "query": {"b": [2, "x y"], "c": True},
            "headers": {"X-One": "1", "Host": "other", "Connection": "x"},
            "json": {"ä": 1},
        },
    )
    api = stage.upstream()
    api.hears(
        "POST /things?a=1&b=2&b=x+y&c=true HTTP/1.1",
        "Host: api.test",
        "X-One: 1",
        "Content-Type: application/json",
        "Content-Length: 8",
        CREDENTIAL,
        body='{"ä":1}',
    )
    api.says(*OK, "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Two: 1", "X-Two: 2", CHUNKED, body=chunks('{"id":7}'))
    assert one(caller) == {
        "ok": True,
        "status": 200,
        "headers": {
            "content-type": "application/json",
            "set-cookie": ["a=1", "b=2"],
            "x-two": "1, 2",
            "date": "Thu, 01 Jan 2026 00:00:00 GMT",
        },
        "json": {"id": 7},
        "meta": {"upstream": "api", "attempts": 1, "origin": "upstream", "cost": None},
    }
    record = stage.records[-1]
    assert (record["mode"], record["path"], record["bytes_in"], record["bytes_out"]) == ("envelope", "/things", 8, 8)
    assert len(stage.records) == 1


@conversation()
def test_a_batch(stage: Stage) -> None:
    """The calls of a batch run at once and are answered in their order; one that fails fails alone."""
    caller = stage.caller()
    calls(caller, [{"upstream": "api", "path": "/a"}, {"upstream": "nope"}, {"upstream": "api", "path": "/b"}])
    first, second = stage.upstream(1), stage.upstream(2)
    first.hears("GET /a HTTP/1.1", "Host: api.test", CREDENTIAL)
    second.hears("GET /b HTTP/1.1", "Host: api.test", CREDENTIAL)
    second.says("HTTP/1.1 404 Not Found", "Content-Type: text/plain", "Content-Length: 4", body="gone")
    caller.hears_nothing()
    first.says("HTTP/1.1 204 No Content")
    content = answered(caller)
    assert isinstance(content, list)
    assert [(item["ok"], item["status"]) for item in content] == [(True, 204), (False, 404), (False, 404)]
    assert content[0]["json"] is None
    assert content[1]["problem"]["code"] == "upstream-unknown"
    assert content[2]["text"] == "gone"
    assert [record["status"] for record in stage.records] == [404, 404, 204]


@conversation()
def test_bytes_that_are_no_text(stage: Stage) -> None:
    """A body that is no text travels as base64 in both directions."""
    caller = stage.caller()
    raw = bytes(range(256))
    calls(caller, {"upstream": "api", "method": "PUT", "path": "/f", "base64": base64.b64encode(raw).decode()})
    api = stage.upstream()
    heard = api.takes()
    assert heard.endswith(b"\r\n\r\n" + raw)
    api.says("HTTP/1.1 200 OK", "Content-Type: image/png", "Content-Length: 256", body=raw)
    assert base64.b64decode(str(one(caller)["base64"])) == raw


@conversation(once)
def test_a_call_that_fails(stage: Stage) -> None:
    """A failure of the gateway stands in place of the body, under the gateway's own status."""
    caller = stage.caller()
    calls(caller, {"upstream": "api"})
    stage.upstream().finishes()
    content = one(caller)
    assert (content["ok"], content["status"]) == (False, 502)
    problem = content["problem"]
    assert isinstance(problem, dict)
    assert problem["code"] == "upstream-closed"
    assert content["meta"] == {"upstream": "api", "attempts": 1, "origin": "gateway", "cost": None}


@conversation()
def test_an_answer_that_breaks_off(stage: Stage) -> None:
    """Half an answer is no answer: the call has failed."""
    caller = stage.caller()
    calls(caller, {"upstream": "api"})
    api = stage.upstream()
    api.says(*OK, "Content-Length: 10", body="half")
    api.vanishes()
    content = one(caller)
    assert (content["ok"], content["status"]) == (False, 502)
    assert "json" not in content
    assert stage.records[-1]["error"] == "upstream-closed"


@conversation()
def test_what_is_no_envelope(stage: Stage) -> None:
    """A body that isn't what the envelope asks for is refused as a whole."""
    caller = stage.caller()
    calls(caller, {"upstream": "api", "pfad": "/"})
    assert "pfad" in str(caller.hears_problem(400, "envelope-invalid")["detail"])
    caller.says("POST /-/call HTTP/1.1", HOST, KEYED)
    caller.hears_problem(400, "envelope-invalid")
    caller.sees_it_open()
    assert stage.dialled == 0


@conversation()
def test_the_key_may_not_hide_in_a_call(stage: Stage) -> None:
    """The key that opens the envelope doesn't leave in a call's fields either."""
    caller = stage.caller()
    key = KEYED.partition(": ")[2]
    calls(caller, [{"upstream": "api", "headers": {"Cookie": key}}, {"upstream": "api", "query": {"k": key}}])
    content = answered(caller)
    assert isinstance(content, list)
    assert [item["problem"]["code"] for item in content] == ["malformed-request"] * 2
    assert key not in str(content)
    stage.upstream(1).hears_nothing()
    stage.upstream(2).hears_nothing()


@conversation()
def test_injected_lines(stage: Stage) -> None:
    """A CR or LF in a field of a call is refused (header injection)."""
    caller = stage.caller()
    calls(caller, {"upstream": "api", "headers": {"X": "a\r\nX-Admin: 1"}})
    caller.hears_problem(400, "envelope-invalid")
    calls(caller, {"upstream": "api", "headers": {"X\r\nY": "a"}})
    caller.hears_problem(400, "envelope-invalid")
    assert stage.dialled == 0


@conversation()
def test_a_call_of_a_url(stage: Stage) -> None:
    """A URL that belongs to an upstream is that upstream, with its credential."""
    caller = stage.caller()
    calls(caller, {"url": "http://api.test/a b?c=d", "query": {"e": 1}})
    stage.upstream().hears("GET /a%20b?c=d&e=1 HTTP/1.1", "Host: api.test", CREDENTIAL)


@conversation()
def test_a_fragment_in_a_path(stage: Stage) -> None:
    """A '#' has no place in a request target, so it can't leave in one."""
    caller = stage.caller()
    for content in ({"upstream": "api", "path": "/a#b"}, {"url": "http://api.test/a?b#c"}):
        calls(caller, content)
        caller.hears_problem(400, "envelope-invalid")
    assert stage.dialled == 0


@conversation()
def test_a_caller_that_leaves_its_batch(stage: Stage) -> None:
    """When the caller of an envelope goes, its calls end, each with its record."""
    caller = stage.caller()
    calls(caller, [{"upstream": "api"}, {"upstream": "api"}])
    caller.vanishes()
    stage.upstream(1).sees_it_dropped()
    stage.upstream(2).sees_it_dropped()
    assert [record["error"] for record in stage.records] == ["client-closed"] * 2


@scene()
def test_an_answer_that_is_too_large(stage: Stage) -> None:
    """An answer of more than 10 MiB isn't held: the call fails, the upstream is left."""
    caller = stage.caller()
    calls(caller, {"upstream": "api"})
    api = stage.upstream()
    api.says("HTTP/1.1 200 OK", "Content-Length: 100000000")
    for _ in range(12):
        api.sends(b"x" * 1_000_000)
    content = one(caller)
    assert isinstance(content["problem"], dict)
    assert content["problem"]["code"] == "body-too-large"
    api.sees_it_dropped()


@scene()
def test_an_envelope_that_is_too_large(stage: Stage) -> None:
    """An envelope of more than 10 MiB is refused: at once where it says so, else when it is."""
    caller = stage.caller()
    caller.says("POST /-/call HTTP/1.1", HOST, KEYED, "Content-Length: 10485761")
    caller.hears_problem(413, "body-too-large", closes=True)
    other = stage.caller()
    other.says("POST /-/call HTTP/1.1", HOST, KEYED, CHUNKED)
    for _ in range(11):
        other.sends(b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n")
    other.hears_problem(413, "body-too-large", closes=True)


@scene()
def test_an_envelope_after_100(stage: Stage) -> None:
    """A caller that waits for 100 before its envelope gets it from the gateway at once."""
    caller = stage.caller()
    caller.says("POST /-/call HTTP/1.1", HOST, KEYED, "Expect: 100-continue", "Content-Length: 18")
    caller.hears("HTTP/1.1 100 Continue")
    caller.sends('{"upstream":"api"}')
    stage.upstream().says("HTTP/1.1 204 No Content")
    assert one(caller)["status"] == 204


@scene()
def test_a_deeply_nested_body(stage: Stage) -> None:
    """JSON as deep as the parser takes is passed on or refused, never a fault of the gateway."""
    caller = stage.caller()
    for depth in (100, 300, 900):
        body = b'{"upstream":"api","json":' + b"[" * depth + b"]" * depth + b"}"
        caller.sends(
            message("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(body)}", body=body),
        )
        heard = caller.takes()
        if heard:
            assert b"Exeat-Error: envelope-invalid\r\n" in heard
        else:
            stage.upstream().says(*OK, f"Content-Length: {depth * 2}", body="[" * depth + "]" * depth)
            assert one(caller)["status"] == 200


@conversation()
def test_numbers_stay_as_they_are(stage: Stage) -> None:
    """An answer's JSON is passed on as it was sent: numbers that no program of ours can hold included."""
    caller = stage.caller()
    calls(caller, {"upstream": "api"})
    body = '{"id": 123456789012345678901234567890, "price": 1.10}'
    stage.upstream().says(*OK, f"Content-Length: {len(body)}", body=body)
    assert f'"json":{body},'.encode() in caller.takes()


@scene()
def test_a_deadline_of_a_call(stage: Stage) -> None:
    """`timeout` ends one call; the others of the batch go on."""
    caller = stage.caller()
    calls(caller, [{"upstream": "api", "timeout": 1}, {"upstream": "api", "timeout": 0.0001}, {"upstream": "api"}])
    stage.passes(1.2)
    caller.hears_nothing()
    stage.upstream(3).says("HTTP/1.1 204 No Content")
    content = answered(caller)
    assert isinstance(content, list)
    assert [item["status"] for item in content] == [504, 504, 204]
