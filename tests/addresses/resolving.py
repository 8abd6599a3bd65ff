"""A gateway in memory whose names are resolved by a real name server: what it dials is seen and leads nowhere."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.addresses import world
from tests.support.dialled import Asked, Watched, consumer
from tests.support.dns_server import NameServer
from tests.support.in_process import compile_document
from tests.support.transports import RecordingLoop, run

BLOCKED, FAILED, WELL = (403, "address-blocked"), (502, "dns-failed"), (200, None)


class Scene:
    """The gateway, its name server and the network that it dials into."""

    def __init__(self, server: NameServer, watched: Watched) -> None:
        self.server = server
        self.watched = watched
        self.network = watched.network

    async def ask(self, upstream: str = "a", *, keep: bool = False) -> Asked:
        """Call an upstream; its connection is closed afterwards, unless it is kept for the next call."""
        asked = await self.watched.ask(b"GET /%b/p HTTP/1.1\r\nHost: gw.test\r\n" % upstream.encode() + world.LINE)
        if not keep:
            self.watched.drop_connections()
        return asked

    def advance(self, seconds: float) -> None:
        """Let so much time be over for the gateway."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, RecordingLoop)
        loop.advance(seconds)


@asynccontextmanager
async def resolving(**upstreams: Mapping[str, object]) -> AsyncIterator[Scene]:
    """A gateway with these upstreams; without any there are `a` at http://a.test and `b` at http://b.test."""
    entries = upstreams or {name: plain(f"http://{name}.test") for name in ("a", "b")}
    with tempfile.TemporaryDirectory() as folder:
        snapshot = compile_document({"upstreams": entries, "consumers": consumer(world.KEY)}, Path(folder))
    async with NameServer() as server, Watched(snapshot, None, server.lookup()) as watched:
        yield Scene(server, watched)


def plain(*urls: str, dns: str = "4s", private: tuple[str, ...] = ()) -> dict[str, object]:
    """An upstream at URLs without TLS."""
    granted: dict[str, object] = {"network": {"private": list(private)}} if private else {}
    return {"endpoints": list(urls), "plaintext": True, "timeout": {"dns": dns}, **granted}


def in_real_time(conversation: Coroutine[None, None, None]) -> None:
    """Run a conversation on a loop whose datagrams are real and whose dials are recorded."""
    run(conversation, RecordingLoop)
