"""Envelopes: any JSON is calls or refused, and what a call asks for is what leaves."""

import base64
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.policy.envelope import BATCH_LIMIT, Call, answer_of, failure_of, parse_envelope, render_answers
from exeat.wire.fields import split_field

OWN = {"host", "content-length", "transfer-encoding", "connection", "set-cookie", "content-encoding"}
LATIN = "".join(map(chr, (*range(0x21, 0x7F), *range(0xA1, 0x100))))
META: dict[str, object] = {"request_id": "1"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(
    ["upstream", "url", "path", "method", "query", "headers", "json", "text", "form", "base64", "timeout", "other"]
)


def one(**given_members: object) -> Call:
    """The one call of an envelope to the upstream `api`."""
    content = given_members if "url" in given_members else {"upstream": "api", **given_members}
    calls, batch = parse_envelope(orjson.dumps(content))
    assert not batch
    return calls[0]


def refusal(content: object) -> str:
    """Why an envelope is refused."""
    with pytest.raises(GatewayError) as caught:
        parse_envelope(content if isinstance(content, bytes) else orjson.dumps(content))
    assert caught.value.code is Code.ENVELOPE_INVALID
    return caught.value.detail


@given(content=json_values | st.dictionaries(members, json_values) | st.lists(st.dictionaries(members, json_values)))
def test_any_json_is_calls_or_refused(content: object) -> None:
    """Whatever JSON arrives is a value or `envelope-invalid`, never anything else."""
    with suppress(GatewayError):
        calls, _ = parse_envelope(orjson.dumps(content))
        assert all(b"\r" not in line[:-2] and b"\n" not in line[:-2] for call in calls for line in call.fields)


@given(content=st.binary(max_size=60))
def test_any_bytes_are_calls_or_refused(content: bytes) -> None:
    """The same holds for bytes that are no JSON."""
    with suppress(GatewayError):
        parse_envelope(content)


def test_the_smallest_call() -> None:
    """A call of an upstream is GET / without anything else."""
    assert one() == Call("api", None, b"/", None, b"GET", [], None, None)


@pytest.mark.parametrize(
    ("path", "query", "left", "parameters"),
    [
        ("/a", None, b"/a", None),
        ("/a?", None, b"/a", b""),
        ("/a?b=c", None, b"/a", b"b=c"),
        ("/a?b=c", {"d": 1}, b"/a", b"b=c&d=1"),
        ("/a?", {"d": 1}, b"/a", b"d=1"),
        ("/a", {}, b"/a", None),
        ("/a b/ü", {"q": "a&b=c+d e#f/ü"}, b"/a%20b/%C3%BC", b"q=a%26b%3Dc%2Bd+e%23f%2F%C3%BC"),
        ("/a%2Fb", {"x": [1, 2.5, True, False, "y"]}, b"/a%2Fb", b"x=1&x=2.5&x=true&x=false&x=y"),
        ("/a\r\nX: y", None, b"/a%0D%0AX:%20y", None),
        ("/a?b\r\nc", None, b"/a", b"b%0D%0Ac"),
        ("/a?b?c", None, b"/a", b"b?c"),
    ],
)
def test_path_and_query(path: str, query: object, left: bytes, parameters: bytes | None) -> None:
    """A path is made visible ASCII, its query joined with what `query` lists."""
    call = one(path=path, query=query)
    assert (call.path, call.query) == (left, parameters)


def test_a_url() -> None:
    """A URL in place of upstream and path, with `query` appended; its host stays as it is."""
    call = one(url="https://bücher.example/a b?c=d", query={"e": "f"})
    assert call.url == "https://bücher.example/a%20b?c=d&e=f".encode()
    assert call.upstream is None
    assert one(url="https://a.test").url == b"https://a.test"


@pytest.mark.parametrize(
    ("method", "left"), [("get", b"GET"), ("PATCH", b"PATCH"), ("m-search", b"M-SEARCH"), (None, b"GET")]
)
def test_methods(method: str | None, left: bytes) -> None:
    """A method is letters and hyphens, in capitals."""
    assert one(method=method).method == left


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ({"json": {"a": [1, None, "ü"]}}, '{"a":[1,null,"ü"]}'.encode(), b"application/json"),
        ({"json": 0}, b"0", b"application/json"),
        ({"json": False}, b"false", b"application/json"),
        ({"text": "ü"}, "ü".encode(), b"text/plain; charset=utf-8"),
        ({"text": ""}, b"", b"text/plain; charset=utf-8"),
        ({"form": {"a": "b c", "d": [1, 2]}}, b"a=b+c&d=1&d=2", b"application/x-www-form-urlencoded"),
        ({"base64": "AP8="}, b"\x00\xff", b"application/octet-stream"),
        ({"json": None}, None, None),
        ({"json": None, "text": "x"}, b"x", b"text/plain; charset=utf-8"),
    ],
)
def test_bodies(body: dict[str, object], sent: bytes | None, kind: bytes | None) -> None:
    """A body is given in one of four ways, and says what it is unless the call does."""
    call = one(**body)
    assert call.body == sent
    assert call.fields == ([] if kind is None else [b"Content-Type: " + kind + b"\r\n"])
    if kind is not None:
        assert one(**body, headers={"content-type": "x/y"}).fields == [b"content-type: x/y\r\n"]


def test_fields() -> None:
    """Headers leave in order, a list as several; those that the gateway writes itself are left out."""
    call = one(
        headers={
            "X-A": "1",
            "x-b": ["2", 3, 4.5, True],
            "Host": "other",
            "content-length": "5",
            "Transfer-Encoding": "chunked",
            "CONNECTION": "close",
            "X-C": "café\t",
        }
    )
    assert call.fields == [
        b"X-A: 1\r\n",
        b"x-b: 2\r\n",
        b"x-b: 3\r\n",
        b"x-b: 4.5\r\n",
        b"x-b: true\r\n",
        b"X-C: caf\xe9\t\r\n",
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nX-Admin: 1"},
        {"X": "a\nb"},
        {"X": "a\rb"},
        {"X": "\x00"},
        {"X": "\x7f"},
        {"X": ["fine", "a\r\nb"]},
        {"X\r\nY": "a"},
        {"X:Y": "a"},
        {"X Y": "a"},
        {"": "a"},
        {"Ü": "a"},
        {"host:": "a"},
        {"connection:close, x": "a"},
        {"X": "€"},
        {"X": None},
        {"X": {}},
        {"X": [["a"]]},
        ["X"],
        "X: a",
    ],
)
def test_headers_that_are_refused(headers: object) -> None:
    """A name is a token, a value one line of Latin-1 (header injection)."""
    assert refusal({"upstream": "api", "headers": headers}).startswith("In the envelope: ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b'{"upstream": "api"} x',
        b"[" * 5000,
        b"null",
        b"7",
        [],
        [{"upstream": "api"}] * (BATCH_LIMIT + 1),
        [[{"upstream": "api"}]],
        [{"upstream": "api"}, 7],
        {},
        {"path": "/"},
        {"upstream": "api", "url": "https://a"},
        {"url": "https://a", "path": "/"},
        {"upstream": 7},
        {"upstream": "api", "path": 7},
        {"url": 7},
        {"upstream": ""},
        {"upstream": "api", "unknown": 1},
        {"upstream": "api", "method": ""},
        {"upstream": "api", "method": "GET /"},
        {"upstream": "api", "method": "ÜBEN"},
        {"upstream": "api", "method": 7},
        {"upstream": "api", "query": "a=b"},
        {"upstream": "api", "query": {"a": None}},
        {"upstream": "api", "query": {"a": {}}},
        {"upstream": "api", "query": {"a": [["b"]]}},
        {"upstream": "api", "path": "/a#b"},
        {"url": "https://a/?b#c"},
        {"upstream": "api", "json": 1, "text": "x"},
        {"upstream": "api", "text": 7},
        {"upstream": "api", "form": "a=b"},
        {"upstream": "api", "form": {"a": {}}},
        {"upstream": "api", "base64": "!"},
        {"upstream": "api", "base64": "AA"},
        {"upstream": "api", "base64": "ü"},
        {"upstream": "api", "timeout": 0},
        {"upstream": "api", "timeout": -1},
        {"upstream": "api", "timeout": 1e9},
        {"upstream": "api", "timeout": "1"},
        {"upstream": "api", "timeout": True},
        b'{"upstream":"api","json":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"upstream":"api","query":{"a":' + b"[" * 1000 + b"]" * 1000 + b"}}",
        b'{"upstream":"api","headers":{"a":' + b"[" * 1000 + b"]" * 1000 + b"}}",
    ],
)
def test_what_is_no_envelope(content: object) -> None:
    """Everything else is refused, with what is wrong and in which call."""
    assert refusal(content).endswith(".")


def test_a_batch_says_which_call() -> None:
    """Calls of a batch keep their order; a fault names its call."""
    calls, batch = parse_envelope(orjson.dumps([{"upstream": "a"}, {"upstream": "b", "timeout": 2}]))
    assert batch
    assert [(call.upstream, call.timeout_s) for call in calls] == [("a", None), ("b", 2.0)]
    assert "call 1" in refusal([{"upstream": "a"}, {"upstream": "b", "x": 1}])


def answered(body: bytes, *lines: bytes, status: int = 200) -> dict[str, Any]:
    """An answer as the caller reads it."""
    content = orjson.loads(render_answers([answer_of(status, list(lines), body, META)], batch=False))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "content"),
    [
        (b"application/json", b'{"a": 1}', "json", {"a": 1}),
        (b"Application/JSON; charset=utf-8", b"[1]", "json", [1]),
        (b"application/problem+json", b"{}", "json", {}),
        (b"application/json", b"null", "json", None),
        (b"application/json", b"not json", "text", "not json"),
        (b"application/json", b"\xff", "base64", "/w=="),
        (b"text/plain", "ü".encode(), "text", "ü"),
        (b"text/plain", b"\xff", "base64", "/w=="),
        (b"application/xml", b"<a/>", "text", "<a/>"),
        (b"image/png", b"\x89", "base64", "iQ=="),
        (b"", b"x", "base64", "eA=="),
        (b"image/png", b"", "json", None),
    ],
)
def test_what_an_answer_holds(content_type: bytes, body: bytes, kind: str, content: object) -> None:
    """An answer's body is JSON, text or base64, by what it says it is and by what it is."""
    answer = answered(body, b"Content-Type: " + content_type + b"\r\n")
    assert answer[kind] == content
    assert len({"json", "text", "base64"} & answer.keys()) == 1
    assert answer["ok"]


def test_an_encoded_body_stays_as_it_is() -> None:
    """A compressed body isn't text, whatever it says."""
    answer = answered(b"x", b"Content-Type: text/plain\r\n", b"Content-Encoding: gzip\r\n")
    assert answer["base64"] == "eA=="


def test_fields_of_an_answer() -> None:
    """Names are lower-case, lines of one name joined; cookies are a list, for they can't be joined."""
    answer = answered(
        b"", b"X-A: 1\r\n", b"", b"x-a: 2\r\n", b"Set-Cookie: a=1, b\r\n", b"set-cookie: c=2\r\n", b"X: \xe9\r\n"
    )
    assert answer["headers"] == {"x-a": "1, 2", "set-cookie": ["a=1, b", "c=2"], "x": "é"}


@pytest.mark.parametrize(("status", "ok"), [(200, True), (304, True), (399, True), (400, False), (503, False)])
def test_whether_it_went_well(status: int, ok: bool) -> None:  # noqa: FBT001 - parametrized
    """`ok` is a status below 400."""
    assert answered(b"", status=status)["ok"] is ok


def test_a_failure_of_the_gateway() -> None:
    """A problem stands in place of the body."""
    failure = failure_of({"status": 502, "code": "upstream-closed"}, META)
    assert (
        orjson.loads(render_answers([failure, failure], batch=True))
        == [
            {
                "ok": False,
                "status": 502,
                "headers": {},
                "problem": {"status": 502, "code": "upstream-closed"},
                "meta": META,
            }
        ]
        * 2
    )


@given(
    names=st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True), max_size=4, unique_by=str.lower),
    values=st.lists(st.text(LATIN, max_size=8), min_size=4),
    body=st.binary(max_size=40),
)
def test_there_and_back(names: list[str], values: list[str], body: bytes) -> None:
    """What a call asks for is what an upstream that echoes it answers with."""
    wanted = {name: value for name, value in zip(names, values, strict=False) if name.lower() not in OWN}
    call = one(headers=wanted, base64=base64.b64encode(body).decode(), method="PUT")
    assert call.body == (body or b"")
    assert [tuple(part.decode("latin-1") for part in split_field(line)) for line in call.fields][: len(wanted)] == [
        *wanted.items()
    ]
    answer = answered(call.body or b"", *call.fields)
    assert {name: value for name, value in answer["headers"].items() if name != "content-type"} == {
        name.lower(): value for name, value in wanted.items() if name.lower() != "content-type"
    }
    if body and "content-type" not in map(str.lower, wanted):
        assert base64.b64decode(answer["base64"]) == body
