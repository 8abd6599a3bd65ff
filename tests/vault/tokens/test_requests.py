"""The bytes of a request for a token, and that nothing secret is shown of it."""

import pickle

import pytest

from exeat.model.origin import Origin, Target
from exeat.model.secret import Secret
from exeat.model.token_source import Client, ClientCredentials, GithubApp, Grant, JwtBearer, RefreshToken
from exeat.vault.tokens import Fetched, request_of
from exeat.wire.http1 import parse_request
from tests.vault.tokens import made

MARKER = "mArKeR7391x"
GRANTS: list[Grant] = [
    ClientCredentials(Client("me", "basic", Secret(MARKER)), parameters=(("password", Secret(MARKER)),)),
    ClientCredentials(Client("me", "body", Secret(MARKER))),
    ClientCredentials(Client("me", "private-key-jwt", key=made.signing_key())),
    RefreshToken(Client("me", "none"), Secret(MARKER)),
    JwtBearer("me", made.URL, made.signing_key(), parameters=(("client_secret", Secret(MARKER)),)),
    GithubApp("1", made.signing_key()),
]


@pytest.mark.parametrize("grant", GRANTS)
def test_head_is_a_request(grant: Grant) -> None:
    """The head is one that Exeat's own strict parser takes: a POST with the length of its body."""
    request = made.asked(grant)
    head = parse_request(request.render_head().removesuffix(b"\r\n\r\n"))
    assert (head.method, head.target, head.length) == (b"POST", b"/oauth2/token", len(request.body.octets))
    assert head.known[b"host"] == b"login.example.com"


@pytest.mark.parametrize(
    ("target", "line", "host"),
    [
        (Target(Origin("https", "a.com", 443), b"", None), b"POST / HTTP/1.1", b"Host: a.com\r\n"),
        (Target(Origin("https", "a.com", 8443), b"/t", b"p=x"), b"POST /t?p=x HTTP/1.1", b"Host: a.com:8443\r\n"),
        (Target(Origin("http", "::1", 80), b"/t", None), b"POST /t HTTP/1.1", b"Host: [::1]\r\n"),
    ],
)
def test_target(target: Target, line: bytes, host: bytes) -> None:
    """Path, query and port go where they belong."""
    source = made.source_of(ClientCredentials(Client("me", "body", Secret("x"))), target)
    head = request_of(source, now=made.NOW, nonce=made.NONCE).render_head()
    assert head.startswith(line + b"\r\n" + host)


@pytest.mark.parametrize("grant", GRANTS)
def test_nothing_is_shown(grant: Grant) -> None:
    """No spelling of a source, a request or a token shows a secret, and none can be pickled by chance."""
    request = made.asked(grant)
    fetched = Fetched(Secret(MARKER), 60.0, Secret(MARKER))
    for thing in (request, request.source, fetched, grant):
        shown = f"{thing}{thing!r}"
        assert MARKER not in shown
        assert "BEGIN" not in shown
        assert "eyJ" not in shown
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_answer_is_not_shown() -> None:
    """Nor is the answer, which holds the token."""
    assert MARKER not in repr(made.answered(200, MARKER.encode(), f"Set-Cookie: {MARKER}"))
