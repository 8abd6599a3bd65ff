"""Addresses to listen on."""

import pytest

from exeat.config.listen import Listen, parse_listen, parse_listens


@pytest.mark.parametrize(
    ("text", "listen", "local"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080), True),
        ("127.9.9.9:1", Listen("127.9.9.9", 1), True),
        ("localhost:8080", Listen("localhost", 8080), True),
        ("[::1]:8080", Listen("::1", 8080), True),
        ("unix:/run/exeat.sock", Listen(path="/run/exeat.sock"), True),
        (":8080", Listen("", 8080), False),
        ("[::]:8080", Listen("::", 8080), False),
        ("0.0.0.0:0", Listen("0.0.0.0", 0), False),  # noqa: S104 - parsed, not bound
        ("gateway.example:443", Listen("gateway.example", 443), False),
    ],
)
def test_address(text: str, listen: Listen, local: bool) -> None:  # noqa: FBT001
    """An address says where, and whether other machines can reach it."""
    assert parse_listen(text) == listen
    assert listen.is_local is local
    assert str(listen) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("8080", "127.0.0.1:8080"),
        ("::1:8080", "[::1]:8080"),
        ("http://127.0.0.1:8080", "scheme"),
        ("127.0.0.1:70000", "65535"),
        ("300.1.1.1:80", "isn't an address"),
        ("unix:", "unix:PATH"),
        ("", "host:port"),
    ],
)
def test_wrong_address(text: str, advice: str) -> None:
    """A wrong address is refused with what it could be."""
    with pytest.raises(ValueError, match=advice.replace("[", r"\[")):
        parse_listen(text)


def test_several() -> None:
    """Several addresses are comma-separated, each once."""
    assert parse_listens("127.0.0.1:1, unix:/x") == (Listen("127.0.0.1", 1), Listen(path="/x"))
    with pytest.raises(ValueError, match="twice"):
        parse_listens(":1,:1")
    with pytest.raises(ValueError, match="no address"):
        parse_listens(" , ")
