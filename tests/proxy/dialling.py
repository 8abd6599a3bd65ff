"""A dialler on its own, with the names that it finds and the network that it dials into."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.decision import Decision
from exeat.model.upstream import Route, Timeouts
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import Answer, Names
from exeat.proxy.outbox import Outbox
from exeat.proxy.upstream import UpstreamConnection
from tests.support.transports import MemoryLoop

PUBLIC = "93.184.216.34"


class Desk:
    """A dialler, the names that it finds, and the network that it dials into."""

    def __init__(self, names: Mapping[str, tuple[str, ...]] | None = None, own: Sequence[tuple[str, int]] = ()) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MemoryLoop)
        self.network = loop.network
        self._names = dict(names or {})
        self.asked: list[str] = []
        self.reported: list[Decision] = []
        self.dialler = Dialler(Names(self._look_up, loop.time), own, Trust())
        self.dialler.outbox = Outbox()

    async def _look_up(self, host: str) -> Answer:
        self.asked.append(host)
        return Answer(self._names[host], 60)

    async def dial(self, way: Route) -> UpstreamConnection:
        """Dial with a second for names, three for connecting and two for the handshake."""
        timeouts = Timeouts(dns_s=1, connect_s=3, tls_s=2)
        return await self.dialler.dial(way, timeouts, reported=self.reported.append)

    async def refused(self, way: Route, code: Code) -> str:
        """That dialling fails with a code before a byte was sent; why."""
        with pytest.raises(GatewayError) as caught:
            await self.dial(way)
        assert caught.value.code is code
        return caught.value.detail
