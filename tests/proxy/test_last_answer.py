"""An answer that is made in the turn in which its connection ends: it is sent before the close."""

import asyncio
import math

import pytest

from exeat.proxy.downstream import Downstream
from tests.support.in_process import LIMIT_S, LocalGateway
from tests.support.values import snapshot

LIVE = b"GET /-/live HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


@pytest.mark.parametrize("how", ["drain", "eof"])
def test_an_answer_of_the_same_turn(how: str) -> None:
    """Neither a drain nor the caller's FIN takes away an answer that waits for the end of its turn to be written."""

    async def talk() -> list[bytes]:
        async with asyncio.timeout(LIMIT_S), LocalGateway(snapshot(), in_memory=True) as gateway:
            caller = await gateway.caller([b"GET"])
            (connection,) = gateway.worker.connections
            assert isinstance(connection, Downstream)
            connection.data_received(LIVE)
            if how == "drain":
                connection.drain(now=math.inf)
            elif not connection.eof_received():
                connection.transport.close()  # as an event loop does
            await caller.over()
            return [answer.body for answer in caller.finals]

    assert asyncio.run(talk()) == [b"live\n"]


def test_many_pipelined_requests_then_a_fin() -> None:
    """A caller that pipelines and then ends its side is answered for every request, however many turns that takes."""

    async def talk() -> int:
        async with asyncio.timeout(LIMIT_S), LocalGateway(snapshot(), in_memory=False) as gateway:
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(LIVE * 200)
            writer.write_eof()
            answers = await reader.read(-1)
            writer.close()
            return answers.count(b"HTTP/1.1 200 OK\r\n")

    assert asyncio.run(talk()) == 200
