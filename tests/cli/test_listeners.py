"""Binding the gateway's sockets."""

import socket
from pathlib import Path

import pytest

from exeat.cli.listeners import ListenError, listen
from exeat.config.listen import Listen, parse_listens


def test_each_worker_has_a_socket_on_the_same_port() -> None:
    """SO_REUSEPORT: one queue per worker, one address for callers."""
    listeners = listen([Listen("127.0.0.1", 0)], 3)
    try:
        ports = {sock.getsockname()[1] for sockets in listeners.of_worker for sock in sockets}
        assert len({listeners.descriptors(number) for number in range(3)}) == 3
        assert ports == {listeners.addresses[0].port}
        assert listeners.own == [("127.0.0.1", listeners.addresses[0].port)]
    finally:
        listeners.close()


def test_every_address_is_both_families() -> None:
    """`:port` listens on IPv4 and, where the machine has it, on IPv6, at one port."""
    listeners = listen(parse_listens(":0"), 1)
    try:
        assert ("0.0.0.0", listeners.addresses[0].port) in listeners.own  # noqa: S104 - the point
        assert len({port for _, port in listeners.own}) == 1
    finally:
        listeners.close()


@pytest.mark.parametrize("shares", [False, True])
def test_a_busy_port_is_found(shares: bool) -> None:  # noqa: FBT001 - a case
    """Somebody else's port is refused, also where that one would share it; nothing stays open."""
    with socket.socket() as other:
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}: another program listens there"):
            listen([Listen("127.0.0.1", 0), Listen("127.0.0.1", port)], 2)


def test_an_address_of_another_machine_is_refused() -> None:
    """An address that this machine doesn't have is said to be that."""
    with pytest.raises(ListenError, match="doesn't have that address"):
        listen([Listen("192.0.2.1", 0)], 1)


def test_a_unix_socket_in_use_is_refused(tmp_path: Path) -> None:
    """A socket that somebody listens on is left alone; so is a file that is no socket."""
    path = tmp_path / "s"
    first = listen([Listen(path=str(path))], 1)
    try:
        with pytest.raises(ListenError, match="another program listens there"):
            listen([Listen(path=str(path))], 1)
        assert path.is_socket()
    finally:
        first.close()
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(ListenError, match="isn't a socket"):
        listen([Listen(path=str(path))], 1)
    assert path.read_text() == "precious"


def test_closing_leaves_a_successors_socket(tmp_path: Path) -> None:
    """The end removes the file it made, and not one that somebody put there since."""
    path = tmp_path / "s"
    first = listen([Listen(path=str(path))], 1)
    keep = tmp_path / "old"
    path.rename(keep)
    second = listen([Listen(path=str(path))], 1)
    first.close()
    assert path.is_socket()
    second.close()
    assert not path.exists()
