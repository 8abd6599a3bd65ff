"""Answers of token endpoints: tokens, refusals, and everything that is neither."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.secret import Secret
from exeat.model.token_source import Client, ClientCredentials, JwtBearer, RefreshToken
from exeat.vault.tokens import Fetched, TokenAnswer, TokenError, TokenRequest, parse_answer
from exeat.vault.tokens.assertion import sign
from tests.vault.tokens import made

SECRET = "s3cret/with+signs"
PLAIN = made.asked(ClientCredentials(Client("me", "body", Secret(SECRET))))
REFRESHING = made.asked(RefreshToken(Client("me", "basic", Secret(SECRET)), Secret("first-token")))
SIGNED = made.asked(JwtBearer("me", made.URL, made.signing_key()))
BEHIND = "Date: Sun, 06 Nov 1994 08:49:37 GMT"


def read(answer: TokenAnswer, request: TokenRequest = PLAIN, now: float = made.NOW) -> Fetched:
    return parse_answer(request, answer, now=now)


def fetched(**members: Any) -> Fetched:
    return read(made.answered(200, json.dumps(members).encode()), REFRESHING)


def failure(status: int, body: bytes, *fields: str, request: TokenRequest = PLAIN, now: float = made.NOW) -> TokenError:
    with pytest.raises(TokenError) as caught:
        read(made.answered(status, body, *fields), request, now)
    return caught.value


def test_token() -> None:
    """A token has its life, and perhaps a new refresh token beside it."""
    found = fetched(access_token="abc", token_type="bearer", expires_in=3600, refresh_token="second")
    assert (found.token.reveal(), found.expires_in_s) == ("abc", 3600.0)
    assert found.refresh_token == Secret("second")


@pytest.mark.parametrize(
    ("members", "seconds"),
    [
        ({}, None),
        ({"expires_in": None}, None),
        ({"expires_in": "3599"}, 3599.0),
        ({"expires_in": 12.5}, 12.5),
        ({"expires_in": "soon"}, None),
        ({"expires_in": True}, None),
        ({"expires_in": 0}, None),
        ({"expires_in": "0"}, None),
        ({"expires_in": -1}, None),
        ({"expires_in": "-1"}, None),
    ],
)
def test_life(members: dict[str, Any], seconds: float | None) -> None:
    """A life is a number, or text of one; where there is none, or none that lasts, nobody says when the token ends."""
    assert fetched(access_token="abc", **members).expires_in_s == seconds


def test_life_of_a_token_that_says_it() -> None:
    """Without `expires_in`, a token that is a JWT says itself when it ends."""
    token = sign(made.signing_key(), {"exp": made.NOW + 77})
    found = read(made.answered(200, json.dumps({"access_token": token.reveal()}).encode()))
    assert found.expires_in_s == pytest.approx(77)


def test_a_jwt_that_has_ended() -> None:
    """A token whose own word is that it has ended is none, whatever is said beside it."""
    token = sign(made.signing_key(), {"exp": made.NOW - 77})
    error = failure(200, json.dumps({"access_token": token.reveal(), "expires_in": 0}).encode())
    assert (error.reason, error.is_passing) == ("The token endpoint gave a token that has ended already.", True)


def raw_deflate(text: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(text) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("gzip, deflate", lambda text: zlib.compress(gzip.compress(text, mtime=0))),
        ("gzip", lambda text: gzip.compress(b"\xef\xbb\xbf" + text, mtime=0)),
    ],
)
def test_a_coding_that_was_not_asked_for(coding: str, pack: Callable[[bytes], bytes]) -> None:
    """An answer that is compressed all the same is read, in success and in failure."""
    body = pack(b'{"access_token": "abc"}')
    assert read(made.answered(200, body, f"Content-Encoding: {coding}")).token.reveal() == "abc"
    error = failure(400, pack(b'{"error": "invalid_client"}'), f"Content-Encoding: {coding}")
    assert "(invalid_client)" in error.reason


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b'{"access_token": "abc"}'),
        ("gzip", b'{"access_token": "abc"}'),
        ("gzip", gzip.compress(b'{"access_token": "abc"}', mtime=0)[:-9]),
        ("gzip", gzip.compress(b'{"access_token": "abc"}' + b" " * (1 << 20))),
        ("gzip", b""),
    ],
)
def test_a_coding_that_can_not_be_undone(coding: str, body: bytes) -> None:
    """What is coded in another way, broken off or too large is no token, and the reason names the coding."""
    error = failure(200, body, f"Content-Encoding: {coding}", "Content-Type: application/json")
    words = f"something other than a JSON object (application/json), in the coding {coding}."
    assert error.reason == f"The token endpoint answered 200 with {words}"
    assert error.is_passing


def test_a_byte_order_mark() -> None:
    """Some servers put one before their JSON; it is no part of it."""
    assert read(made.answered(200, b'\xef\xbb\xbf{"access_token": "abc"}')).token.reveal() == "abc"


@pytest.mark.parametrize("members", [{}, {"refresh_token": ""}, {"refresh_token": None}, {"refresh_token": 1}])
def test_no_new_refresh_token(members: dict[str, Any]) -> None:
    """A server that gives no new refresh token means that the old one goes on."""
    assert fetched(access_token="abc", **members).refresh_token is None


@pytest.mark.parametrize(
    ("body", "words", "is_passing"),
    [
        (b"<html>Maintenance</html>", "answered 200 with something other than a JSON object", True),
        (b"", "answered 200 with something other than a JSON object", True),
        (b"[]", "answered 200 with something other than a JSON object", True),
        (b"\xff\xfe", "answered 200 with something other than a JSON object", True),
        (b"{}", "answered without a token (no 'access_token')", False),
        (b'{"access_token": ""}', "answered without a token", False),
        (b'{"access_token": 5}', "answered without a token", False),
        (b'{"access_token": "a b"}', "a token that can't stand in a field", False),
        (b'{"access_token": "a\\r\\nX: y"}', "a token that can't stand in a field", False),
        (b'{"access_token": "\xc3\xa9"}', "a token that can't stand in a field", False),
        (b'{"access_token": "' + b"a" * 20000 + b'"}', "a token that can't stand in a field", False),
        (b'{"access_token": "a", "token_type": "DPoP"}', "tokens of the type dpop", False),
    ],
)
def test_success_without_a_token(body: bytes, words: str, is_passing: bool) -> None:  # noqa: FBT001
    """What says that all is well and gives no token that can be used is a failure."""
    error = failure(200, body)
    assert words in error.reason
    assert error.is_passing is is_passing


def test_error_that_says_200() -> None:
    """Some answer a refusal with 200; it is one all the same."""
    error = failure(200, b'{"ok": false, "error": "invalid_grant"}')
    assert error.reason == "The token endpoint answered 200 (invalid_grant)."
    assert not error.is_passing


@pytest.mark.parametrize(
    ("status", "body", "is_passing"),
    [
        (400, b'{"error": "invalid_grant"}', False),
        (401, b'{"error": "invalid_client"}', False),
        (403, b"", False),
        (404, b"<html>", False),
        (400, b'{"error": "temporarily_unavailable"}', True),
        (408, b"", True),
        (429, b"", True),
        (500, b"", True),
        (503, b"<html>", True),
    ],
)
def test_refusals(status: int, body: bytes, is_passing: bool) -> None:  # noqa: FBT001
    """What will pass by itself is told from what somebody has to mend."""
    error = failure(status, body)
    assert error.is_passing is is_passing
    assert f"answered {status}" in error.reason


def test_redirect() -> None:
    """A redirect isn't followed, and the reason says what to do."""
    error = failure(302, b"", "Location: https://elsewhere.example/")
    assert "a redirect, which isn't followed" in error.reason
    assert "elsewhere" not in f"{error}{error.reason}{error.detail}"


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ([], None),
        (["Retry-After: 7"], 7.0),
        (["retry-after:  120 "], 120.0),
        (["Retry-After: Sun, 06 Nov 1994 08:49:47 GMT", BEHIND], 10.0),
        (["Retry-After: Sun, 06 Nov 1994 08:49:27 GMT", BEHIND], 0.0),
        (["Retry-After: soon"], None),
        (["Retry-After: -1"], None),
        (["Retry-After: 999999999"], 24 * 3600.0),
    ],
)
def test_again(fields: list[str], seconds: float | None) -> None:
    """When to ask again is what the endpoint says, by its own clock, and never more than a day."""
    error = failure(429, b"", *fields)
    assert error.again_in_s == seconds


def test_refusal_that_says_when() -> None:
    """A refusal with a time passes, whatever its status."""
    assert failure(403, b"{}", "Retry-After: 60").is_passing


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "invalid_request"])
def test_clocks_that_differ(code: str) -> None:
    """An assertion that is refused where the endpoint's clock shows another time is to be made again with that."""
    body = json.dumps({"error": code}).encode()
    assert failure(400, body, BEHIND, request=SIGNED).server_time == 784111777
    assert failure(400, body, BEHIND, request=SIGNED, now=784111777 + 25).server_time is None, "it isn't the clock"
    assert failure(400, body, request=SIGNED).server_time is None, "nothing is known of its clock"
    assert failure(400, body, "Date: yesterday", request=SIGNED).server_time is None
    assert failure(400, body, BEHIND).server_time is None, "nothing was signed"
    assert failure(500, body, BEHIND, request=SIGNED, now=784111777).server_time is None


def test_detail_is_for_logs() -> None:
    """What the endpoint says of it is kept for logs, in one line and not too long."""
    text = "AADSTS7000215: Invalid client\nsecret provided. " + "More. " * 100
    error = failure(401, json.dumps({"error": "invalid_client", "error_description": text}).encode())
    assert error.detail.startswith("AADSTS7000215: Invalid client secret provided. More.")
    assert len(error.detail) == 300
    assert "AADSTS" not in error.reason


@pytest.mark.parametrize(
    "echo",
    [
        SECRET,
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        "first-token",
        f"me:{SECRET}",
        base64.b64encode(f"me:{quote(SECRET, safe='')}".encode()).decode(),
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjk5OTk5OTk0MCwiZXhwIjoxMDAwMDAwMzAwfQ.c2lnbmF0dXJl",
    ],
)
@pytest.mark.parametrize("name", ["error", "error_description", "message"])
def test_echo_is_not_repeated(echo: str, name: str) -> None:
    """An endpoint that echoes what was sent has it in no reason and no detail."""
    error = failure(400, json.dumps({name: f"no such secret: {echo}"}).encode(), request=REFRESHING)
    alone = failure(400, json.dumps({name: echo}).encode(), request=REFRESHING)
    for one in (error, alone):
        shown = f"{one}{one!r}{one.reason}{one.detail}"
        assert SECRET not in shown
        assert "first-token" not in shown
        assert echo not in shown


@given(
    status=st.integers(200, 599),
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["access_token", "expires_in", "error", "token_type", "refresh_token", "message"]),
                    inner,
                    max_size=5,
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    field=st.sampled_from(["Date", "Retry-After", "Content-Type"]),
    value=st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=40),
)
def test_every_answer_has_a_meaning(status: int, body: bytes, field: str, value: str) -> None:
    """Whatever is answered, there is a token that can be shown, or a reason."""
    for request in (PLAIN, REFRESHING, SIGNED):
        try:
            found = read(made.answered(status, body, f"{field}: {value}"), request)
        except TokenError as error:
            assert error.reason.endswith(".")  # noqa: PT017
        else:
            assert found.token.reveal().isascii()
            assert found.expires_in_s is None or found.expires_in_s > 0
