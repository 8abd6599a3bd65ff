"""The control process and its line to the supervisor."""

import asyncio
import contextlib
import os
import pickle
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from exeat.cli.channel import ControlStart, Kind, Messages, Receivers, Sources, render
from exeat.cli.control.administration import Administration
from exeat.cli.control.database import Database
from exeat.cli.control.following import Following
from exeat.cli.control.shipping import LAST_ROUND_S, Shipping
from exeat.cli.data_folder import OWN_SEGMENT_BYTES
from exeat.cli.token_relay import parse_want
from exeat.config.handover import render_tokens
from exeat.journal.segments import JournalError
from exeat.journal.writer import Journal
from exeat.proxy.record import interrupted
from exeat.telemetry.logs import Log
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer

if TYPE_CHECKING:
    from exeat.cli.control.broker import Broker
    from exeat.cli.control.tracing import Tracing
    from exeat.cli.control.webhooks import Webhooks

LOCK_S = 5.0
NICENESS = 10
WRITER = "control"


class Process:
    """The process: one thread ships, one follows the configuration, the loop serves the admin API."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._messages = Messages()
        self._sending = threading.Lock()
        self._shipping: Shipping | None = None
        self._following: Following | None = None
        self._administration: Administration | None = None
        self._webhooks: Webhooks | None = None
        self._open_webhooks: Callable[[], Webhooks]
        self._broker: Broker | None = None
        self._tracing: Tracing | None = None
        self._open_broker: Callable[[], Broker]
        self._journals: Path
        self._instance: str
        self._log = Log("control")

    async def run(self) -> int:
        """Work until the supervisor says DRAIN, or is gone; the exit code of the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)  # the supervisor decides, not the shell
        with contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(self._channel, 65536):
                for kind, payload in self._messages.feed(data):
                    if kind is Kind.DRAIN:
                        return await self._end()
                    self._receive(kind, payload)
        return await self._end()

    async def _end(self) -> int:
        if self._administration is not None:
            await self._administration.end()
        if self._webhooks is not None:
            await self._webhooks.end()
        if self._broker is not None:
            await self._broker.end()
        if self._following is not None:
            self._following.end()
        if self._shipping is not None:
            self._shipping.finish()
        if self._tracing is not None:
            self._tracing.finish()
        return 0

    def report(self, error: Exception) -> None:
        """Log why it can't go on."""
        if isinstance(error, JournalError | OSError):
            self._log.error("records can't be moved", reason=str(error))
        else:
            self._log.bug(error)

    def _send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a message whole, from any thread; one to a supervisor that is gone is lost, as it should be."""
        left = memoryview(render(kind, payload))
        with self._sending, contextlib.suppress(ConnectionError):
            while left:
                select.select([], [self._channel], [])
                with contextlib.suppress(BlockingIOError):
                    left = left[self._channel.send(left) :]

    def _receive(self, kind: Kind, payload: bytes) -> None:
        shipping, administration = self._shipping, self._administration
        match kind:
            case Kind.START:
                self._begin(pickle.loads(payload))  # noqa: S301 - from our own parent, over a private socket
            case Kind.AUDIT if shipping is not None:
                shipping.follow(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.CHANGE if shipping is not None:
                shipping.record(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.STATE if administration is not None:
                administration.state = orjson.loads(payload)
            case Kind.METRICS if administration is not None:
                administration.measuring.take(payload)
            case Kind.CERTIFICATE if administration is not None:
                administration.show(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.WEBHOOKS:
                self._follow_webhooks(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.EVENT:
                self._take_event(payload)
            case Kind.STATE | Kind.CERTIFICATE | Kind.METRICS:
                pass  # nobody would see it
            case _:
                self._receive_more(kind, payload)

    def _receive_more(self, kind: Kind, payload: bytes) -> None:
        match kind:
            case Kind.ADOPT:
                self._adopt(payload.decode())
            case Kind.SPANS:
                if self._tracing is not None:
                    self._tracing.take(payload)
            case Kind.TOKEN_SOURCES:
                self._follow_sources(pickle.loads(payload))  # noqa: S301 - as above
            case Kind.TOKEN_WANTED:
                if self._broker is not None:
                    self._broker.want(*parse_want(payload))
            case _:
                self._log.error("unexpected message", kind=kind)

    def _begin(self, start: ControlStart) -> None:
        self._log = Log("control", level=start.log_level, as_json=start.log_json)
        self._journals, self._instance = Path(start.journals), start.instance
        own = Journal(
            self._journals / WRITER,
            f"{start.instance}/{WRITER}",
            list,
            interrupted=interrupted,
            wait_s=LAST_ROUND_S + LOCK_S,  # the process of a supervisor that was killed may still move what is left
            segment_bytes=OWN_SEGMENT_BYTES,
        )
        for name in start.orphans:
            self._adopt(name)
        database = Database(start.database_url)
        self._shipping = Shipping(start, database, own, self._log)
        self._administration = Administration(start, database, self._shipping.record, self._log)
        self._following = Following(database, self._send, self._administration.bootstrap, self._log)
        self._administration.changed = self._following.wake
        self._administration.shipping = self._shipping
        self._open_webhooks = partial(self._make_webhooks, start, database)
        self._open_broker = partial(self._make_broker, start, database)
        self._following.start()
        _step_back()  # but not the thread that has just begun: a key that is revoked is to be refused soon
        self._administration.begin()
        if self._administration.live is not None:
            self._shipping.moved = self._administration.live.show
        self._shipping.start()
        if start.otlp_url is not None:
            self._tracing = _begin_tracing(start, start.otlp_url, self._log)
        self._send(Kind.READY)

    # Webhooks

    def _follow_webhooks(self, receivers: Receivers) -> None:
        """Tell these of events; a gateway that tells nobody loads nothing for it."""
        if self._webhooks is None and receivers.webhooks:
            self._webhooks = self._open_webhooks()
        if self._webhooks is not None:
            self._webhooks.follow(receivers)

    def _make_webhooks(self, start: ControlStart, database: Database) -> "Webhooks":
        from exeat.cli.control.webhooks import Webhooks  # noqa: PLC0415 - as above
        from exeat.proxy.dial import Trust  # noqa: PLC0415

        trust = Trust(start.ca_file, start.ca_folder)
        return Webhooks(database, trust, lambda name: self._send(Kind.EVENT, name.encode()), self._log)

    def _take_event(self, payload: bytes) -> None:
        if self._administration is not None and self._administration.events is not None:
            self._administration.events.take(payload)
        if self._webhooks is not None:
            self._webhooks.take(payload)
        else:
            self._send(Kind.EVENT, orjson.loads(payload)["id"].encode())  # nobody wants to know

    # Tokens of upstreams

    def _follow_sources(self, sources: Sources) -> None:
        """Fetch tokens from these; a gateway without any loads nothing for it."""
        if self._broker is None and sources.sources:
            self._broker = self._open_broker()
            if self._administration is not None:
                self._administration.token_of = self._broker.token_of
        if self._broker is not None:
            self._broker.follow(sources)

    def _make_broker(self, start: ControlStart, database: Database) -> "Broker":
        from exeat.cli.control.broker import Broker  # noqa: PLC0415 - as above
        from exeat.proxy.dial import Trust  # noqa: PLC0415

        return Broker(
            database,
            Trust(start.ca_file, start.ca_folder),
            partial(_open_sealer, start),
            lambda news: self._send(Kind.TOKENS, render_tokens(news, asyncio.get_running_loop().time())),
            self._log,
            instance=start.instance,
            clock=lambda: time.time_ns() / 1e9,
        )

    def _adopt(self, name: str) -> None:
        """End the journal of a writer that doesn't run any more."""
        folder, chain = self._journals / name, f"{self._instance}/{name}"
        try:
            journal = Journal(folder, chain, list, interrupted=interrupted)
        except (JournalError, OSError) as error:
            self._log.error("a journal can't be ended", folder=str(folder), reason=str(error))
            return
        journal.close()


def _begin_tracing(start: ControlStart, url: str, log: Log) -> "Tracing":
    """Send spans from now on; a gateway that makes no traces loads nothing for it."""
    from exeat.cli.control.tracing import Tracing  # noqa: PLC0415 - as above

    tracing = Tracing(url, start.otlp_headers, start.ca_file, start.instance, log)
    tracing.start()
    return tracing


def _open_sealer(start: ControlStart) -> Sealer:
    """What seals with the gateway's keyring; KeyringError if it can't be used."""
    from exeat.config.settings import read_settings  # noqa: PLC0415 - where nothing is sealed, nothing is loaded for it

    config = None if start.config is None else Path(start.config)
    settings = read_settings(start.environment, Path(start.directory), config)
    return Sealer(open_keyring(settings.keyring, settings.directory, settings.directory / settings.data_dir))


def _step_back() -> None:
    """Take the processor where no worker wants it, from this thread on: journals are safe, and callers wait."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
