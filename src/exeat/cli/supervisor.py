"""The supervisor: keeps the workers running, hands them what they serve by, reloads, and ends them politely.

Rule 1: a change that is wrong in any part changes nothing; why it is wrong is logged.
Rule 2: a worker that dies is started again, at once the first time; the others go on.
Rule 3: SIGTERM and SIGINT drain; a second one ends everything at once. SIGHUP reloads.
"""

import asyncio
import pickle
import secrets
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from exeat import __version__
from exeat.cli.certificate import Certificate, CertificateError
from exeat.cli.changes import describe_changes
from exeat.cli.channel import Kind, Start
from exeat.cli.child import Child
from exeat.cli.configuration import Configuration
from exeat.cli.control_child import ControlChild
from exeat.cli.counters_child import CountersChild
from exeat.cli.data_folder import DataFolder
from exeat.cli.events import Events
from exeat.cli.listeners import Listeners
from exeat.cli.open_files import OWN, allow_open_files, connections_within
from exeat.cli.reports import Reports
from exeat.config.compile import Loaded
from exeat.config.handover import dumps, render_changes
from exeat.config.problem import ConfigError, Problem
from exeat.config.settings import Settings
from exeat.config.watch import Watch
from exeat.model.key_changes import KeyChanges
from exeat.model.limits import Limits
from exeat.model.stored import Stored
from exeat.state.shared import needs_counters
from exeat.telemetry.logs import Log

WATCH_S = 0.25
SHORT_LIFE_S = 5.0
PAUSE_FIRST_S = 0.1
PAUSE_LAST_S = 5.0
KILL_AFTER_S = 1.0


class Supervisor:
    """One gateway: a set of workers on the same listeners, serving by the same snapshot."""

    def __init__(
        self,
        settings: Settings,
        loaded: Loaded,
        listeners: Listeners,
        certificate: Certificate | None,
        data: DataFolder,
        configuration: Configuration,
        control: ControlChild,
        *,
        watch: Watch,
        log: Log,
        as_json: bool,
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._loaded = loaded
        self._payload: bytes | None = None
        self._listeners = listeners
        self._certificate = certificate
        self._data = data
        self._watch = watch
        self._log = log
        self._as_json = as_json
        self._ready = ready
        self._own = (*listeners.own, *control.addresses)
        self._configuration = configuration
        self._limits = self._limits_of(settings)
        self._pseudonym = b"exeat-" + secrets.token_hex(6).encode()
        self._control = control
        self._counters = CountersChild(
            settings,
            data.path,
            log,
            as_json=as_json,
            pause=pause_before_restart,
            crossed=Events(control, data.instance, lambda: self._loaded.snapshot, log).hear,
        )
        self._seen = configuration.stored
        self._children: dict[int, Child] = {}
        self._not_ready = set(range(settings.workers))
        self._not_applied: set[int] = set()
        self._reports = Reports()
        self._reload_asked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._killed = False
        self._failed = False

    def _limits_of(self, settings: Settings) -> Limits:
        files = allow_open_files()
        limits = settings.limits(connections_within(files))
        if limits.connections > files - OWN:
            self._log.warning(
                "EXEAT_MAX_CONNECTIONS is more than the files that a process may open here (ulimit -n)",
                connections=limits.connections,
                files=files,
            )
        return limits

    async def run(self) -> int:
        """Serve until a signal says stop; the exit code: 0 if everything ended by itself, else 1."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)
        await self._follow_limits()
        async with asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(self._keep(number)) for number in range(self._settings.workers)]
            watching = tasks.create_task(self._follow_changes())
            self._control.follow(self._loaded, self._own)
            self._control.tell(started_at=datetime.now(UTC).timestamp())
            self._tell()
            self._configuration.keep()
            self._control.record("supervisor", "start", f"instance/{self._data.instance}", None, self._facts())
            await self._stopping.wait()
            watching.cancel()
            killing = loop.call_later(self._settings.drain_s + KILL_AFTER_S, self._kill)
            await asyncio.wait(workers)
            killing.cancel()
            await self._counters.end()
            self._control.record("supervisor", "stop", f"instance/{self._data.instance}")
            await self._control.end()
            await self._configuration.finish()
        self._log.info("stopped")
        return 1 if self._killed or self._failed else 0

    def stop(self) -> None:
        """Drain; the second time, end at once."""
        if self._stopping.is_set():
            self._kill()
            return
        self._stopping.set()
        self._listeners.close()
        for child in self._children.values():
            child.send(Kind.DRAIN)
        self._log.info("draining", limit_s=self._settings.drain_s)

    def _kill(self) -> None:
        self._killed = True
        for number, child in self._children.items():
            self._log.warning("worker is ended by force", worker=number + 1)
            child.kill()
        if not self._children:
            self._counters.kill()
            self._control.kill()

    def _facts(self) -> dict[str, object]:
        """What this gateway is, for the record of its start."""
        return {"version": __version__, "revision": self._loaded.snapshot.revision, "workers": self._settings.workers}

    # Workers

    async def _keep(self, number: int) -> None:
        """Keep one worker running until the gateway stops."""
        loop = asyncio.get_running_loop()
        quick_deaths = 0
        while not self._stopping.is_set():
            began = loop.time()
            reason = await self._live(number)
            if self._stopping.is_set():
                return
            if number in self._not_ready:  # it never served: neither would its successor
                self._log.error("worker can't start", worker=number + 1, reason=reason)
                self._failed = True
                self.stop()
                return
            pause_s = pause_before_restart(quick_deaths)
            quick_deaths = quick_deaths + 1 if loop.time() - began < SHORT_LIFE_S else 0
            self._log.error("worker died; it is started again", worker=number + 1, reason=reason, after_s=pause_s)
            await self._sleep(pause_s)

    async def _live(self, number: int) -> str:
        """The life of one worker process, from its start to the reason of its end."""
        try:
            child = await Child.start("exeat.cli.worker", self._listeners.descriptors(number), self._settings.process)
        except OSError as error:
            return f"no process: {error.strerror}"
        self._children[number] = child
        try:
            child.send(Kind.START, pickle.dumps(self._start_of(number)))
            if self._stopping.is_set():
                child.send(Kind.DRAIN)
            async for kind, payload in child.messages():
                self._hear(number, child, kind, payload)
            return await child.exit_reason()
        finally:
            del self._children[number]
            self._control.tell(workers=self._reports.forget(number + 1))
            self._applied(number)

    def _start_of(self, number: int) -> Start:
        settings = self._settings
        journal, chain = self._data.journal(f"worker-{number + 1}")
        return Start(
            number=number + 1,
            listeners=self._listeners.descriptors(number),
            identity=self._certificate.identity if self._certificate is not None else None,
            own=self._own,
            trusted=settings.trusted_proxies,
            journal=str(journal),
            chain=chain,
            data_dir=str(self._data.path),
            keyring=None if settings.keyring is None else settings.keyring.reveal(),
            pseudonym=self._pseudonym,
            drain_s=settings.drain_s,
            limits=self._limits,
            workers=settings.workers,
            has_redis=settings.redis_url is not None,
            counters=self._counters.socket,
            log_level=settings.log_level,
            log_json=self._as_json,
            ca_file=None if settings.ssl_cert_file is None else str(settings.directory / settings.ssl_cert_file),
            ca_folder=None if settings.ssl_cert_dir is None else str(settings.directory / settings.ssl_cert_dir),
            snapshot=self._snapshot(),
        )

    def _hear(self, number: int, child: Child, kind: Kind, payload: bytes) -> None:
        match kind:
            case Kind.READY:
                self._log.debug("worker is ready", worker=number + 1, pid=child.pid)
                self._begun(number)
            case Kind.APPLIED:
                if payload.decode() == self._loaded.snapshot.revision:
                    self._applied(number)
            case Kind.REPORT:
                self._control.tell(workers=self._reports.note(number + 1, child.pid, payload))
            case Kind.FAILED:
                self._log.error("worker failed", worker=number + 1, reason=payload.decode())
            case _:
                self._log.error("unexpected message", kind=kind.name)

    def _begun(self, number: int) -> None:
        """Note that a worker serves; when the last one does, the gateway does."""
        if number in self._not_ready:
            self._not_ready.discard(number)
            if not self._not_ready and not self._stopping.is_set():
                self._tell_in_force()
                self._ready()

    # Reload

    async def _follow_changes(self) -> None:
        """Reload when asked, when the database has changed, or when a file has."""
        while True:
            await self._wait_for_change()
            asked = self._reload_asked.is_set()
            self._reload_asked.clear()
            try:
                await self._look(asked=asked)
            except Exception as error:  # noqa: BLE001 - a boundary: a fault in a reload must not end what runs
                self._log.bug(error)

    async def _wait_for_change(self) -> None:
        """Until somebody asks, the database's part is heard of, or it is time to look at the files again."""
        asked = asyncio.ensure_future(self._reload_asked.wait())
        heard = asyncio.ensure_future(self._control.heard.wait())
        await asyncio.wait([asked, heard], timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        heard.cancel()
        self._control.heard.clear()

    async def _look(self, *, asked: bool) -> None:
        now = asyncio.get_running_loop().time()
        if self._certificate is not None and (self._certificate.changed(now) or asked):
            self._take_certificate(self._certificate)
        stored = self._control.stored or self._configuration.stored
        by_hand = self._watch.changed() or asked
        if by_hand or stored != self._seen:
            self._seen = stored
            await self._reload(stored, by_hand=by_hand)

    def _take_certificate(self, certificate: Certificate) -> None:
        try:
            if not certificate.read_again():
                return
        except CertificateError as error:
            self._log.error("the certificate can't be used; the one before stays", reason=str(error))
            return
        self._log.info("certificate changed", file=str(certificate.file))
        for child in self._children.values():
            child.send(Kind.CERTIFICATE, pickle.dumps(certificate.identity))
        self._control.show(certificate.identity)

    async def _reload(self, stored: Stored, *, by_hand: bool) -> None:
        present = None if by_hand else self._loaded  # what stands in files is looked at then
        try:
            loaded, changes = await asyncio.to_thread(self._configuration.load, stored, present)
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("problem in the document", problem=str(problem))
            revision = self._loaded.snapshot.revision
            self._log.error("reload refused; nothing changed", problems=len(error.problems), revision=revision)
            self._tell(error.problems)
            return
        before, self._loaded = self._loaded, loaded
        self._tell()
        if changes is None:
            self._watch.follow(loaded.watched)
            for warning in loaded.warnings:
                self._log.warning("in the document", warning=str(warning))
        if loaded.snapshot.revision == before.snapshot.revision:
            say = self._log.info if by_hand else self._log.debug  # a change of administrators is no news here
            say("reloaded; nothing is different", revision=loaded.snapshot.revision)
            self._configuration.keep()  # what is sealed may be sealed under another key
            self._tell_in_force()
            return
        await self._follow_limits()
        self._hand_over(changes)
        self._note_reload(before, loaded)
        self._configuration.keep()

    async def _follow_limits(self) -> None:
        """Have limits counted for all workers together, where they are."""
        settings = self._settings
        needed = needs_counters(self._loaded.snapshot, settings.workers, has_redis=settings.redis_url is not None)
        await self._counters.follow(needed=needed)

    def _hand_over(self, changes: KeyChanges | None) -> None:
        """Have every worker serve by the newest snapshot; of changes of keys alone they make it themselves."""
        self._payload = None
        kind, payload = (Kind.SNAPSHOT, self._snapshot()) if changes is None else (Kind.KEYS, render_changes(changes))
        self._not_applied = set(self._children)
        for child in self._children.values():
            child.send(kind, payload)

    def _snapshot(self) -> bytes:
        """The newest snapshot for a worker."""
        if self._payload is None:
            self._payload = dumps(self._loaded.snapshot)
        return self._payload

    def _note_reload(self, before: Loaded, loaded: Loaded) -> None:
        """Record and log what is different."""
        changes = describe_changes(before, loaded)
        self._control.follow(loaded, self._own)
        self._control.record(
            "document",
            "apply",
            "configuration",
            {"revision": before.snapshot.revision},
            {"revision": loaded.snapshot.revision, "changes": changes},
        )
        self._log.info("reloaded", revision=loaded.snapshot.revision, changes=changes)

    def _tell(self, problems: Iterable[Problem] = ()) -> None:
        """Have the control process know what counts, and why what is written elsewhere doesn't."""
        self._control.tell(
            snapshot=self._loaded.snapshot.revision,
            revision=self._configuration.stored.revision,
            problems=[str(problem) for problem in problems],
            warnings=[str(warning) for warning in self._loaded.warnings],
        )

    def _applied(self, number: int) -> None:
        """Note that a worker serves by the newest snapshot, or is gone; its successor begins with it."""
        if number in self._not_applied:
            self._not_applied.discard(number)
            if not self._not_applied:
                self._tell_in_force()
                self._log.info("in force", revision=self._loaded.snapshot.revision, workers=self._settings.workers)

    def _tell_in_force(self) -> None:
        if not self._not_applied:
            self._control.tell(in_force=self._configuration.stored.revision)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than the gateway runs."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass


def pause_before_restart(quick_deaths: int) -> float:
    """Seconds to wait after a death: none at first, then twice as many for each short life before it."""
    doublings = min(quick_deaths - 1, 10)
    return min(PAUSE_FIRST_S * 2.0**doublings, PAUSE_LAST_S) if quick_deaths else 0.0
