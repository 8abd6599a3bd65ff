"""Brokers of tokens in this process, with a pace that doesn't keep a test waiting, and what they have said."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import CLOCK_REALTIME, clock_gettime

import orjson

from exeat.cli.channel import Sources
from exeat.cli.control.broker import Broker
from exeat.cli.control.database import Database
from exeat.cli.control.supply import Pace
from exeat.config.compile import load
from exeat.config.handover import render_token_sources, render_tokens
from exeat.config.settings import read_settings
from exeat.model.token import TokenNews
from exeat.model.token_source import TokenSource
from exeat.proxy.dial import Trust
from exeat.telemetry.logs import Log
from exeat.vault.keyring import Keyring, MasterKey
from exeat.vault.seal import Sealer
from tests.support.certificates import Authority
from tests.support.markers import MARKERS

LIMIT_S = 10.0
QUICK = Pace(
    limit_s=0.4, first_s=0.05, last_s=0.2, lasting_first_s=0.1, lasting_last_s=0.3, after_refusal_s=0.6, least_s=0.05
)


@dataclass
class Desk:
    """Brokers of a folder with a database, and what they have said."""

    folder: Path
    authority: Authority
    log: io.StringIO = field(default_factory=io.StringIO)
    news: list[TokenNews] = field(default_factory=list)
    sealer: Sealer = field(default_factory=lambda: Sealer(Keyring(MasterKey.make())))
    pace: Pace = QUICK
    ahead_s: float = 0.0
    open_sealer: Callable[[], Sealer] | None = None

    def now(self) -> float:
        """The time (s since 1970), as the brokers have it."""
        return clock_gettime(CLOCK_REALTIME) + self.ahead_s

    def sources(self, *credentials: dict[str, object], **more: object) -> tuple[TokenSource, ...]:
        """The sources of upstreams with these credentials, as a document compiles them."""
        reach: dict[str, object] = {"network": {"private": ["127.0.0.0/8"]}, **more}
        upstreams = {
            f"api-{number}": {"url": "https://api.example.com", "credential": credential, **reach}
            for number, credential in enumerate(credentials)
        }
        file = self.folder / "exeat.yaml"
        file.write_bytes(orjson.dumps({"upstreams": upstreams}))
        MARKERS.add_input(file)
        return load(read_settings({}, self.folder)).token_sources

    @asynccontextmanager
    async def broker(
        self, *sources: TokenSource, known: Iterable[TokenNews] = (), url: str | None = None
    ) -> AsyncIterator[Broker]:
        """What fetches from these, for the length of a block."""
        log = Log("test", level="debug", as_json=True, out=self.log)
        database = Database(url or f"sqlite:///{self.folder}/exeat.db")
        broker = Broker(
            database,
            Trust(str(self.authority.file)),
            self.open_sealer or (lambda: self.sealer),
            self.news.extend,
            log,
            instance="test",
            clock=self.now,
            pace=self.pace,
            chance=lambda: 0.0,
        )
        self.follow(broker, *sources, known=known)
        try:
            yield broker
        finally:
            await broker.end()
            database.unprepared.dispose()

    @staticmethod
    def follow(broker: Broker, *sources: TokenSource, known: Iterable[TokenNews] = ()) -> None:
        """Have it fetch from these."""
        now = asyncio.get_running_loop().time()
        broker.follow(Sources(sources=render_token_sources(sources), tokens=render_tokens(known, now)))

    def said(self, message: str) -> list[dict[str, object]]:
        """What was logged with this message, louder than debug."""
        lines = map(orjson.loads, self.log.getvalue().splitlines())
        return [line for line in lines if line["message"] == message and line["level"] != "debug"]

    async def hear_since(self, seen: int, holds: Callable[[TokenNews], object] = lambda _: True) -> TokenNews:
        """The first news after so many, of which something holds."""
        await until(lambda: any(holds(one) for one in self.news[seen:]))
        return next(one for one in self.news[seen:] if holds(one))


async def until(holds: Callable[[], object]) -> None:
    """Look until something holds."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - a test looks
            await asyncio.sleep(0.005)


def client(url: str, **more: object) -> dict[str, object]:
    """A credential of client credentials."""
    secret = MARKERS.make("a client's secret")
    return {
        "kind": "oauth2-client-credentials",
        "token_url": url,
        "client_id": "exeat",
        "client_secret": secret,
        **more,
    }
