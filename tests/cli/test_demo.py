"""The parts of `exeat demo` around its sample API: the address that it chooses, its page, its document."""

import socket
from pathlib import Path

import pytest

from exeat.cli.sample.address import (
    HOST,
    USUAL_PORT,
    choose_control,
    choose_listen,
    find_address,
    find_dashboard,
)
from exeat.cli.sample.certificates import write_certificates
from exeat.cli.sample.credentials import CHECKS
from exeat.cli.sample.document import make_keys, write_document
from exeat.cli.sample.examples import Gateway, make_examples
from exeat.cli.sample.page import Facts, render_page
from exeat.cli.sample.process import make_secrets
from exeat.config.compile import load
from exeat.config.settings import read_settings

PORTS = {name: 40000 + place for place, name in enumerate(CHECKS)}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class TestAddress:
    def test_next_free_port(self, tmp_path: Path) -> None:
        """When the usual port is taken, the next free one is used, not the control listener's, and it is said."""
        settings = read_settings({}, tmp_path)
        with socket.socket() as taken:
            if not _listens(USUAL_PORT):
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                taken.bind((HOST, USUAL_PORT))
                taken.listen()
            listen, remark = choose_listen(settings, is_given=False)
        assert remark is not None
        assert f"at {listen.partition(':')[2]} " in remark
        assert int(listen.partition(":")[2]) not in {USUAL_PORT, 8081}

    def test_given_address_is_kept(self, tmp_path: Path) -> None:
        """A given address is used as it is; a port 0 becomes a real one, so that it can be printed."""
        listen, remark = choose_listen(
            read_settings({"EXEAT_LISTEN": "127.0.0.1:0,[::1]:18080"}, tmp_path), is_given=True
        )
        first, second = listen.split(",")
        assert (second, remark) == ("[::1]:18080", None)
        assert int(first.partition(":")[2]) > 0

    @pytest.mark.parametrize(
        ("process", "url"),
        [
            ({"EXEAT_LISTEN": "0.0.0.0:8090", "EXEAT_TLS": "off"}, "http://127.0.0.1:8090"),
            ({"EXEAT_LISTEN": "[::1]:8090"}, "http://[::1]:8090"),
            ({"EXEAT_LISTEN": "unix:/run/x.sock,127.0.0.1:8090"}, "http://127.0.0.1:8090"),
            ({"EXEAT_LISTEN": "unix:/run/x.sock"}, "http://localhost"),
            ({"EXEAT_LISTEN": ":8090", "EXEAT_TLS": "self-signed"}, "https://127.0.0.1:8090"),
        ],
    )
    def test_url(self, tmp_path: Path, process: dict[str, str], url: str) -> None:
        """The printed URL is one that a caller on this machine can use."""
        assert find_address(read_settings(process, tmp_path)).gateway.url == url


class TestDashboard:
    def test_is_beside_the_gateway(self, tmp_path: Path) -> None:
        """The control listener takes a free port that isn't the gateway's."""
        control = choose_control(read_settings({}, tmp_path), "127.0.0.1:8081,127.0.0.1:8082", is_given=False)
        assert control.partition(":")[0] == HOST
        assert int(control.partition(":")[2]) not in {8081, 8082}

    def test_given_address_is_kept(self, tmp_path: Path) -> None:
        """A given address is used as it is, a port 0 becomes a real one, and `off` stays off."""
        given = read_settings({"EXEAT_CONTROL_LISTEN": "[::1]:18081"}, tmp_path)
        assert choose_control(given, "127.0.0.1:8080", is_given=True) == "[::1]:18081"
        any_port = choose_control(read_settings({"EXEAT_CONTROL_LISTEN": "127.0.0.1:0"}, tmp_path), "", is_given=True)
        assert int(any_port.rpartition(":")[2]) > 0
        off = read_settings({"EXEAT_CONTROL_LISTEN": "off"}, tmp_path)
        assert choose_control(off, "127.0.0.1:8080", is_given=True) == "off"

    @pytest.mark.parametrize(
        ("process", "url"),
        [
            ({"EXEAT_CONTROL_LISTEN": "127.0.0.1:8091"}, "http://127.0.0.1:8091/"),
            ({"EXEAT_CONTROL_LISTEN": ":8091", "EXEAT_TLS": "self-signed"}, "https://127.0.0.1:8091/"),
            ({"EXEAT_CONTROL_LISTEN": "off"}, None),
            ({"EXEAT_CONTROL_LISTEN": "unix:/run/x.sock"}, None),
        ],
    )
    def test_url(self, tmp_path: Path, process: dict[str, str], url: str | None) -> None:
        """The printed URL is one that a browser on this machine can open."""
        assert find_dashboard(read_settings(process, tmp_path)) == url


class TestPage:
    KEYS = make_keys()
    FACTS = Facts(
        Gateway("http://127.0.0.1:8080"),
        Path("exeat.yaml"),
        KEYS,
        make_examples(Gateway("http://127.0.0.1:8080"), PORTS, KEYS),
        "Port 8080 is taken",
        has_traffic=True,
        dashboard="http://127.0.0.1:8081/",
        token="exeat_admin_example",
    )

    def test_plain(self) -> None:
        """Without a terminal the page is plain text, each line to copy on one line."""
        page = render_page(self.FACTS, colour=False)
        lines = [example.line for _, group in self.FACTS.groups for example in group]
        assert "\x1b" not in page
        assert [line.strip() for line in page.splitlines() if line.startswith("  curl ")] == lines

    def test_coloured(self) -> None:
        """On a terminal it has colours, and the lines to copy have none."""
        page = render_page(self.FACTS, colour=True)
        assert "\x1b[" in page
        assert all("\x1b" not in line for line in page.splitlines() if line.startswith("  curl "))


def test_document_is_sound(tmp_path: Path) -> None:
    """The demo's document compiles without a problem or a warning, and its secrets are its owner's alone."""
    write_certificates(tmp_path)
    document = write_document(tmp_path, PORTS, make_secrets(), make_keys())
    loaded = load(read_settings({}, tmp_path, document))
    assert loaded.warnings == ()
    assert sorted(loaded.snapshot.upstreams) == [b"files", b"model", b"notes", b"shop", b"weather"]
    assert len(loaded.snapshot.keys) == 3
    secret = [*(tmp_path / "secrets").iterdir(), tmp_path / "sample.key"]
    assert {file.stat().st_mode & 0o777 for file in secret} == {0o600}
