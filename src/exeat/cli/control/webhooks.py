"""Events on their way to webhooks: kept in the database first, then sent until they are taken.

Rule 1: an event is acknowledged to the supervisor when it is kept: until then it is said again.
Rule 2: each webhook is served by a task of its own: one that fails or hangs holds up no other.
Rule 3: what isn't taken is sent again, with growing pauses, for a day; `410 Gone` stops a webhook until the document
says something else of it, or the gateway starts again.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeVar

import orjson
from sqlalchemy import Engine

from exeat.cli.channel import Receivers
from exeat.cli.control.database import Database
from exeat.cli.control.post import GONE, Outcome, post
from exeat.config.handover import parse_webhooks
from exeat.model.webhook import SHARED_EVENTS, Webhook
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import AresLookup, Names
from exeat.store.deliveries import (
    Delivery,
    Taken,
    drop_deliveries,
    end_delivery,
    expire_deliveries,
    postpone_delivery,
    put_deliveries,
    take_delivery,
)
from exeat.store.failure import StoreError
from exeat.telemetry.logs import Log

AGAIN_S = 1.0  # after a failure of the database
LOOK_S = 60.0  # after which it is looked for what another instance has left behind
EXPIRE_S = 3600.0
LAST_S = 2.0
MICRO = 1_000_000

T = TypeVar("T")


class Pace(NamedTuple):
    """How long (s) a receiver may take, how long is waited after its failures, for how long; how many may wait."""

    limit_s: float = 15.0
    first_s: float = 5.0
    last_s: float = 3600.0
    give_up_s: float = 86400.0
    most: int = 1000

    def pause_s(self, attempts: int) -> float:
        """How long to wait after so many failures."""
        return min(self.first_s * 2.0 ** min(attempts - 1, 30), self.last_s)


DEFAULT_PACE = Pace()


class Arrived(NamedTuple):
    """An event that isn't kept yet."""

    id: str
    type: str
    body: bytes


@dataclass(slots=True)
class Served:
    """A webhook and the task that serves it; `trouble` is what was said last of why it takes nothing."""

    webhook: Webhook
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    trouble: str | None = None
    is_gone: bool = False


class Webhooks:
    """All webhooks of a gateway; `kept` is called with the id of each event that is safe."""

    def __init__(
        self,
        database: Database,
        trust: Trust,
        kept: Callable[[str], None],
        log: Log,
        *,
        pace: Pace = DEFAULT_PACE,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._trust = trust
        self._kept = kept
        self._log = log
        self._pace = pace
        self._clock = clock
        self._lookup = AresLookup()
        self._names: Names | None = None
        self._dialler: Dialler
        self._served: dict[str, Served] = {}
        self._arrived: deque[Arrived] = deque()
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        # A thread of its own: it may hang in the database, and the end of the process doesn't wait for it.
        self._executor = ThreadPoolExecutor(1, "webhooks")
        self._database_trouble: str | None = None

    def follow(self, receivers: Receivers) -> None:
        """Tell these from now on."""
        loop = asyncio.get_running_loop()
        if self._names is None:
            self._names = Names(self._lookup, loop.time)
        self._dialler = Dialler(self._names, receivers.own, self._trust)
        self._dialler.nat64 = receivers.nat64
        before, self._served = self._served, {}
        for webhook in parse_webhooks(receivers.webhooks):
            present = before.pop(webhook.name, None)
            if present is None or present.webhook != webhook:
                self._stop(present)
                present = Served(webhook)
                present.task = loop.create_task(self._guard(partial(self._serve, present)))
            self._served[webhook.name] = present
        for gone in before.values():
            self._stop(gone)

    def take(self, payload: bytes) -> None:
        """Take an event of the supervisor."""
        said = orjson.loads(payload)
        self._arrived.append(Arrived(said["id"], said["event"]["type"], orjson.dumps(said["event"])))
        if self._keeping is None:
            self._keeping = asyncio.get_running_loop().create_task(self._guard(self._keep))
        self._wake.set()

    async def end(self) -> None:
        """Keep what has arrived, if that doesn't take long, and stop."""
        ends_at = asyncio.get_running_loop().time() + LAST_S
        while self._arrived and asyncio.get_running_loop().time() < ends_at:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.01)
        for served in self._served.values():
            self._stop(served)
        if self._keeping is not None:
            self._keeping.cancel()
        self._executor.shutdown(wait=False)
        await self._lookup.close()

    @staticmethod
    def _stop(served: Served | None) -> None:
        if served is not None and served.task is not None:
            served.task.cancel()

    async def _guard(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run what never ends, again after each fault."""
        while True:
            try:
                await work()
            except StoreError as error:
                if self._database_trouble != str(error):
                    self._database_trouble = str(error)
                    self._log.error("events wait for the database", reason=str(error))
            except Exception as error:  # noqa: BLE001 - a boundary: a fault here must not end the process
                self._log.bug(error)
            await asyncio.sleep(AGAIN_S)

    async def _ask(self, work: Callable[[Engine], T]) -> T:
        """Do something with the database, in the thread for that."""
        result = await asyncio.get_running_loop().run_in_executor(self._executor, lambda: work(self._database.engine()))
        self._database_trouble = None
        return result

    def _now(self) -> int:
        return self._clock() // 1000

    # Keeping

    async def _keep(self) -> None:
        """Put down what arrives; drop what nobody has taken in time."""
        while True:
            while self._arrived:
                await self._put(self._arrived[0])
                self._arrived.popleft()
            await self._ask(lambda engine: expire_deliveries(engine, self._now() - self._micro(self._pace.give_up_s)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXPIRE_S):
                    await self._wake.wait()
            self._wake.clear()

    async def _put(self, event: Arrived) -> None:
        told = [one for one in self._served.values() if event.type in one.webhook.events and not one.is_gone]
        if told:
            names, once = [one.webhook.name for one in told], event.type in SHARED_EVENTS
            full = await self._ask(
                lambda engine: put_deliveries(
                    engine, event.id, names, event.body, now=self._now(), most=self._pace.most, once=once
                )
            )
            for name in full:
                self._log.error("too many events wait for a webhook; this one is dropped", webhook=name, id=event.id)
        self._kept(event.id)
        for one in told:
            one.wake.set()

    # Sending

    async def _serve(self, served: Served) -> None:
        """Send what is due to one webhook, again and again."""
        name = served.webhook.name
        while not served.is_gone:
            served.wake.clear()
            taken = await self._ask(partial(self._take_due, name))
            if taken.delivery is not None:
                await self._send(served, taken.delivery)
                continue
            wait_s = LOOK_S if taken.due_at is None else (taken.due_at - self._now()) / MICRO
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait_s, 0.001), LOOK_S)):
                    await served.wake.wait()
        await asyncio.get_running_loop().create_future()

    def _take_due(self, name: str, engine: Engine) -> Taken:
        now = self._now()
        return take_delivery(engine, name, now=now, until=now + self._micro(2 * self._pace.limit_s))

    async def _send(self, served: Served, delivery: Delivery) -> None:
        outcome = await post(
            self._dialler,
            served.webhook,
            delivery.id,
            delivery.body,
            timestamp=self._clock() // 1_000_000_000,
            limit_s=self._pace.limit_s,
        )
        if outcome.is_taken:
            await self._ask(lambda engine: end_delivery(engine, delivery))
            self._say_taken(served, delivery)
        elif outcome.status == GONE:
            await self._stop_for_good(served)
        else:
            await self._put_off(served, delivery, outcome)

    async def _put_off(self, served: Served, delivery: Delivery, outcome: Outcome) -> None:
        now = self._now()
        pause = self._micro(self._pace.pause_s(delivery.attempts + 1))
        if now + pause > delivery.created_at + self._micro(self._pace.give_up_s):
            await self._ask(lambda engine: end_delivery(engine, delivery))
            self._log.error("an event was never taken; it is dropped", webhook=served.webhook.name, id=delivery.id)
            return
        await self._ask(lambda engine: postpone_delivery(engine, delivery, now + pause))
        reason = outcome.reason or f"it answers {outcome.status}"
        facts = {"webhook": served.webhook.name, "id": delivery.id, "reason": reason, "again_s": pause / MICRO}
        say = self._log.debug if served.trouble == reason else self._log.warning
        say("a webhook doesn't take an event; it is sent again", **facts)
        served.trouble = reason

    async def _stop_for_good(self, served: Served) -> None:
        served.is_gone = True
        name = served.webhook.name
        dropped = await self._ask(lambda engine: drop_deliveries(engine, name))
        self._log.error("a webhook says that it is gone (410); it is told nothing more", webhook=name, dropped=dropped)

    def _say_taken(self, served: Served, delivery: Delivery) -> None:
        facts = {"webhook": served.webhook.name, "id": delivery.id}
        if served.trouble is None:
            self._log.debug("a webhook has taken an event", **facts)
            return
        served.trouble = None
        self._log.info("a webhook takes events again", **facts)

    @staticmethod
    def _micro(seconds: float) -> int:
        return round(seconds * MICRO)
