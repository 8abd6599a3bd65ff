"""Where Redis is: its URL, read as strictly as it is written, so that a mistake is found at the start."""

from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

FORMS: Final = (
    "redis://user:password@host:6379/0, rediss://… for TLS, unix:///path/of/redis.sock, or redis+cluster://host:port,"
    "host:port for a cluster (rediss+cluster://… with TLS)"
)
PORT: Final = 6379
_SCHEMES: Final = {"redis", "rediss", "unix", "redis+cluster", "rediss+cluster"}
_FILES: Final = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_LOCAL: Final = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One server, or some of a cluster's; `path` is a Unix socket.

    `ca` is a file of the authorities that are trusted, in place of the system's; `certificate` and `key` are what this
    side shows.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    database: int = 0
    is_cluster: bool = False
    tls: bool = False
    username: str | None = None
    password: str | None = field(repr=False, default=None)
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        """Show where it is, and no password."""
        return self.path or ", ".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts
        )

    @property
    def is_plaintext(self) -> bool:
        """Whether what is said, a password too, can be read on the way."""
        return not self.tls and any(host not in _LOCAL for host, _ in self.hosts)


def parse_redis_address(text: str) -> RedisAddress:
    """Read a URL; ValueError, which never repeats what was written, says what to write."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _SCHEMES:
        raise ValueError(f"write {FORMS}")
    try:
        parts = urlsplit("redis://" + rest)
        options = dict(parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True)) if parts.query else {}
    except ValueError:
        raise ValueError(f"isn't a URL; write {FORMS}") from None
    if parts.fragment or "#" in rest:
        raise ValueError("has a '#'; in a password write it as %23")
    credentials, _, places = parts.netloc.rpartition("@")
    username, colon, password = credentials.partition(":")
    address = _unix(places, parts.path, options) if scheme == "unix" else _hosts(scheme, places, parts.path, options)
    _check_files(options, tls=address.tls)
    return replace(
        address,
        username=unquote(username) or None,
        password=unquote(password) if colon else None,
        ca=options.get("ssl_ca_certs"),
        certificate=options.get("ssl_certfile"),
        key=options.get("ssl_keyfile"),
    )


def _unix(places: str, path: str, options: dict[str, str]) -> RedisAddress:
    if places or len(path) < 2:  # noqa: PLR2004 - more than the slash
        raise ValueError(
            "names no socket; write unix:///path/of/redis.sock, or unix://user:password@/path/of/redis.sock"
        )
    return RedisAddress(path=unquote(path), database=_database(options.pop("db", "")))


def _hosts(scheme: str, places: str, path: str, options: dict[str, str]) -> RedisAddress:
    is_cluster = scheme.endswith("+cluster")
    hosts = tuple(_host(place) for place in places.split(","))
    if len(hosts) > 1 and not is_cluster:
        raise ValueError(f"names several servers; write {scheme}+cluster://… if they are a cluster, else one of them")
    database = _database(path.strip("/") or options.pop("db", ""))
    if is_cluster and database:
        raise ValueError("names a database; a cluster has only database 0")
    return RedisAddress(hosts, database=database, is_cluster=is_cluster, tls=scheme.startswith("rediss"))


def _host(place: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"redis://{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has a port that isn't one; write host:port, [::1]:port for IPv6") from None
    if not host or any(char.isspace() for char in host):
        raise ValueError(f"names no host; write {FORMS}")
    return host, PORT if port is None else port


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise ValueError("has a path that isn't the number of a database; write for example redis://host:6379/0")
    return int(text)


def _check_files(options: dict[str, str], *, tls: bool) -> None:
    for name in options:
        if name not in _FILES:
            known = ", ".join(sorted(_FILES))
            raise ValueError(f"has an option that isn't known here; those that are: db, {known}")
        if not tls:
            raise ValueError(f"has the option {name}, which is for TLS; write rediss:// to use it")
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ValueError("has ssl_keyfile without ssl_certfile")
