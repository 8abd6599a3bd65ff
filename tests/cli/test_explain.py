"""`exeat explain`: what it says, that it agrees with the gateway, and what it never says."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key, run_exeat

MARKER = "marker-of-a-secret-that-must-not-be-seen"
KEY = make_key()
REVOKED = make_key()
UNKNOWN = make_key()
# Nothing listens on port 9 of loopback: what the gateway lets through ends in connect-failed.
LOCAL = {"plaintext": True, "network": {"private": ["127.0.0.0/8"]}, "circuit": "off"}
CLOSED = {**LOCAL, "url": "http://127.0.0.1:9"}
SEVERAL = [{"url": "http://127.0.0.8:9", "priority": 1}, {"url": "http://127.0.0.7:9/v1", "weight": 3}]
PLACES: dict[str, object] = {
    "path": {"kind": "path", "prefix": "/bot", "secret": MARKER},
    "cookie": {"kind": "cookie", "name": "session", "secret": MARKER},
    "body": {"kind": "body", "name": "token", "secret": MARKER},
    "hmac": [{"kind": "header", "name": "X-Id", "secret": MARKER}, {"kind": "hmac", "secret": MARKER}],
    "aws": {
        "kind": "aws-sigv4",
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": MARKER,
        "session_token": MARKER,
        "region": "eu-west-1",
        "service": "sqs",
    },
}
DOCUMENT = {
    "upstreams": {
        **{
            name: {**CLOSED, "url": f"http://127.0.0.2{number}:9/v1", "credential": credential}
            for number, (name, credential) in enumerate(PLACES.items())
        },
        "bearer": {**CLOSED, "credential": {"kind": "bearer", "secret": MARKER}},
        "basic": {**CLOSED, "url": "http://127.0.0.2:9", "credential": {"kind": "basic", "username": MARKER}},
        "header": {
            **CLOSED,
            "url": "http://127.0.0.3:9",
            "credential": {"kind": "header", "name": "X-Token", "secret": MARKER, "prefix": "v1 "},
            "methods": ["GET"],
        },
        "query": {
            **CLOSED,
            "url": "http://127.0.0.4:9/v2",
            "credential": {"kind": "query", "name": "api_key", "secret": MARKER},
            "paths": {"allow": ["/items/**"], "deny": ["/items/secret"]},
        },
        "prefix": {
            **CLOSED,
            "url": "http://127.0.0.5:9",
            "credential": {"kind": "header", "name": "Authorization", "secret": MARKER, "prefix": "Token token="},
        },
        "private": {"url": "https://localhost:9"},
        "other": {**CLOSED, "url": "http://127.0.0.6:9"},
        "several": {**LOCAL, "endpoints": SEVERAL, "balance": "least-pending"},
        "family": {
            **CLOSED,
            "url": "http://127.0.0.9:9/v1",
            "credential": {"kind": "bearer", "secret": MARKER},
            "siblings": ["http://127.0.0.10:9", {"host": "http://127.0.0.11:9", "credential": False}],
            "links": ["next", "$.paging.more", {"field": "upload_url", "signed": "15m"}],
            "scrub_bodies": True,
        },
        "aside": {
            **CLOSED,
            "url": "http://127.0.0.12:9",
            "credential": [
                {"kind": "path", "secret": MARKER, "prefix": "/bot"},
                {"kind": "cookie", "name": "session", "secret": MARKER},
            ],
            "siblings": [{"host": "http://127.0.0.13:9", "credential": False}],
        },
    },
    "consumers": {
        "web": {
            "keys": [{"sha256": KEY.sha256}, {"sha256": REVOKED.sha256, "revoked": True}],
            "grants": [
                "bearer",
                "basic",
                "header",
                "query",
                "prefix",
                "private",
                "several",
                "family",
                "aside",
                *PLACES,
                {"upstream": "other", "methods": ["GET"], "mode": "report"},
            ],
        },
        "elsewhere": {"grants": ["bearer"], "networks": ["10.0.0.0/8"]},
    },
}
CALLS = [
    ("GET", "/bearer/user"),
    ("GET", "/basic/user"),
    ("GET", "/header/user"),
    ("POST", "/header/user"),
    ("GET", "/query/items/1?api_key=mine&x=1"),
    ("GET", "/query/items/secret"),
    ("GET", "/query/other"),
    ("GET", "/query/items%2fsecret"),
    ("POST", "/other/user"),
    ("GET", "/private/user"),
    *(("GET", f"/{name}/user") for name in PLACES),
    ("POST", "/body/user"),
    ("GET", "/family/~127.0.0.10:9/x"),
    ("GET", "/family/~127.0.0.12:9/x"),
    ("GET", "/http://127.0.0.11:9/x"),
    ("GET", "/nothing/user"),
    ("GET", "/https://unknown.example/x"),
    ("GET", "/http://127.0.0.1:9/user"),
    ("GET", "/http://127.1:9/user"),
    ("GET", "/http://user@127.0.0.1:9/"),
    ("GET", "/bearer/../x"),
    ("TRACE", "/bearer/user"),
    ("GET", "/-/ready"),
]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """One gateway, whose document every test explains."""
    with Gateway(DOCUMENT) as gateway:
        yield gateway


def explain(gateway: Gateway, *arguments: str) -> tuple[int, JsonObject]:
    result = run_exeat("explain", *arguments, "--json", cwd=gateway.folder)
    assert MARKER not in result.stdout + result.stderr
    assert KEY.key not in result.stdout + result.stderr
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert isinstance(answer, dict)
    return result.returncode, answer


def leaves(gateway: Gateway, *arguments: str) -> list[str]:
    answer = explain(gateway, *arguments)[1]["leaves"]
    assert isinstance(answer, list)
    return answer


@pytest.mark.parametrize(
    ("key", "method", "target"),
    [
        *((KEY, method, target) for method, target in CALLS),
        *((key, "GET", target) for key in (REVOKED, UNKNOWN) for target in ("/bearer/user", "/nothing/user")),
    ],
    ids=lambda value: "" if isinstance(value, MadeKey) else value,
)
def test_it_agrees_with_the_gateway(gateway: Gateway, key: MadeKey, method: str, target: str) -> None:
    """What is explained is what happens: the same code, or let through by both."""
    shown = key.key
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request(method, target, headers={"Exeat-Key": shown})
    response = connection.getresponse()
    code = response.getheader("Exeat-Error")
    connection.close()
    status, answer = explain(gateway, shown, method, target)
    assert answer["code"] == (None if code == "connect-failed" else code)
    assert status == (0 if answer["allowed"] else 3)


@pytest.mark.parametrize("name", ["web", KEY.sha256, KEY.sha256.upper()], ids=["consumer", "digest", "capitals"])
def test_a_consumer_or_digest_stands_for_a_key(gateway: Gateway, name: str) -> None:
    """Who explains needn't hold the key."""
    status, answer = explain(gateway, name, "GET", "/bearer/user")
    assert (status, answer["consumer"], answer["allowed"]) == (0, "web", True)


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("/bearer/user", "Authorization: Bearer (redacted)"),
        ("/basic/user", "Authorization: Basic (redacted)"),
        ("/header/user", "X-Token: (redacted)"),
        ("/query/items/1?api_key=mine&x=1", "GET /v2/items/1?x=1&api_key=(redacted) HTTP/1.1"),
        ("/path/getMe", "GET /v1/bot(redacted)/getMe HTTP/1.1"),
        ("/cookie/user", "Cookie: (redacted)"),
        ("/hmac/user", "X-Id: (redacted)"),
        ("/hmac/user", "X-Signature: (redacted)"),
        ("/hmac/user", "X-Timestamp: (redacted)"),
    ],
)
def test_what_leaves_is_shown_without_its_secret(gateway: Gateway, target: str, line: str) -> None:
    """The head that would leave has the credential in its place, its secret masked."""
    assert line in leaves(gateway, "web", "GET", target)


def test_what_aws_gets_is_shown(gateway: Gateway) -> None:
    """Every field that a signature brings is named, in place of what the caller wrote there."""
    own = ("-H", "X-Amz-Date: 20200101T000000Z", "-H", "X-Amz-Target: Queue.Send")
    assert leaves(gateway, "web", "POST", "/aws/q", *own) == [
        "POST /v1/q HTTP/1.1",
        "Host: 127.0.0.24:9",
        "X-Amz-Target: Queue.Send",
        "X-Amz-Date: (made for each call)",
        "X-Amz-Content-Sha256: (made for each call)",
        "X-Amz-Security-Token: (redacted)",
        "Authorization: AWS4-HMAC-SHA256 (redacted)",
    ]


def test_a_key_behind_the_upstreams_prefix(gateway: Gateway) -> None:
    """A key that stands as the secret would, behind its prefix, is found there."""
    status, answer = explain(gateway, KEY.key, "GET", "/prefix/x", "-H", f"Authorization: Token token={KEY.key}")
    assert status == 0
    assert "shown in authorization, exeat-key; removed before anything leaves" in json.dumps(answer)
    assert answer["leaves"] == ["GET /x HTTP/1.1", "Host: 127.0.0.5:9", "Authorization: Token (redacted)"]


def test_a_key_in_the_upstreams_own_place(gateway: Gateway) -> None:
    """A key where the upstream expects its secret is found there, and neither shown nor sent."""
    status, answer = explain(gateway, KEY.key, "GET", f"/path/bot{KEY.key}/getMe")
    assert status == 0
    assert "the upstream's own place for its secret" in json.dumps(answer)
    assert answer["leaves"] == ["GET /v1/bot(redacted)/getMe HTTP/1.1", "Host: 127.0.0.20:9"]


def test_a_sibling_is_named(gateway: Gateway) -> None:
    """A call of a sibling says so, with what leaves for it: the credential only where that may go."""
    _, answer = explain(gateway, "web", "GET", "/family/~127.0.0.10:9/x", "-H", "Accept-Encoding: gzip")
    assert "sibling 127.0.0.10:9 of upstream family" in json.dumps(answer)
    assert "in a body of JSON, so do the URLs in next, $.paging.more, upload_url" in json.dumps(answer)
    assert "those in upload_url may be called by POST without a key for 900 s" in json.dumps(answer)
    assert answer["leaves"] == [
        "GET /x HTTP/1.1",
        "Host: 127.0.0.10:9",
        "Accept-Encoding: identity",
        "Authorization: Bearer (redacted)",
    ]
    bare = leaves(gateway, "web", "GET", "/family/~127.0.0.11:9/x")
    assert bare == ["GET /x HTTP/1.1", "Host: 127.0.0.11:9", "Accept-Encoding: identity"]


def test_a_key_in_the_place_of_a_sibling_without_the_credential(gateway: Gateway) -> None:
    """It is found there and taken out, and nothing is shown in its place."""
    for target, more in ((f"/bot{KEY.key}/x", ()), ("/x", ("-H", f"Cookie: a=b; session={KEY.key}"))):
        status, answer = explain(gateway, KEY.key, "GET", f"/aside/~127.0.0.13:9{target}", *more)
        assert status == 0
        assert "the upstream's own place for its secret" in json.dumps(answer)
        cookies = ["Cookie: (redacted)"] if more else []
        assert answer["leaves"] == ["GET /x HTTP/1.1", "Host: 127.0.0.13:9", *cookies]


def test_secrets_of_the_caller_are_masked_too(gateway: Gateway) -> None:
    """Fields in which callers carry secrets are shown by name only."""
    arguments = ("web", "GET", "/other/user", "-H", f"Cookie: {MARKER}", "-H", "X-Note: seen")
    lines = leaves(gateway, *arguments)
    assert "Cookie: (redacted)" in lines
    assert "X-Note: seen" in lines


def test_the_phases_have_the_pipelines_numbers(gateway: Gateway) -> None:
    """Numbers and names are those of proxy/pipeline.py and the docs."""
    _, answer = explain(gateway, "web", "GET", "/bearer/user")
    phases = answer["phases"]
    assert isinstance(phases, list)
    assert [(phase["number"], phase["name"]) for phase in phases] == [
        (1, "receive"),
        (2, "resolve"),
        (3, "identify"),
        (4, "authorize"),
        (5, "admit"),
        (8, "attempt"),
        (9, "relay"),
    ]


def test_the_callers_address_is_judged(gateway: Gateway) -> None:
    """Networks are judged where an address is given, and named where none is."""
    call = ("elsewhere", "GET", "/bearer/user")
    assert explain(gateway, *call, "--from", "10.1.2.3")[0] == 0
    status, answer = explain(gateway, *call, "--from", "192.0.2.1")
    assert (status, answer["code"]) == (3, "ip-not-allowed")
    status, answer = explain(gateway, *call)
    assert status == 0
    assert "10.0.0.0/8" in json.dumps(answer)


def test_host_and_header_modes(gateway: Gateway) -> None:
    """A Host or Exeat-Target field given with --header addresses the upstream as in a real request."""
    for field in ("Host: bearer.gateway.internal", "Exeat-Target: http://127.0.0.1:9"):
        status, answer = explain(gateway, "web", "GET", "/user", "--header", field)
        assert status == 0, answer
        assert "upstream bearer" in json.dumps(answer)


def test_a_url_is_a_target(gateway: Gateway) -> None:
    """A URL needs no slash before it; what it belongs to is found."""
    status, answer = explain(gateway, "web", "GET", "http://127.0.0.1:9/user")
    assert (status, answer["allowed"]) == (0, True)


def test_report_mode_is_said(gateway: Gateway) -> None:
    """What passes only because a rule reports is marked."""
    status, answer = explain(gateway, "web", "POST", "/other/user")
    phases = answer["phases"]
    assert isinstance(phases, list)
    assert status == 0
    assert [phase["outcome"] for phase in phases if phase["name"] == "authorize"] == ["report"]


def test_names_are_left_alone_if_asked(gateway: Gateway) -> None:
    """Without DNS nothing is looked up, and that is said."""
    _, answer = explain(gateway, "web", "GET", "/bearer/user", "--no-dns")
    assert "not looked up" in json.dumps(answer)


def test_the_text_reads(gateway: Gateway) -> None:
    """For people: phases in a column, the verdict last, with what to do."""
    result = run_exeat("explain", "web", "POST", "/header/user", cwd=gateway.folder)
    assert result.returncode == 3
    assert " 4  authorize  REFUSED  " in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Refused: 403 method-not-granted. GET /-/whoami")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody", "GET", "/x"),
        ("0" * 64, "GET", "/x"),
        ("web", "GET", "/x", "--from", "here"),
        ("web", "GET", "/x", "--header", "no colon"),
        ("web", "GET", "/x", "--config", "nowhere.yaml"),
    ],
)
def test_a_question_without_sense_is_code_2(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    """What can't be answered is one line."""
    result = run_exeat("explain", *arguments, cwd=gateway.folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1


def test_a_document_that_is_wrong_is_not_explained(tmp_path: Path) -> None:
    """First the document has to be right."""
    (tmp_path / "exeat.yaml").write_text("upstreams: {a: {url: nonsense}}\n")
    result = run_exeat("explain", "web", "GET", "/a", cwd=tmp_path)
    assert result.returncode == 2
    assert "exeat.yaml:1: upstreams.a.url" in result.stderr


def test_endpoints_are_shown(gateway: Gateway) -> None:
    """Where an upstream has several endpoints, who goes first and how they share is said."""
    _, answer = explain(gateway, "web", "GET", "/several/x")
    phases = answer["phases"]
    assert isinstance(phases, list)
    (lines,) = [phase["lines"] for phase in phases if phase["name"] == "attempt"]
    place = lines.index("endpoints: least-pending, those that are well, the lowest priority first")
    assert lines[place + 1 : place + 3] == [
        "http://127.0.0.7:9/v1: priority 0, weight 3",
        "http://127.0.0.8:9: priority 1, weight 1",
    ]
