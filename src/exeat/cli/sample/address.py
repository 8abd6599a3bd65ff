"""Where the demonstration's listeners are, and how callers and browsers on this machine reach them."""

import http.client
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exeat.cli.sample.examples import Gateway
from exeat.config.listen import Listen
from exeat.config.settings import Settings

HOST = "127.0.0.1"
USUAL_PORT = 8080
USUAL_CONTROL_PORT = 8081
LAST_PORT = 8099
PATIENCE_S = 10.0
REACHED_AT = {"": HOST, "0.0.0.0": HOST, "::": "::1"}  # noqa: S104 - looked up, not bound
CERTIFICATE = "self-signed.pem"

Connect = Callable[[], http.client.HTTPConnection]


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach the gateway: for people who copy lines, and for the demo's own calls."""

    gateway: Gateway
    connect: Connect


def choose_listen(settings: Settings, *, is_given: bool) -> tuple[str, str | None]:
    """The addresses to listen on as text, every port a real one, and a remark if it isn't the usual one."""
    if is_given:
        return ",".join(str(_with_port(listen)) for listen in settings.listen), None
    taken = None if settings.control_listen is None else settings.control_listen.port
    free = (port for port in range(USUAL_PORT, LAST_PORT + 1) if port != taken and _is_free(port))
    port = next(free, 0) or _any_port(HOST)
    remark = (
        None if port == USUAL_PORT else f"Port {USUAL_PORT} is taken: the gateway is at {port} (EXEAT_LISTEN sets it)."
    )
    return f"{HOST}:{port}", remark


def choose_control(settings: Settings, listen: str, *, is_given: bool) -> str:
    """The control listener's address as text, its port a real one that the gateway (at `listen`) hasn't; or `off`."""
    control = settings.control_listen
    if control is None or is_given:
        return "off" if control is None else str(_with_port(control))
    taken = {part.rpartition(":")[2] for part in listen.split(",")}
    free = (port for port in range(USUAL_CONTROL_PORT, LAST_PORT + 1) if str(port) not in taken and _is_free(port))
    return f"{HOST}:{next(free, 0) or _any_port(HOST)}"


def find_dashboard(settings: Settings) -> str | None:
    """The URL of the dashboard for a browser on this machine; None where it has no listener that one could reach."""
    control = settings.control_listen
    if control is None or control.path is not None:
        return None
    scheme = "https" if settings.tls == "self-signed" else "http"
    return f"{scheme}://{Listen(REACHED_AT.get(control.host, control.host), control.port)}/"


def find_address(settings: Settings) -> Address:
    """How to reach the first listener, a TCP one if there is any."""
    listen = next((listen for listen in settings.listen if listen.path is None), settings.listen[0])
    if listen.path is not None:
        path = str(Path(listen.path).absolute())
        return Address(Gateway("http://localhost", ("--unix-socket", path)), lambda: _connect_unix(path))
    host = REACHED_AT.get(listen.host, listen.host)
    place = str(Listen(host, listen.port))
    if settings.tls != "self-signed":
        return Address(
            Gateway(f"http://{place}"), lambda: http.client.HTTPConnection(host, listen.port, timeout=PATIENCE_S)
        )
    certificate = str(settings.data_dir / CERTIFICATE)
    return Address(
        Gateway(f"https://{place}", ("--cacert", certificate)), lambda: _connect_tls(host, listen.port, certificate)
    )


def _with_port(listen: Listen) -> Listen:
    return listen if listen.path is not None or listen.port else Listen(listen.host, _any_port(listen.host))


def _is_free(port: int) -> bool:
    """Whether nobody listens there; bound as the gateway will bind it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _connect_unix(path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_S)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(PATIENCE_S)
    connection.sock.connect(path)
    return connection


def _connect_tls(host: str, port: int, certificate: str) -> http.client.HTTPConnection:
    context = ssl.create_default_context(cafile=certificate)
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=context)
