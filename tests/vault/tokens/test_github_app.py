"""Installation tokens of GitHub Apps, asked for as PyGithub and GitHub's documentation do."""

import json

import jwt
import pytest
from github.Auth import AppAuth

from exeat.model.origin import Origin, Target
from exeat.model.token_source import GithubApp
from exeat.vault.tokens import Fetched, TokenError, parse_answer, request_of
from tests.vault.tokens import made

TARGET = Target(Origin("https", "api.github.com", 443), b"/app/installations/77/access_tokens", None)


def asked(grant: GithubApp) -> tuple[str, dict[str, object]]:
    """The assertion and the body that are sent."""
    request = request_of(made.source_of(grant, TARGET), now=made.NOW, nonce=made.NONCE)
    assert request.authorization is not None
    head = request.render_head().decode()
    assert head.startswith("POST /app/installations/77/access_tokens HTTP/1.1\r\n")
    assert "\r\nAccept: application/vnd.github+json\r\n" in head
    assert "\r\nX-GitHub-Api-Version: 2022-11-28\r\n" in head
    assert "\r\nUser-Agent: Exeat/" in head, "GitHub refuses requests without one"
    return request.authorization.reveal().removeprefix("Bearer "), json.loads(request.body.reveal())


def test_assertion_is_that_of_pygithub() -> None:
    """The same claims as another client of GitHub makes, within the ten minutes that GitHub takes."""
    token, body = asked(GithubApp("12345", made.signing_key()))
    theirs = AppAuth(12345, made.private_key()).create_jwt()
    [mine, other] = [
        jwt.decode(one, made.public_key(), algorithms=["RS256"], options={"verify_iss": False, "verify_exp": False})
        for one in (token, theirs)
    ]
    assert set(mine) == set(other)
    assert mine["iss"] == str(other["iss"])
    assert mine["iat"] == int(made.NOW) - 60
    assert 0 < mine["exp"] - made.NOW <= 600
    assert body == {}


def test_part_of_the_right() -> None:
    """Repositories and permissions narrow the token."""
    grant = GithubApp("1", made.signing_key(), ("web", "api"), (("contents", "read"), ("issues", "write")))
    assert asked(grant)[1] == {
        "repositories": ["web", "api"],
        "permissions": {"contents": "read", "issues": "write"},
    }


def read(status: int, body: bytes, *fields: str, now: float = 784111777) -> Fetched:
    request = request_of(made.source_of(GithubApp("1", made.signing_key()), TARGET), now=now, nonce="")
    return parse_answer(request, made.answered(status, body, *fields), now=now)


@pytest.mark.parametrize(
    ("fields", "seconds"), [([], 3623.0), (["Date: Sun, 06 Nov 1994 08:50:00 GMT"], 3600.0)], ids=["mine", "theirs"]
)
def test_life(fields: list[str], seconds: float) -> None:
    """A token ends at a moment, which counts by GitHub's clock where it shows one."""
    found = read(201, b'{"token": "ghs_abc", "expires_at": "1994-11-06T09:50:00Z"}', *fields)
    assert (found.token.reveal(), found.expires_in_s) == ("ghs_abc", seconds)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"expires_at": "2030-01-01T00:00:00Z"}', "no 'token'"),
        (b'{"token": "ghs_abc", "expires_at": "1994-11-06T08:00:00Z"}', "has ended already"),
        (b"<html>", "other than a JSON object"),
    ],
)
def test_no_token(body: bytes, words: str) -> None:
    """What isn't a token says so."""
    with pytest.raises(TokenError, match=words):
        read(201, body)


def test_refusal() -> None:
    """GitHub's reasons are kept for logs; a clock that is off is found by its Date."""
    body = b"{\"message\": \"'Expiration time' claim ('exp') is too far in the future\"}"
    with pytest.raises(TokenError) as caught:
        read(401, body, "Date: Sun, 06 Nov 1994 08:45:00 GMT")
    assert caught.value.reason == "The token endpoint answered 401."
    assert "too far in the future" in caught.value.detail
    assert caught.value.server_time == 784111500
