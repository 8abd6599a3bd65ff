"""The sockets that callers connect to: bound once by the supervisor, inherited by every worker.

Rule 1: each worker has TCP sockets of its own (SO_REUSEPORT); the supervisor keeps them open, so that what waits in
the queue of a worker that died is served by its successor.
Rule 2: a port that another program has is found before anything starts: two programs of one user that both share
ports would otherwise take each other's callers in silence.
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from exeat.config.listen import Listen

BACKLOG = 2048
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - only where the settings say so
NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


class ListenError(Exception):
    """An address can't be listened on; the text is one line that says which and why."""


@dataclass(slots=True)
class Listeners:
    """Every listening socket: those of each worker, and the Unix sockets that all of them share.

    `addresses` are where callers connect, with the real port where any free one was asked for.
    """

    of_worker: list[list[socket.socket]]
    shared: list[socket.socket] = field(default_factory=list)
    addresses: list[Listen] = field(default_factory=list)
    own: list[tuple[str, int]] = field(default_factory=list)
    files: list[tuple[Path, int]] = field(default_factory=list)

    def descriptors(self, worker: int) -> tuple[int, ...]:
        """What the worker with this number (from 0) inherits."""
        return tuple(sock.fileno() for sock in (*self.of_worker[worker], *self.shared))

    def close(self) -> None:
        """Stop listening on the supervisor's side, and remove the files of Unix sockets that are still ours."""
        for sock in (*self.shared, *(sock for sockets in self.of_worker for sock in sockets)):
            sock.close()
        for path, inode in self.files:
            with contextlib.suppress(OSError):
                if path.stat().st_ino == inode:
                    path.unlink()
        self.files.clear()


def listen(addresses: Iterable[Listen], workers: int) -> Listeners:
    """Bind every address; ListenError if one can't be, with nothing left open."""
    listeners = Listeners([[] for _ in range(workers)])
    try:
        for address in addresses:
            _bind(address, listeners)
    except BaseException:
        listeners.close()
        raise
    return listeners


def _bind(address: Listen, listeners: Listeners) -> None:
    try:
        if address.path is None:
            _bind_tcp(address, listeners)
        else:
            _bind_unix(address, Path(address.path), listeners)
    except OSError as error:
        raise ListenError(f"can't listen on {address}: {_reason(error)}") from error


def _bind_tcp(address: Listen, listeners: Listeners) -> None:
    """Bind all addresses that a host stands for; a family that this machine hasn't is left out."""
    port, bound = address.port, 0
    failure: OSError | None = None
    for host in hosts_of(address.host):
        try:
            port = _bind_host(host, port, listeners)
            bound += 1
        except OSError as error:
            if error.errno not in NO_SUCH_FAMILY:
                raise
            failure = error
    if not bound:
        raise failure or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    listeners.addresses.append(Listen(address.host, port))


def hosts_of(host: str) -> list[str]:
    """The addresses that a host to listen on stands for."""
    if not host:
        return list(EVERY_ADDRESS)
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _bind_host(host: str, port: int, listeners: Listeners) -> int:
    """One socket per worker at one address; the port, where any free one was asked for."""
    if port:
        _open(host, port, shared=False).close()  # refused where anybody listens, even somebody who would share
    for sockets in listeners.of_worker:
        sock = _open(host, port, shared=True)
        sockets.append(sock)
        port = sock.getsockname()[1]
    listeners.own.append((host, port))
    return port


def _open(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_unix(address: Listen, path: Path, listeners: Listeners) -> None:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listeners.shared.append(sock)
    before = os.umask(0o117)  # 0660 from its first moment
    try:
        sock.bind(str(path))
    finally:
        os.umask(before)
    listeners.files.append((path, path.stat().st_ino))
    sock.listen(BACKLOG)
    listeners.addresses.append(address)


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on any more; any other file is left, and is in the way."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is a file of that name that isn't a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program listens there already; stop it, or set EXEAT_LISTEN to another address"
        case errno.EACCES:
            return "this user may not; use a port above 1023 or another folder"
        case errno.EADDRNOTAVAIL:
            return "this machine doesn't have that address"
        case _:
            return error.strerror or str(error)
