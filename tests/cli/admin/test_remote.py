"""Commands that ask a gateway over the network, at EXEAT_CONTROL_URL with EXEAT_CONTROL_TOKEN."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.admin.place import Place
from tests.cli.admin.serving import served
from tests.support.markers import MARKERS

TOKEN = "t" * 32


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where the gateway's database is."""
    made = Place(tmp_path_factory.mktemp("home"))
    made.do("migrate")
    made.do("admin", "create", "ada", "--role", "administrator", "--no-password")
    made.do("admin", "create", "victor", "--role", "viewer", "--no-password")
    return made


@pytest.fixture(scope="module")
def url(home: Place) -> Iterator[str]:
    """Where its admin API is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener, served(home, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def from_afar(home: Place, url: str, folder: Path, name: str = "ada") -> Place:
    """Another machine's folder, with a token of an administrator."""
    made = home.read("admin", "token", "create", "--administrator", name, opens=True)
    token = MARKERS.add("a token", made["token"])
    return Place(folder, {"EXEAT_CONTROL_URL": url, "EXEAT_CONTROL_TOKEN": token})


def test_everything_goes_over_the_network(home: Place, url: str, tmp_path: Path) -> None:
    """Objects, keys, credentials and documents are the gateway's; nothing is made where the command runs."""
    afar = from_afar(home, url, tmp_path)
    afar.do("upstream", "set", "github", "url=https://api.github.com")
    afar.do("consumer", "set", "web", "grants=github")
    afar.do("credential", "set", "github", said="a value of some length")
    made = afar.read("key", "create", "web", opens=True)
    assert [one["id"] for one in home.read("key", "list")] == [made["id"]]
    assert afar.do("apply", "-", "--yes", said=afar.do("export")) == "There is nothing to change.\n"
    assert afar.read("revision", "list")[0]["who"].startswith("ada/")
    assert list(tmp_path.iterdir()) == []


def test_a_consumer_that_the_gateway_does_not_know(home: Place, url: str, tmp_path: Path) -> None:
    """A key for a consumer of a gateway is made there, or not at all."""
    code, said = from_afar(home, url, tmp_path).refused("key", "create", "nobody")
    assert (code, "There is no consumer 'nobody'" in said) == (2, True)


def test_a_role_that_is_too_low(home: Place, url: str, tmp_path: Path) -> None:
    """What the token may not do fails with the reason."""
    code, said = from_afar(home, url, tmp_path, "victor").refused("consumer", "set", "web", "grants=destinations")
    assert (code, "role-too-low" in said) == (1, True)


def test_a_token_that_is_not_known(url: str, tmp_path: Path) -> None:
    """A wrong token fails, and isn't repeated."""
    afar = Place(tmp_path, {"EXEAT_CONTROL_URL": url, "EXEAT_CONTROL_TOKEN": TOKEN})
    code, said = afar.refused("upstream", "list")
    assert (code, "not-authenticated" in said, TOKEN in said) == (1, True, False)


def test_a_unix_socket(home: Place, tmp_path: Path) -> None:
    """The listener may be a Unix socket."""
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        with served(home, listener):
            assert from_afar(home, f"unix:{path}", tmp_path).do("upstream", "list").startswith("NAME")


def test_nobody_is_there(tmp_path: Path) -> None:
    """Where nothing listens, or something else does, the command says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    afar = Place(tmp_path, {"EXEAT_CONTROL_URL": f"http://127.0.0.1:{port}", "EXEAT_CONTROL_TOKEN": TOKEN})
    code, said = afar.refused("upstream", "list")
    assert (code, said.startswith(f"exeat: EXEAT_CONTROL_URL: http://127.0.0.1:{port} can't be reached: ")) == (1, True)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://gateway.example:8081", "the token would travel in plaintext"),
        ("gateway.example:8081", "write https://host:port"),
        ("https://ada:pw@gateway.example", "write https://host:port"),
        ("https://gateway.example/api", "write https://host:port"),
    ],
)
def test_addresses_that_cannot_be(url: str, complaint: str, tmp_path: Path) -> None:
    """A token is only sent where nobody can read it on the way."""
    afar = Place(tmp_path, {"EXEAT_CONTROL_URL": url, "EXEAT_CONTROL_TOKEN": TOKEN})
    code, said = afar.refused("upstream", "list")
    assert (code, complaint in said) == (2, True), said


def test_an_address_without_a_token(tmp_path: Path) -> None:
    """The token's variable is named."""
    code, said = Place(tmp_path, {"EXEAT_CONTROL_URL": "https://gateway.example"}).refused("upstream", "list")
    assert (code, "EXEAT_CONTROL_TOKEN" in said) == (2, True)


def test_no_database_yet(tmp_path: Path) -> None:
    """Without a database nothing is made: the directory may be the wrong one."""
    code, said = Place(tmp_path).refused("upstream", "set", "a", "url=https://a.example")
    assert (code, "run `exeat migrate`" in said) == (1, True)
    assert list(tmp_path.iterdir()) == []
