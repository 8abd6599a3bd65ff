"""The id of a token source: the same for what is written twice, another for what is changed."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from exeat.model.origin import Origin, Target
from exeat.model.secret import Secret
from exeat.model.token_source import (
    Client,
    ClientCredentials,
    GithubApp,
    GoogleServiceAccount,
    JwtBearer,
    RefreshToken,
    SigningKey,
    TokenSource,
)
from exeat.model.upstream import Reach, TlsIdentity

TARGET = Target(Origin("https", "login.example.com", 443), b"/token", None)
KEY = SigningKey(Secret("pem"), "RS256", "1")
CLIENT = Client("me", "basic", Secret("s"))
PLAIN = ClientCredentials(CLIENT, scope="a", parameters=(("x", Secret("y")),))
SOURCE = TokenSource("orders", PLAIN, TARGET, Reach(), TlsIdentity())


def test_label_is_no_part_of_it() -> None:
    """Two upstreams that write the same have one source, and so one refresh token between them."""
    assert replace(SOURCE, label="another").id == SOURCE.id
    assert len(SOURCE.id) == 32


@pytest.mark.parametrize(
    "other",
    [
        replace(SOURCE, grant=replace(PLAIN, scope="b")),
        replace(SOURCE, grant=replace(PLAIN, audience="b")),
        replace(SOURCE, grant=replace(PLAIN, resources=("b",))),
        replace(SOURCE, grant=replace(PLAIN, grant_type="b")),
        replace(SOURCE, grant=replace(PLAIN, parameters=(("x", Secret("z")),))),
        replace(SOURCE, grant=replace(PLAIN, client=replace(CLIENT, secret=Secret("t")))),
        replace(SOURCE, grant=replace(PLAIN, client=replace(CLIENT, auth="body"))),
        replace(SOURCE, grant=replace(PLAIN, client=Client("me", "private-key-jwt", key=KEY))),
        replace(SOURCE, grant=RefreshToken(CLIENT, Secret("r"))),
        replace(SOURCE, grant=JwtBearer("me", "you", KEY)),
        replace(SOURCE, grant=GithubApp("1", KEY)),
        replace(SOURCE, grant=GoogleServiceAccount("me", KEY, "you", scope="a")),
        replace(SOURCE, target=TARGET._replace(path=b"/other")),
        replace(SOURCE, target=TARGET._replace(query=b"p=1")),
        replace(SOURCE, target=TARGET._replace(origin=Origin("https", "login.example.com", 8443))),
        replace(SOURCE, reach=Reach((ip_network("10.0.0.0/8"),))),
        replace(SOURCE, reach=Reach(report=True)),
        replace(SOURCE, tls=TlsIdentity(fingerprint="1")),
    ],
)
def test_everything_else_is(other: TokenSource) -> None:
    """Whatever changes, a token is asked for anew."""
    assert other.id != SOURCE.id


def test_url_is_as_it_was_written() -> None:
    """The endpoint's URL, for whom client assertions are made."""
    assert SOURCE.url == "https://login.example.com/token"
    assert replace(SOURCE, target=TARGET._replace(query=b"p=1")).url == "https://login.example.com/token?p=1"
