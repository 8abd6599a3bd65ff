"""The ledger in Redis, for workers of several instances: what they ask in one turn is one call.

Rule 1: what isn't known isn't granted. A call that failed may have been run: what it granted is lost, what it was told
of spending is told again, and how many permits somebody has is said anew.
Rule 2: permits are those of holders that are heard of: every BEAT_NS each instance says what its workers have.
Rule 3: nobody waits for a server that is known to be away: it is tried again in the background.
"""

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, final

import orjson

from exeat.state.asked_back import AskedBack
from exeat.state.ledger import (
    PERMITS,
    Answers,
    Charge,
    Crossing,
    Give,
    Hold,
    Learnt,
    Ledger,
    Pause,
    Question,
    Recall,
    Rest,
    Take,
)
from exeat.state.redis_address import RedisAddress
from exeat.state.redis_line import AwayError, RedisLine
from exeat.state.redis_script import (
    CHANNEL,
    PAUSES,
    REGISTER,
    Batch,
    Entry,
    Register,
    answer_of,
    crossings_of,
    key_of,
    kind_of,
    parse,
    register_of,
    render,
    row_of,
    row_of_instance,
)
from exeat.telemetry.logs import Log

BEAT_NS: Final = 2_000_000_000
PAUSE_FIRST_S: Final = 0.05
PAUSE_LAST_S: Final = 1.0
CALLS_AT_ONCE: Final = 16  # to a cluster, each on a connection of its own
GONE: Final = (
    "Redis can't be reached: rates and concurrency are counted by each worker alone, quotas and budgets refuse"
)
NAMES_LIMIT: Final = 50_000  # that others may ask to have something back of


@final
class RedisLedger(Ledger):
    """The ledger of one instance's workers. `wake` is called when it has something to do or to tell by itself."""

    poll_ns = 20_000_000  # what others give back is told by a channel, which may be away

    def __init__(self, line: RedisLine, log: Log, wake: Callable[[], None]) -> None:
        self.instance: Final = secrets.token_hex(8)
        self.instances = 1
        self.calls = 0
        self.now = 0  # by the clock of Redis, in the last call
        self._line = line
        self._log = log
        self._wake = wake
        self._began: tuple[int, int] | None = None
        self._away: dict[str, str] = {}  # servers that don't answer, with one of their keys
        self._said = ""
        self._held: defaultdict[int, dict[str, int]] = defaultdict(dict)  # permits by holder and name
        self._to_say: dict[tuple[int, str], None] = {}  # of which permits it has to be said how many there are
        self._owed: dict[str, Charge] = {}
        self._names: dict[str, tuple[str, str]] = {}  # by key, what holders have asked for
        self._recalls: list[Recall] = []
        self._asked_back = AskedBack()
        self._more: list[str] = []
        self._heard: list[Learnt] = []
        self._was_asked = False
        self._crossings: list[Crossing] = []
        self._unreadable: set[str] = set()
        self._beat_at = 0
        self._has_to_beat = False
        self._trying = asyncio.Event()
        self._is_closed = False  # the library may swallow that a task is cancelled
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; Redis needn't be there."""
        loop = asyncio.get_running_loop()
        try:
            await self._line.probe(REGISTER)
        except AwayError as error:
            self._lose(REGISTER, error)
        self._has_to_beat = True
        self._tasks = [loop.create_task(self._try_again()), loop.create_task(self._listen())]
        self._wake()

    # Ledger

    async def answer(self, asked: list[tuple[int, list[Question]]], now: int, wall: int) -> list[Answers]:
        """Answer what holders ask: one call of Redis, or of a cluster one for each slot."""
        batches: defaultdict[int, Batch] = defaultdict(Batch)
        self._add_own(batches, wall)
        answered: list[Answers] = []
        for number, (holder, questions) in enumerate(asked):
            answers: Answers = []
            for question in questions:
                place = None
                if isinstance(question, Take):
                    place = (number, len(answers))
                    answers.append(None)
                self._note(holder, question)
                self._add(batches, Entry(holder, question, place), wall)
            answered.append(answers)
        if len(batches) == 1:
            await self._call(next(iter(batches.values())), answered, now, wall)
        elif batches:
            await self._call_all(batches.values(), answered, now, wall)
        return answered

    def recalls(self) -> list[Recall]:
        """Who has to be told that others need what lies idle."""
        recalls, self._recalls = self._recalls, []
        return recalls

    def more(self) -> list[str]:
        """Of what other instances have given something back."""
        more, self._more = self._more, []
        return more

    def give_up(self, name: str, now: int) -> None:
        """Wait no longer for those who haven't answered: an instance that has died is forgotten by Redis later."""
        self._asked_back.give_up(name, now)

    def crossings(self) -> list[Crossing]:
        """Which windows have passed a mark with what was asked here."""
        crossings, self._crossings = self._crossings, []
        return crossings

    async def share(self, words: list[Learnt]) -> None:
        """Tell other instances what was learnt of upstreams; who doesn't hear it learns it by itself."""
        pauses = [tuple(word) for word in words if isinstance(word, Pause)]
        await self._publish(pauses=pauses, rests=[tuple(word) for word in words if isinstance(word, Rest)])

    async def _publish(self, **said: object) -> None:
        with contextlib.suppress(AwayError):
            await self._line.publish(PAUSES, orjson.dumps({"by": self.instance, "pauses": [], **said}))

    def heard(self) -> list[Learnt]:
        """What other instances have told."""
        heard, self._heard = self._heard, []
        return heard

    def was_asked(self) -> bool:
        """Whether another instance has begun."""
        was_asked, self._was_asked = self._was_asked, False
        return was_asked

    def leave(self, holder: int) -> None:
        """A holder is gone: its permits are free."""
        names = self._held.pop(holder, {})
        self._to_say.update(((holder, name), None) for name in names)
        if names:
            self._wake()

    def tend(self, now: int, wall: int) -> None:
        """Let others know that this instance, and its workers' permits, are there."""
        if now - self._beat_at >= BEAT_NS:
            self._beat_at = now
            self._has_to_beat = True
            self._wake()

    def close(self) -> None:
        """End the connections."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()

    # Questions

    def _add(self, batches: defaultdict[int, Batch], entry: Entry, wall: int) -> None:
        question = entry.question
        assert question is not None  # noqa: S101 - the register's alone has none
        key = key_of(question.name, kind_of(question))
        row = row_of(f"{self.instance}:{entry.holder}", question, wall)
        batches[self._line.slot_of(key)].add(key, row, entry)

    def _add_own(self, batches: defaultdict[int, Batch], wall: int) -> None:
        """What this instance has to say by itself."""
        if self._has_to_beat:
            self._has_to_beat = False
            self._say_permits()
            batch = batches[self._line.slot_of(REGISTER)]
            batch.add(REGISTER, row_of_instance(self.instance), Entry(0, None, None))
        owed, self._owed = self._owed, {}
        for charge in owed.values():
            self._add(batches, Entry(0, charge, None), wall)
        to_say, self._to_say = self._to_say, {}
        for holder, name in to_say:
            count = self._held.get(holder, {}).get(name, 0)
            self._add(batches, Entry(holder, Hold(name, count), None), wall)

    def _say_permits(self) -> None:
        for holder, names in self._held.items():
            self._to_say.update(((holder, name), None) for name in names)

    def _note(self, holder: int, question: Question) -> None:
        """Keep in mind how many permits a holder has."""
        if isinstance(question, Hold):
            self._held[holder][question.name] = question.amount
        elif isinstance(question, Give) and question.kind == PERMITS:
            names = self._held[holder]
            names[question.name] = max(0, names.get(question.name, 0) - question.amount)
            if not names[question.name]:
                del names[question.name]

    # Calls

    async def _call_all(self, batches: Iterable[Batch], answered: list[Answers], now: int, wall: int) -> None:
        slots = asyncio.Semaphore(CALLS_AT_ONCE)

        async def call(batch: Batch) -> None:
            async with slots:
                await self._call(batch, answered, now, wall)

        async with asyncio.TaskGroup() as tasks:
            for batch in batches:
                tasks.create_task(call(batch))

    async def _call(self, batch: Batch, answered: list[Answers], now: int, wall: int) -> None:
        key = next(iter(batch.keys))
        if self._line.node_of(key) in self._away:
            self._keep(batch)
            return
        self.calls += 1
        try:
            replies = parse(await self._line.run(list(batch.keys), render(batch.rows)))
        except AwayError as error:
            self._lose(key, error)
            self._keep(batch)
            return
        self.now = replies.now
        keys = list(batch.keys)
        for row, entry, reply in zip(batch.rows, batch.entries, replies.each, strict=True):
            if reply is not None and entry.question is not None:
                self._crossings += crossings_of(entry.question, reply)
            if reply is None:
                self._say_unreadable(keys[row[1] - 1])
            elif entry.question is None:
                self._hear_of_instances(register_of(reply))
            elif isinstance(entry.question, Take) and entry.place is not None:
                number, place = entry.place
                answered[number][place] = self._take_in(entry.holder, entry.question, reply, now, wall)

    def _take_in(self, holder: int, take: Take, reply: list[Any], now: int, wall: int) -> Any:
        answer, others = answer_of(take, reply, wall)
        if take.kind == PERMITS and answer.granted:
            names = self._held[holder]
            names[take.name] = names.get(take.name, 0) + answer.granted
        self._remember(take)
        for other in others:
            instance, number, serial = other.split(":")
            if instance == self.instance:
                self._recalls.append(Recall(int(number), take.name, take.kind, int(serial)))
        return answer._replace(held=self._asked_back.note(take.name, others, now))

    def _remember(self, take: Take) -> None:
        key = key_of(take.name, take.kind)
        self._names.pop(key, None)
        self._names[key] = (take.name, take.kind)
        if len(self._names) > NAMES_LIMIT:
            del self._names[next(iter(self._names))]

    def _keep(self, batch: Batch) -> None:
        """Keep what has to be said again, because nobody knows whether it was heard."""
        for entry in batch.entries:
            question = entry.question
            if question is None:
                self._has_to_beat = True
            elif isinstance(question, Charge):
                before = self._owed.get(question.name)
                amount = question.amount if before is None else before.amount + question.amount
                self._owed[question.name] = question._replace(amount=amount)
            elif kind_of(question) == PERMITS:
                self._to_say[entry.holder, question.name] = None

    def _hear_of_instances(self, register: Register) -> None:
        self.instances = register.instances
        if self._began is not None and register.began != self._began:
            self._log.warning("Redis has lost what it held: quotas and budgets are counted from zero")
            self._say_permits()
            self._wake()
        self._began = register.began

    def _say_unreadable(self, key: str) -> None:
        if key not in self._unreadable:
            self._unreadable.add(key)
            self._log.error("a limit can't be counted: what Redis has for it isn't from Exeat; remove it", key=key)

    # Servers that are away

    def _lose(self, key: str, error: AwayError) -> None:
        """Don't ask a server again until it is there; say so once."""
        self._away.setdefault(self._line.node_of(key), key)
        self.is_reachable = False
        self._trying.set()
        if not self._said:
            self._log.warning(GONE, reason=str(error))
            self._said = str(error)

    async def _try_again(self) -> None:
        """Try the servers that are away, until they are there; at the end, end the connections."""
        pause_s = PAUSE_FIRST_S
        try:
            while not self._is_closed:
                await self._trying.wait()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_LAST_S)
                for node, key in list(self._away.items()):
                    try:
                        await self._line.probe(key)
                    except AwayError:
                        continue
                    del self._away[node]
                self.is_reachable = not self._away
                if self.is_reachable:
                    pause_s = PAUSE_FIRST_S
                    self._trying.clear()
                    self._return()
        finally:
            while not (await asyncio.wait(self._tasks[1:], timeout=PAUSE_FIRST_S))[0]:
                self._tasks[1].cancel()  # again, until it ends: what it connects to after this would be left open
            await self._line.close()

    def _return(self) -> None:
        self._said = ""
        self._log.info("Redis is reached again")
        self._has_to_beat = True
        self._wake()

    # What others say

    async def _listen(self) -> None:
        """Hear of those who need what lies idle here, and of what other instances have learnt of upstreams."""
        while not self._is_closed:
            try:
                await self._hear_all()
            except AwayError:
                await asyncio.sleep(PAUSE_LAST_S)

    async def _hear_all(self) -> None:
        async with contextlib.aclosing(self._line.listen(f"{CHANNEL}{self.instance}", PAUSES)) as texts:
            async for text in texts:
                if text:
                    self._hear(text)
                else:
                    await self._publish(asks=True)  # which endpoints rest: it may have been said before
                if self._is_closed:
                    return

    def _hear(self, text: bytes) -> None:
        said = orjson.loads(text)
        if isinstance(said, dict):
            if said["by"] != self.instance:
                self._heard += [Pause(*pause) for pause in said["pauses"]]
                self._heard += [Rest(*rest) for rest in said.get("rests", ())]
                self._was_asked |= said.get("asks", False)
                self._wake()
            return
        for key, holder, serial in said:
            if key not in self._names:
                continue
            name, kind = self._names[key]
            instance, _, number = holder.partition(":")
            if not holder:
                self._more.append(name)
            elif instance == self.instance and number.isdigit():
                self._recalls.append(Recall(int(number), name, kind, serial))
        self._wake()


async def open_redis_ledger(
    address: RedisAddress, log: Log, wake: Callable[[], None], ca_file: str | None, ca_folder: str | None
) -> RedisLedger:
    """The ledger in the Redis at an address, whether that is there or not."""
    ledger = RedisLedger(RedisLine(address, ca_file, ca_folder), log, wake)
    await ledger.start()
    return ledger
