"""What a peer is: a command with its configuration written, and where its routes are called."""

from dataclasses import dataclass
from pathlib import Path

from testbed import TLS_ROUTES, UPSTREAM_NAME, Route, Testbed


@dataclass(frozen=True, slots=True)
class Target:
    """One place to send requests to."""

    port: int
    prefix: str
    tls: bool

    @property
    def authority(self) -> str:
        return f"{UPSTREAM_NAME}:{self.port}" if self.tls else f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy ready to be started."""

    name: str
    version: str
    command: tuple[str, ...]
    port: int
    output: Path
    access_log: Path
    # What an access line of a 200 holds, and no other line does.
    ok_mark: bytes
    # An argument of the process that does what isn't a request's own work: its cost is shown apart, too.
    beside: str | None = None

    def target(self, route: Route) -> Target:
        return Target(self.port, f"/{route}", tls=False)


def direct_target(testbed: Testbed, route: Route) -> Target:
    """The upstream itself: what the load generator measures with no proxy between."""
    return Target(testbed.upstream_ports[route], "", tls=route in TLS_ROUTES)
