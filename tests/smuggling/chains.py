"""A gateway between real servers: one before it or behind it, and an upstream at the end that keeps every byte."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.smuggling.hostile import CANARY_MARKS
from tests.support.capture import Capture, Script, bound_socket
from tests.support.gateway import Gateway, JsonObject, MadeKey, make_key
from tests.support.haproxy import haproxy
from tests.support.messages import Message
from tests.support.nginx import nginx
from tests.support.programs import Program

SECRET = b"credential-of-the-upstream"
SERVERS: Mapping[str, Callable[[Path, int, str], Program]] = {"nginx": nginx, "HAProxy": haproxy}
NO_PATH = "^$"


@dataclass(frozen=True)
class Chain:
    """The servers before and behind the gateway."""

    front: str | None = None
    back: str | None = None

    def __str__(self) -> str:
        return "-".join(filter(None, (self.front, "Exeat", self.back)))


CHAINS = (Chain(back="nginx"), Chain(back="HAProxy"), Chain(front="nginx"), Chain(front="HAProxy"))


class Forwarder(Protocol):
    """What is judged: it takes requests on a port, and tells which of them it sent on."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def stop(self) -> None:
        """Finish what is under way, and end."""

    def access_lines(self) -> list[JsonObject]:
        """One object per request: consumer, method, path, status, attempts."""


# Made of the upstream's port, the consumers' keys and a folder.
Make = Callable[[int, Mapping[str, MadeKey], Path], AbstractContextManager[Forwarder]]


@dataclass
class Range:
    """A chain that runs: callers call `entrance`. `keys` are the consumers'; `lines` is the access log, at the end."""

    chain: Chain
    entrance: int
    capture: Capture
    keys: Mapping[str, bytes]
    lines: list[JsonObject] = field(default_factory=list)


def exeat(next_port: int, keys: Mapping[str, MadeKey], folder: Path) -> Gateway:
    """One gateway process; every case is a consumer of its own."""
    document: JsonObject = {
        "upstreams": {
            "s": {
                "url": f"http://127.0.0.1:{next_port}",
                "plaintext": True,
                "network": {"private": ["127.0.0.0/8"]},
                "credential": {"kind": "bearer", "secret": SECRET.decode()},
                "circuit": "off",  # hostile answers count as failures; every case has to reach the upstream
            }
        },
        "consumers": {name: {"keys": [{"sha256": key.sha256}], "grants": ["s"]} for name, key in keys.items()},
    }
    return Gateway(document, folder=folder)


@asynccontextmanager
async def running(
    chain: Chain,
    consumers: list[str],
    folder: Path,
    answers: Callable[[Message], Script | None],
    make: Make = exeat,
) -> AsyncIterator[Range]:
    """A chain, from `async with` until its end."""
    keys = {name: make_key() for name in consumers}
    listener = bound_socket()
    place = folder / "gateway"
    place.mkdir()
    async with Capture(listener, answers=answers) as capture:
        with ExitStack() as outer:
            next_port = listener.getsockname()[1]
            listener.close()
            if chain.back is not None:
                next_port = outer.enter_context(SERVERS[chain.back](folder / "back", next_port, NO_PATH)).port
            forwarder = outer.enter_context(make(next_port, keys, place))
            entrance = forwarder.port
            with ExitStack() as inner:
                if chain.front is not None:
                    denied = CANARY_MARKS.pattern.decode()
                    entrance = inner.enter_context(SERVERS[chain.front](folder / "front", entrance, denied)).port
                made = Range(chain, entrance, capture, {name: key.key.encode() for name, key in keys.items()})
                yield made
            await asyncio.to_thread(forwarder.stop)
            made.lines = forwarder.access_lines()
