"""The broker: fetches the tokens of upstreams before calls need them, and again before they end.

Rule 1: each source has one request under way at most, however many workers and calls wait for it.
Rule 2: a token is good until its end, whatever becomes of the requests for the next one.
Rule 3: whoever asks is answered: with a token, or with why there is none and when it is tried again.
Rule 4: a failure is said once, and its end.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Engine

from exeat.cli.channel import Sources
from exeat.cli.control.database import Database
from exeat.cli.control.shared_grant import SharedGrant
from exeat.cli.control.supply import DEFAULT_PACE, Pace, Supply
from exeat.cli.control.token_request import TokenEndpoint
from exeat.config.handover import parse_token_sources, parse_tokens
from exeat.model.secret import Secret
from exeat.model.token import TokenNews
from exeat.model.token_source import RefreshToken, TokenSource
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import AresLookup, Names
from exeat.store.failure import StoreAwayError
from exeat.telemetry.logs import Log
from exeat.vault.seal import Sealer

AT_ONCE = 64
DATABASE_S = 30.0
LAST_S = 8.0
UNKNOWN = "it isn't known where it comes from: the configuration has just changed"

T = TypeVar("T")


class Broker:
    """All sources of one gateway; `tell` is given what is new. `clock` is the time (s since 1970)."""

    def __init__(
        self,
        database: Database,
        trust: Trust,
        sealer: Callable[[], Sealer],
        tell: Callable[[Iterable[TokenNews]], None],
        log: Log,
        *,
        instance: str,
        clock: Callable[[], float],
        pace: Pace = DEFAULT_PACE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._trust = trust
        self._sealer = sealer
        self._tell = tell
        self._log = log
        self._instance = instance
        self._pace = pace
        self._clock = clock
        self._chance = chance
        self._lookup = AresLookup()
        self._names: Names | None = None
        self._dialler: Dialler
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._supplies: dict[str, Supply] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        # A thread of its own: it may hang in the database, and the end of the process doesn't wait for it.
        self._executor = ThreadPoolExecutor(1, "tokens")

    def follow(self, sources: Sources) -> None:
        """Fetch from these from now on; what is known of their tokens counts."""
        loop = asyncio.get_running_loop()
        if self._names is None:
            self._names = Names(self._lookup, loop.time)
        self._dialler = Dialler(self._names, sources.own, self._trust)
        self._dialler.nat64 = sources.nat64
        known = {news.source: news for news in parse_tokens(sources.tokens, loop.time())}
        before, self._supplies = self._supplies, {}
        for source in parse_token_sources(sources.sources):
            supply = before.pop(source.id, None)
            if supply is None:
                supply = self._make(source)
                supply.begin(known.get(source.id))
            self._supplies[source.id] = supply
        for gone in before.values():
            self._leave(gone)

    def want(self, source: str, refused: str | None) -> None:
        """Answer a worker that has no token of a source, or was refused with the one of this print."""
        supply = self._supplies.get(source)
        if supply is None:
            self._tell([TokenNews(source, reason=UNKNOWN, again_in_s=self._pace.first_s)])
        else:
            supply.want(refused)

    def token_of(self, source: str) -> Secret | None:
        """The token of a source that is good now, if there is one."""
        supply = self._supplies.get(source)
        return None if supply is None else supply.token

    async def end(self) -> None:
        """Stop, but let requests that use up a refresh token come to their end, if that doesn't take long."""
        for supply in self._supplies.values():
            self._leave(supply)
        self._supplies.clear()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=LAST_S)
        self._executor.shutdown(wait=False)
        await self._lookup.close()

    def _leave(self, supply: Supply) -> None:
        task = supply.end()
        if task is not None:
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _make(self, source: TokenSource) -> Supply:
        endpoint = TokenEndpoint(source, lambda: self._dialler, self._clock)
        grant = None
        if isinstance(source.grant, RefreshToken):
            grant = SharedGrant(
                source,
                source.grant,
                instance=self._instance,
                database=self._ask,
                sealer=self._sealer,
                clock=self._clock,
            )
        return Supply(
            source,
            endpoint,
            grant,
            tell=lambda news: self._tell([news]),
            log=self._log,
            pace=self._pace,
            slots=self._slots,
            chance=self._chance,
        )

    async def _ask(self, work: Callable[[Engine], T]) -> T:
        """Do something with the database, in the thread for that; StoreError if it can't be done within its time."""
        asked: Awaitable[T] = asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: work(self._database.engine())
        )
        try:
            async with asyncio.timeout(DATABASE_S):
                return await asked
        except TimeoutError:
            raise StoreAwayError(f"The database doesn't answer within {DATABASE_S:g} s") from None
