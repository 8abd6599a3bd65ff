"""What every peer of one run shares: folder, cores, ports, certificates, key and credential."""

import secrets
import socket
import string
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Route = Literal["plain", "tls", "bodies", "bodies-tls", "wrong-name", "wrong-issuer"]

# The two routes that are measured under load, and the two that carry large bodies.
LOADED: tuple[Route, Route] = ("plain", "tls")
BODIES: tuple[Route, Route] = ("bodies", "bodies-tls")

UPSTREAM_NAME = "localhost"
TLS_ROUTES: tuple[Route, ...] = ("tls", "bodies-tls", "wrong-name", "wrong-issuer")


@dataclass(frozen=True, slots=True)
class Cores:
    """The proxy alone on one core; load generator, upstream and this script on the other."""

    proxy: int
    load: int


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: a test CA, a good server certificate and two that must be refused."""

    authority: Path
    server: Path
    wrong_name: Path
    wrong_issuer: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Testbed:
    """Fixed before the first process starts and never changed."""

    folder: Path
    cores: Cores
    certificates: Certificates
    upstream_ports: dict[Route, int]
    status_port: int
    key: str
    credential: str

    def file(self, name: str) -> Path:
        """A path in the run's folder; its parent exists."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def free_ports(count: int) -> list[int]:
    """Ports that were free on loopback a moment ago, all different because all are held at once."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def allot_ports(routes: tuple[Route, ...], ports: Iterator[int]) -> dict[Route, int]:
    return {route: next(ports) for route in routes}


def random_word(length: int) -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(length))
