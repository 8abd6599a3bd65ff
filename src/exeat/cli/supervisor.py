"""The supervisor: ties together what a gateway consists of, and does what signals say.

Rule 1: SIGTERM and SIGINT drain: first it says that it isn't ready, then it accepts nothing more; a second one ends
everything at once.
Rule 2: SIGHUP reads everything again, SIGUSR2 replaces the workers; nothing that is under way notices.
"""

import asyncio
import secrets
import signal
from collections.abc import Callable
from datetime import UTC, datetime

from exeat import __version__
from exeat.cli.certificate import Certificate
from exeat.cli.channel import Kind, Start
from exeat.cli.circuit_events import CircuitEvents
from exeat.cli.configuration import Configuration
from exeat.cli.control_child import ControlChild
from exeat.cli.counters_child import CountersChild
from exeat.cli.data_folder import DataFolder
from exeat.cli.events import Events
from exeat.cli.listeners import Listeners
from exeat.cli.memory import container_bytes, share_of
from exeat.cli.open_files import OWN, allow_open_files, connections_within
from exeat.cli.reloading import Reloading
from exeat.cli.steering import Steering
from exeat.cli.workers import KILL_AFTER_S, Workers
from exeat.config.compile import Loaded
from exeat.config.settings import Settings
from exeat.config.watch import Watch
from exeat.model.limits import Limits
from exeat.state.shared import needs_counters
from exeat.telemetry.logs import Log

WATCH_S = 0.25


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
        self._listeners = listeners
        self._certificate = certificate
        self._data = data
        self._log = log
        self._as_json = as_json
        self._ready = ready
        self._own = (*listeners.own, *control.addresses)
        self._configuration = configuration
        self._limits = self._limits_of(settings)
        self._pseudonym = b"exeat-" + secrets.token_hex(6).encode()
        self._control = control
        events = Events(control, data.instance, lambda: self._reloading.loaded.snapshot, log)
        self._circuits = CircuitEvents(events)
        self._counters = CountersChild(
            settings,
            data.path,
            log,
            as_json=as_json,
            crossed=events.hear,
            measures=control.measures,
        )
        self._workers = Workers(
            settings,
            listeners,
            log,
            start=self._start_of,
            memory_bytes=self._limits.memory_bytes,
            reported=lambda reports: control.tell(workers=reports),
            ready=self._all_serve,
            applied=lambda: self._reloading.applied(),  # noqa: PLW0108 - it is made below
            failed=self._cannot_start,
            orphaned=control.adopt,
            told=self._circuits.hear,
            gone=self._circuits.forget,
            tokens=control.tokens,
            measures=control.measures,
            spans=control.spans.hear,
        )
        control.tokens.tell = lambda payload: self._workers.send(Kind.TOKENS, payload)
        control.writers = lambda: self._workers.writers
        self._reloading = Reloading(
            loaded,
            certificate,
            configuration,
            control,
            self._workers,
            self._circuits,
            watch=watch,
            own=self._own,
            follow_limits=self._follow_limits,
            log=log,
        )
        self._steering = Steering(data.path, {"reload": self._reloading.reload, "replace": self._replace_now}, log)
        self._replacement_asked = asyncio.Event()
        self._stopping = asyncio.Event()
        self._draining = asyncio.Event()
        self._killed = False
        self._failed = False

    def _limits_of(self, settings: Settings) -> Limits:
        files = allow_open_files()
        limits = settings.limits(
            connections_within(files),
            open_connections=max(files - OWN, 2),
            memory_bytes=share_of(container_bytes(), settings.workers),
        )
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
        loop.add_signal_handler(signal.SIGHUP, self._reloading.ask)
        loop.add_signal_handler(signal.SIGUSR2, self._replacement_asked.set)
        await self._follow_limits()
        await self._steering.begin()
        async with asyncio.TaskGroup() as tasks:
            workers = tasks.create_task(self._workers.run())
            watching = tasks.create_task(self._reloading.follow())
            replacing = tasks.create_task(self._replace_when_asked())
            self._reloading.begin()
            self._control.tell(
                started_at=datetime.now(UTC).timestamp(),
                listeners=[str(address) for address in self._listeners.addresses],
                counters=self._counters.socket,
            )
            self._control.record("supervisor", "start", f"instance/{self._data.instance}", None, self._facts())
            await self._draining.wait()
            watching.cancel()
            replacing.cancel()
            self._steering.end()
            killing = loop.call_later(self._workers.longest_drain_s + KILL_AFTER_S, self._kill)
            await workers
            killing.cancel()
            await self._counters.end()
            self._control.record("supervisor", "stop", f"instance/{self._data.instance}")
            await self._control.end()
            await self._configuration.finish()
        self._log.info("stopped")
        return 1 if self._killed or self._failed else 0

    def stop(self) -> None:
        """Say that this instance isn't ready, then drain; the second time, end at once."""
        if self._stopping.is_set():
            self._drain()
            self._kill()
            return
        self._stopping.set()
        self._control.tell(leaving=True)
        delay_s = self._settings.drain_delay_s
        if not delay_s:
            self._drain()
            return
        self._workers.leave()
        self._log.info("not ready any more; draining begins later", after_s=delay_s)
        asyncio.get_running_loop().call_later(delay_s, self._drain)

    def _drain(self) -> None:
        """Accept nothing more, and finish what has begun."""
        if self._draining.is_set():
            return
        self._draining.set()
        self._workers.drain()
        self._listeners.close()
        self._log.info("draining", limit_s=self._settings.drain_s)

    def _kill(self) -> None:
        self._killed = True
        if self._workers.are_gone:
            self._counters.kill()
            self._control.kill()
        self._workers.kill()

    def _facts(self) -> dict[str, object]:
        """What this gateway is, for the record of its start."""
        revision = self._reloading.loaded.snapshot.revision
        return {"version": __version__, "revision": revision, "workers": self._workers.count}

    # Workers

    def _start_of(self, number: int, writer: str, trace: int) -> Start:
        settings = self._settings
        journal, chain = self._data.journal(writer)
        return Start(
            number=number,
            listeners=self._listeners.descriptors(number - 1),
            identity=self._certificate.identity if self._certificate is not None else None,
            own=self._own,
            trusted=settings.trusted_proxies,
            journal=str(journal),
            chain=chain,
            data_dir=str(self._data.path),
            keyring=None if settings.keyring is None else settings.keyring.reveal(),
            pseudonym=self._pseudonym,
            drain_s=settings.drain_s,
            streams_s=settings.streams_s,
            trace=trace,
            limits=self._limits,
            workers=settings.workers,
            has_redis=settings.redis_url is not None,
            counters=self._counters.socket,
            log_level=settings.log_level,
            log_json=self._as_json,
            ca_file=None if settings.ssl_cert_file is None else str(settings.directory / settings.ssl_cert_file),
            ca_folder=None if settings.ssl_cert_dir is None else str(settings.directory / settings.ssl_cert_dir),
            trace_sample=None if settings.otlp_url is None else settings.trace_sample,
            debug_token=None if settings.debug_token is None else settings.debug_token.reveal(),
            snapshot=self._reloading.snapshot(),
        )

    def _all_serve(self) -> None:
        self._reloading.serves()
        self._ready()

    def _cannot_start(self) -> None:
        self._failed = True
        self._stopping.set()
        self._drain()

    async def _replace_when_asked(self) -> None:
        """Replace the workers whenever SIGUSR2 says so."""
        while True:
            await self._replacement_asked.wait()
            self._replacement_asked.clear()
            await self._workers.replace()

    async def _replace_now(self) -> dict[str, object]:
        """Replace the workers, and say what has become of it."""
        problem = await self._workers.replace()
        return {"workers": self._settings.workers} if problem is None else {"fault": problem}

    async def _follow_limits(self) -> None:
        """Have limits counted for all workers together, where they are."""
        snapshot, has_redis = self._reloading.loaded.snapshot, self._settings.redis_url is not None
        needed = needs_counters(snapshot, self._workers.count, has_redis=has_redis)
        await self._counters.follow(needed=needed)
