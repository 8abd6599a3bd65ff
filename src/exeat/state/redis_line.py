"""The connections to Redis: calls of the script, and what is published; one server or a cluster.

Rule 1: a call ends within TIMEOUT_S, and is never made twice: what it has done may not be known.
Rule 2: whatever goes wrong is an AwayError; its reason says nothing of the password.
"""

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any, Final, final

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    SlotNotCoveredError,
)

from exeat.state.redis_address import RedisAddress
from exeat.state.redis_script import SHA, TEXT

TIMEOUT_S: Final = 0.25
_TICK_S: Final = 0.05
_SOCKET_S: Final = 1.0
_CONNECT_S: Final = 1.0
_PROBE_S: Final = 2.0
_QUIET_S: Final = 10.0  # after which a connection that only listens is tried
ONE_SERVER: Final = ""


class AwayError(Exception):
    """Redis can't be reached, or refuses; the sentence says why."""


@final
class RedisLine:
    """The way to the Redis at an address. `ca_file` and `ca_folder` hold who is trusted, where the address doesn't."""

    def __init__(self, address: RedisAddress, ca_file: str | None = None, ca_folder: str | None = None) -> None:
        self.is_cluster = address.is_cluster
        settings: dict[str, Any] = {
            "username": address.username,
            "password": address.password,
            "socket_timeout": _SOCKET_S,
            "socket_connect_timeout": _CONNECT_S,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "client_name": "exeat",
        }
        if address.tls:
            settings |= {
                "ssl": True,
                "ssl_ca_certs": address.ca or ca_file,
                "ssl_ca_path": None if address.ca or ca_file else ca_folder,
                "ssl_certfile": address.certificate,
                "ssl_keyfile": address.key,
            }
        self._client: Redis | RedisCluster
        if address.is_cluster:
            settings.pop("ssl_ca_path", None)
            nodes = [ClusterNode(host, port) for host, port in address.hosts]
            self._client = RedisCluster(startup_nodes=nodes, **settings)
        elif address.path:
            self._client = Redis(unix_socket_path=address.path, db=address.database, **settings)
        else:
            ((host, port),) = address.hosts
            self._client = Redis(host=host, port=port, db=address.database, **settings)

    def slot_of(self, key: str) -> int:
        """What keys of one call have in common."""
        return key_slot(key.encode()) if self.is_cluster else 0

    def node_of(self, key: str) -> str:
        """The server that has a key, as far as is known."""
        if not isinstance(self._client, RedisCluster):
            return ONE_SERVER
        try:
            node = self._client.get_node_from_key(key)
        except (SlotNotCoveredError, RedisClusterException):
            return ONE_SERVER
        return ONE_SERVER if node is None else str(node.name)

    async def run(self, keys: Sequence[str], argument: bytes, limit_s: float = TIMEOUT_S) -> bytes:
        """Call the script; AwayError if that fails, and then it may have been run or not."""
        with _explained():
            async with _within(limit_s):
                return await self._run(keys, argument)

    async def _run(self, keys: Sequence[str], argument: bytes) -> bytes:
        client: Any = self._client  # what its methods return depends on settings
        try:
            brought = await client.evalsha(SHA, len(keys), *keys, argument)
        except NoScriptError:
            brought = await client.eval(TEXT, len(keys), *keys, argument)
        return bytes(brought)

    async def probe(self, key: str) -> None:
        """Return if the server of a key is there; AwayError if not."""
        await self.run([key], b"[]", _PROBE_S)

    async def publish(self, channel: str, text: bytes) -> None:
        """Tell whoever listens to a channel; AwayError where that can't be done."""
        client: Any = self._client
        with _explained():
            async with asyncio.timeout(_PROBE_S):
                await client.publish(channel, text)

    async def listen(self, *channels: str) -> AsyncGenerator[bytes, None]:
        """What is published on channels, as long as that can be heard; else AwayError. First, nothing: it listens."""
        client: Any = self._client
        with _explained():
            if self.is_cluster:
                await client.initialize()
            async with client.pubsub(ignore_subscribe_messages=True) as heard:
                await heard.subscribe(*channels)
                yield b""
                while True:
                    message = await heard.get_message(timeout=_QUIET_S)
                    if message is None:
                        await heard.ping()
                    elif message["type"] == "message":
                        yield message["data"]

    async def facts(self) -> dict[str, Any]:
        """What a server says of itself (INFO), of a cluster one of them; empty where the user may not ask."""
        client: Any = self._client
        with _explained():
            async with asyncio.timeout(_PROBE_S):
                where = {"target_nodes": client.get_default_node()} if self.is_cluster else {}
                try:
                    return dict(await client.execute_command("INFO", **where))
                except NoPermissionError:
                    return {}

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()
        if isinstance(self._client, RedisCluster):  # which leaves some open after a server has died
            for known in ("nodes_cache", "startup_nodes"):
                await self._client.nodes_manager.aclose(known)


@contextlib.asynccontextmanager
async def _within(limit_s: float) -> AsyncIterator[None]:
    """End what takes longer, with TimeoutError; a while in which this process didn't run counts as one tick.

    On a busy machine an answer may have come long before anybody reads it: that isn't the fault of Redis.
    """
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def tick(left: int) -> None:
        if left:
            timers[:] = [loop.call_later(_TICK_S, tick, left - 1)]
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        tick(round(limit_s / _TICK_S))
        try:
            yield
        finally:
            timers[0].cancel()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Say of what goes wrong what it means."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise AwayError(_reason(error)) from error
    # The library's, where it was to stop while it connects; Python 3.13's, where what it writes to is gone.
    except (AttributeError, RuntimeError, TypeError) as error:
        raise AwayError("the connection was lost") from error


def _reason(error: Exception) -> str:
    """Why something failed, in few words."""
    if isinstance(error, AuthenticationError):
        return "it refuses the user or the password of EXEAT_REDIS_URL"
    if isinstance(error, NoPermissionError):
        return f"its user may not do what is needed: {error}"
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "it doesn't answer in time"
    cause = error if isinstance(error, OSError) else error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate can't be verified: {cause.verify_message}"
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
        return os.strerror(cause.errno)
    return str(error) or type(error).__name__
