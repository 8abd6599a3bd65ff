"""The workers: kept running, replaced without a pause, told what they serve by, watched, and ended politely.

Rule 1: a worker that dies is started again, at once the first time; the others go on.
Rule 2: a worker is replaced only by one that serves already, from the same queues; where none can, it stays.
Rule 3: a worker that takes too much memory with nothing to do is replaced, too.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

import orjson

from exeat.cli.channel import Kind, Start
from exeat.cli.child import keep_running
from exeat.cli.listeners import Listeners
from exeat.cli.measures import Measures
from exeat.cli.reports import Reports
from exeat.cli.token_relay import TokenRelay
from exeat.cli.watchdog import Watchdog
from exeat.cli.worker_process import WorkerProcess
from exeat.config.settings import Settings
from exeat.telemetry.logs import Log
from exeat.telemetry.metrics import WORKER_DEATHS, WORKER_STARTS

START_S = 30.0  # a worker that doesn't serve by then won't
KILL_AFTER_S = 1.0
SWOLLEN_REPORTS = 5  # so often in a row a worker with nothing to do has to take too much memory
SWOLLEN_AGAIN_S = 60.0  # a successor that takes as much from its start isn't replaced again and again


class Place:
    """The place of one worker: who serves there, who leaves it, and the lock of whoever changes that."""

    def __init__(self, number: int, workers: int) -> None:
        self.number = number
        # A worker and its successor write at the same time, so each place has two journals.
        self.writers = (f"worker-{number}", f"worker-{number + workers}")
        self.writer = self.writers[0]
        self.current: WorkerProcess | None = None
        self.leaving: WorkerProcess | None = None
        self.changing = asyncio.Lock()
        self.has_served = False
        self.swollen = 0  # reports in a row that say so
        self.replaced_at = float("-inf")

    def other_writer(self) -> str:
        """The journal that the one who serves doesn't write."""
        return self.writers[1] if self.writer == self.writers[0] else self.writers[0]


class Workers:
    """All workers of one gateway. `in_force` is set while all serve by what was handed over last.

    `start` gives what a worker is told, for its number, its journal and the descriptor of its last words. `reported`
    is told how they are, `ready` when all of them serve for the first time, `applied` whenever all serve by what was
    handed over last, `failed` when one can't even start, `orphaned` of a journal that was left in the middle; `told`
    of what the process of an id says of endpoints, `gone` when it is no more. `tokens` is what is known of tokens,
    `measures` takes what is counted, `spans` what spans are made of.
    """

    def __init__(
        self,
        settings: Settings,
        listeners: Listeners,
        log: Log,
        *,
        start: Callable[[int, str, int], Start],
        memory_bytes: int | None,
        reported: Callable[[list[dict[str, object]]], None],
        ready: Callable[[], None],
        applied: Callable[[], None],
        failed: Callable[[], None],
        orphaned: Callable[[str], None],
        told: Callable[[int, bytes], None],
        gone: Callable[[int], None],
        tokens: TokenRelay,
        measures: Measures,
        spans: Callable[[bytes], None],
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._log = log
        self._start_of = start
        self._memory_bytes = memory_bytes
        self._reported = reported
        self._ready = ready
        self._applied = applied
        self._failed = failed
        self._orphaned = orphaned
        self._told = told
        self._gone = gone
        self._tokens = tokens
        self._measures = measures
        self._spans = spans
        self._places = [Place(number + 1, settings.workers) for number in range(settings.workers)]
        self._processes: dict[WorkerProcess, asyncio.Task[None]] = {}
        self._not_applied: set[WorkerProcess] = set()
        self.in_force = asyncio.Event()
        self.in_force.set()
        self._revision = ""
        self._reports = Reports()
        self._watchdog = Watchdog(settings.stuck_s, log)
        self._replacing = asyncio.Lock()
        self._ending = asyncio.Event()
        self._leaves = False
        self._tasks: set[asyncio.Task[object]] = set()  # held, so that they aren't collected

    # Life

    async def run(self) -> None:
        """Keep one worker in each place, until `drain` and the end of the last one."""
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watchdog.watch(lambda: self._processes))
            async with asyncio.TaskGroup() as keeping:
                for place in self._places:
                    live, died = partial(self._live, place), partial(self._died, place)
                    keeping.create_task(keep_running(live, self._ending, died))
            while self._processes:
                await asyncio.wait(list(self._processes.values()))
            watching.cancel()

    @property
    def count(self) -> int:
        """How many there are to be."""
        return len(self._places)

    @property
    def writers(self) -> set[str]:
        """The journals that a worker writes, or will."""
        return {place.writer for place in self._places} | {process.writer for process in self._processes}

    @property
    def are_gone(self) -> bool:
        """Whether none runs."""
        return not self._processes

    def leave(self) -> None:
        """Have every worker say that it isn't ready any more, while it serves on."""
        self._leaves = True
        self.send(Kind.LEAVE)

    def drain(self) -> None:
        """Have every worker finish what it has begun and end, and start no more."""
        self._ending.set()
        self.send(Kind.DRAIN)

    def kill(self) -> None:
        """End all at once."""
        for process in list(self._processes):
            self._log.warning("worker is ended by force", worker=process.number)
            process.kill()

    async def _live(self, place: Place) -> str:
        """From the start of a worker to the end of the last one that took its place; the reason of that."""
        reason = await self._serve(place)
        if not place.has_served and not self._ending.is_set():  # neither would its successor
            self._log.error("worker can't start", worker=place.number, reason=reason)
            self._failed()
        return reason

    async def _serve(self, place: Place) -> str:
        async with place.changing:  # a successor may be on its way already
            if place.current is None:
                try:
                    place.current = await self._start(place, place.writer)
                except OSError as error:
                    return f"no process: {error.strerror}"
        process = place.current
        while not process.is_gone or place.current is not process:
            process = place.current
            await process.released.wait()
        place.current = None
        return process.reason

    def _died(self, place: Place, reason: str, after_s: float) -> None:
        self._measures.count(WORKER_DEATHS)
        self._log.error("worker died; it is started again", worker=place.number, reason=reason, after_s=after_s)

    async def _start(self, place: Place, writer: str) -> WorkerProcess:
        """Start a process for a place; OSError if there can't be one."""
        process = await WorkerProcess.start(
            partial(self._start_of, place.number, writer),
            self._listeners.descriptors(place.number - 1),
            self._settings.process,
        )
        place.writer = writer
        self._measures.count(WORKER_STARTS)
        self._processes[process] = asyncio.get_running_loop().create_task(self._follow(place, process))
        process.send(Kind.TOKENS, self._tokens.known())
        if self._leaves:
            process.send(Kind.LEAVE)
        if self._ending.is_set():
            process.send(Kind.DRAIN)
        return process

    async def _follow(self, place: Place, process: WorkerProcess) -> None:
        """Listen to a process until its end."""
        try:
            async for kind, payload in process.messages():
                self._hear(place, process, kind, payload)
            await process.ended()
        finally:
            del self._processes[process]
            if trace := process.trace():
                self._log.error("where the worker was", worker=process.number, pid=process.pid, at=trace)
            self._reported(self._reports.forget(process.number, process.pid))
            self._measures.forget(process.pid)
            if not self._ending.is_set():
                self._gone(process.pid)
            if place.leaving is process:
                place.leaving = None
                self._note_end(process)
            process.close()
            self._note_applied(process)

    def _note_end(self, process: WorkerProcess) -> None:
        """Note the end of a worker that another has replaced; what it left in the middle has nobody to end it."""
        if process.reason == "exit code 0":
            self._log.debug("worker is gone", worker=process.number, pid=process.pid)
            return
        self._log.warning(
            "worker that was replaced died", worker=process.number, pid=process.pid, reason=process.reason
        )
        self._orphaned(process.writer)

    def _hear(self, place: Place, process: WorkerProcess, kind: Kind, payload: bytes) -> None:
        match kind:
            case Kind.READY:
                self._log.debug("worker is ready", worker=process.number, pid=process.pid)
                process.ready()
                self._begun(place)
            case Kind.APPLIED:
                if payload.decode() == self._revision:
                    self._note_applied(process)
            case Kind.REPORT:
                self._take_report(place, process, payload)
            case Kind.EVENT:
                self._told(process.pid, payload)
            case Kind.METRICS:
                self._measures.hear(payload)
            case Kind.SPANS:
                self._spans(payload)
            case Kind.TOKEN_WANTED:
                self._tokens.want(payload)
            case Kind.FAILED:
                process.failure = payload.decode()
                self._log.error("worker failed", worker=process.number, reason=process.failure)
            case _:
                self._log.error("unexpected message", kind=kind.name)

    def _begun(self, place: Place) -> None:
        """Note that somebody serves in a place; when that is so everywhere, the gateway does."""
        if not place.has_served:
            place.has_served = True
            if all(each.has_served for each in self._places) and not self._ending.is_set():
                self._ready()

    # What they serve by

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Tell every process something, those that leave too: they may have a call to serve yet."""
        for process in self._processes:
            process.send(kind, payload)

    def hand_over(self, kind: Kind, payload: bytes, revision: str) -> None:
        """Have every worker serve by another snapshot, which has this revision."""
        self._revision = revision
        leaving = {place.leaving for place in self._places}
        self._not_applied = {process for process in self._processes if process not in leaving}
        if self._not_applied:
            self.in_force.clear()
        self.send(kind, payload)

    def _note_applied(self, process: WorkerProcess) -> None:
        """Note that a worker serves by the newest snapshot, or is gone; its successor begins with it."""
        if process in self._not_applied:
            self._not_applied.discard(process)
            if not self._not_applied:
                self.in_force.set()
                self._applied()

    # Replacing them

    async def replace(self) -> str | None:
        """Put a new process into every place, one by one; why one couldn't be, and those after it weren't."""
        async with self._replacing:
            for place in self._places:
                problem = await self._replace(place)
                if problem is not None:
                    return problem
        return None

    async def _replace_alone(self, place: Place) -> None:
        async with self._replacing:
            await self._replace(place)

    async def _replace(self, place: Place) -> str | None:
        """Put a new process into a place: it serves before the old one is told to leave."""
        if place.leaving is not None:
            await place.leaving.gone.wait()  # never more than two in a place
        async with place.changing:
            if self._ending.is_set():
                return "the gateway is about to stop"
            old, writer = place.current, place.writer
            try:
                new = await self._start(place, place.other_writer())
            except OSError as error:
                return self._cannot_replace(place, writer, f"no process: {error.strerror}")
            if not await self._serves(new):
                return self._cannot_replace(place, writer, new.failure or new.reason or "it doesn't get ready")
            place.current = new
            place.swollen = 0
        self._log.info("worker is replaced", worker=place.number, pid=new.pid)
        if old is not None and not old.is_gone:
            place.leaving = old
            old.send(Kind.DRAIN)
            self._note_applied(old)
            asyncio.get_running_loop().call_later(self.longest_drain_s + KILL_AFTER_S, self._kill_late, old)
            old.released.set()
        return None

    @property
    def longest_drain_s(self) -> float:
        """How long a worker may take to end, once it was told to."""
        return max(self._settings.drain_s, self._settings.streams_s)

    async def _serves(self, process: WorkerProcess) -> bool:
        """Whether a new process gets so far; one that doesn't is ended."""
        try:
            async with asyncio.timeout(START_S):
                await process.settled.wait()
        except TimeoutError:
            process.kill()
            return False
        return process.is_ready and not process.is_gone

    def _cannot_replace(self, place: Place, writer: str, reason: str) -> str:
        place.writer = writer
        self._log.error("worker can't be replaced; the one before stays", worker=place.number, reason=reason)
        return f"worker {place.number} can't be replaced, so the one before stays: {reason}"

    def _kill_late(self, process: WorkerProcess) -> None:
        if not process.is_gone:
            self._log.warning("worker is ended by force", worker=process.number, pid=process.pid)
            process.kill()

    # How they are

    def _take_report(self, place: Place, process: WorkerProcess, payload: bytes) -> None:
        """Note how a worker is: it says so every second, whether or not anything is different."""
        report = orjson.loads(payload)
        self._judge_memory(place, process, report.pop("memory_bytes"), idle=not report["in_flight"])
        if report != process.report:
            process.report = report
            self._reported(self._reports.note(process.number, process.pid, report))

    def _judge_memory(self, place: Place, process: WorkerProcess, used: int | None, *, idle: bool) -> None:
        """Replace a worker that takes too much memory with nothing to do: it won't give it back."""
        limit = self._memory_bytes
        if limit is None or used is None or process is not place.current or used <= limit or not idle:
            place.swollen = 0 if process is place.current else place.swollen
            return
        place.swollen += 1
        now = asyncio.get_running_loop().time()
        if place.swollen >= SWOLLEN_REPORTS and now - place.replaced_at > SWOLLEN_AGAIN_S:
            place.replaced_at = now
            self._log.warning(
                "worker takes more memory than it may with nothing to do; it is replaced",
                worker=place.number,
                memory_bytes=used,
                limit_bytes=limit,
            )
            self._do(self._replace_alone(place))

    def _do(self, work: Coroutine[object, object, object]) -> None:
        """Do something beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
