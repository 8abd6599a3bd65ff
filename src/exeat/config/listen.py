"""Addresses to listen on: `127.0.0.1:8080`, `:8080`, `[::]:8080`, `localhost:8080`, `unix:/run/exeat.sock`."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

_FORM = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]*)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listen:
    """One address to listen on: host and port, or the path of a Unix socket.

    An empty host is every address of this machine; port 0 is any free one.
    """

    host: str = ""
    port: int = 0
    path: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect; a name other than localhost isn't known to be local."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listens(text: str) -> tuple[Listen, ...]:
    """Several addresses, comma-separated; ValueError says what is wrong."""
    listens = tuple(parse_listen(part.strip()) for part in text.split(",") if part.strip())
    if not listens:
        raise ValueError("names no address; write for example 127.0.0.1:8080")
    if len(set(listens)) < len(listens):
        raise ValueError("names an address twice")
    return listens


def parse_listen(text: str) -> Listen:
    """One address; ValueError says what is wrong and what it could be."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path or "\0" in path or len(path.encode()) > 107:  # noqa: PLR2004 - sun_path of Linux
            raise ValueError("write unix:PATH with a path of at most 107 bytes")
        return Listen(path=path)
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' isn't host:port; {_corrected(text)}")
    port = int(found["port"])
    if port > 65535:  # noqa: PLR2004 - ports
        raise ValueError(f"port {port} is above 65535")
    return Listen(_host(found["six"], found["host"]), port)


def _host(six: str | None, host: str | None) -> str:
    if six is None:
        name = (host or "").lower()
        if re.fullmatch(r"[0-9.]+", name):
            _check_address(name)
        return name
    _check_address(six)
    return str(ip_address(six))


def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError as error:
        raise ValueError(f"'{text}' isn't an address") from error


def _corrected(text: str) -> str:
    if text.isdigit():
        return f"write ':{text}' for every address, or '127.0.0.1:{text}' for this machine only"
    if "://" in text:
        return "leave out the scheme"
    if text.count(":") > 1:
        return "write IPv6 in brackets, as in '[::1]:8080'"
    return "write for example 127.0.0.1:8080, [::]:8080 or unix:/run/exeat.sock"
