"""Where a request is going: scheme, host and port."""

from typing import Literal, NamedTuple

Scheme = Literal["http", "https"]
DEFAULT_PORTS: dict[str, int] = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port (RFC 9110 §4.3.1); `host` is canonical.

    Canonical: lower-case A-labels without a trailing dot, or an address in its shortest form (IPv6 without brackets).
    """

    scheme: Scheme
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of Host: IPv6 in brackets, the port only where it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Target(NamedTuple):
    """An absolute URL, parsed once: its origin, and the path with query as bytes for the request line."""

    origin: Origin
    path: bytes
    query: bytes | None
