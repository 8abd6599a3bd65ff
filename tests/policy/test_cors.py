"""Which pages may call: the gateway decides, and says so in the fields that browsers read."""

import pytest

from exeat.model.snapshot import Cors
from exeat.policy.cors import allowed_origin, is_preflight, preflight_fields, replace_fields
from tests.support.values import head

PAGE = b"https://app.test"
LISTED = Cors(frozenset({PAGE}), 60)
EVERY = Cors(frozenset({b"*"}))


@pytest.mark.parametrize(
    ("method", "lines", "answer"),
    [
        ("OPTIONS", ("Origin: https://app.test", "Access-Control-Request-Method: PUT"), True),
        ("OPTIONS", ("Origin: https://app.test",), False),
        ("OPTIONS", ("Access-Control-Request-Method: PUT",), False),
        ("GET", ("Origin: https://app.test", "Access-Control-Request-Method: PUT"), False),
    ],
)
def test_what_is_a_preflight(method: str, lines: tuple[str, ...], answer: bool) -> None:  # noqa: FBT001
    """OPTIONS with an origin and the method of the real request is a preflight; anything else isn't."""
    assert is_preflight(head(*lines, start=f"{method} / HTTP/1.1")) is answer


@pytest.mark.parametrize(
    ("cors", "origin", "allowed"),
    [
        (LISTED, "https://app.test", PAGE),
        (LISTED, "https://APP.test", None),
        (LISTED, "http://app.test", None),
        (LISTED, "https://app.test:8443", None),
        (LISTED, "https://app.test.evil.test", None),
        (LISTED, "null", None),
        (EVERY, "https://any.test", b"https://any.test"),
        (None, "https://app.test", None),
    ],
)
def test_which_origins_are_allowed(cors: Cors | None, origin: str, allowed: bytes | None) -> None:
    """An origin is allowed if the document lists exactly it, or every one."""
    assert allowed_origin(head(f"Origin: {origin}"), cors) == allowed
    assert allowed_origin(head(), cors) is None


def test_the_answer_to_a_preflight() -> None:
    """The method and the fields that were asked for are allowed, for as long as the document says."""
    asked = head("Origin: https://app.test", "Access-Control-Request-Method: PUT", start="OPTIONS / HTTP/1.1")
    lines = preflight_fields(asked, PAGE, LISTED)
    assert b"Access-Control-Allow-Origin: https://app.test\r\n" in lines
    assert b"Access-Control-Allow-Methods: PUT\r\n" in lines
    assert b"Access-Control-Max-Age: 60\r\n" in lines
    assert not any(line.startswith(b"Access-Control-Allow-Headers") for line in lines)
    more = head(
        "Origin: https://app.test",
        "Access-Control-Request-Method: PUT",
        "Access-Control-Request-Headers: exeat-key",
        "Access-Control-Request-Headers: x-a",
        start="OPTIONS / HTTP/1.1",
    )
    assert b"Access-Control-Allow-Headers: exeat-key, x-a\r\n" in preflight_fields(more, PAGE, LISTED)


FIELDS = [
    b"Content-Type: text/plain\r\n",
    b"",
    b"Access-Control-Allow-Origin: *\r\n",
    b"ACCESS-CONTROL-ALLOW-CREDENTIALS: true\r\n",
    b"X-Total: 3\r\n",
]


def test_the_upstreams_permission_is_replaced() -> None:
    """An upstream's own permissions go, and the gateway's take their place; a page may read every field."""
    assert replace_fields(FIELDS, None) == [b"Content-Type: text/plain\r\n", b"X-Total: 3\r\n"]
    assert replace_fields(FIELDS, PAGE) == [
        b"Content-Type: text/plain\r\n",
        b"X-Total: 3\r\n",
        b"Access-Control-Allow-Origin: https://app.test\r\n",
        (
            b"Access-Control-Expose-Headers: "
            b"content-type, exeat-origin, exeat-request-id, ratelimit, ratelimit-policy, x-total\r\n"
        ),
        b"Vary: Origin\r\n",
    ]
