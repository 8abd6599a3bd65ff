"""The control process as the supervisor sees it: started again when it dies, told what changes, ended last."""

import asyncio
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import orjson

from exeat.cli.channel import ControlStart, Identity, Kind, Receivers, Sources
from exeat.cli.child import Child, keep_running
from exeat.cli.data_folder import JOURNAL_FOLDER, DataFolder, change_of
from exeat.cli.listeners import Listeners
from exeat.cli.measures import Measures
from exeat.cli.span_relay import SpanRelay
from exeat.cli.token_relay import TokenRelay
from exeat.config.compile import Loaded
from exeat.config.handover import render_token_sources, render_webhooks
from exeat.config.kept import parse_news, parse_stored
from exeat.config.settings import Settings
from exeat.model.snapshot import Audit
from exeat.model.stored import NOTHING, Stored, take_news
from exeat.store.address import default_url
from exeat.telemetry.logs import Log

LAST_ROUND_S = 12.0
WAITING_LIMIT = 1000
EVENTS_LIMIT = 1000
SPANS_LIMIT_BYTES = 4 * 1024 * 1024


class Away(NamedTuple):
    """Why it isn't known what the database holds, and whether that may pass by itself."""

    passing: bool
    reason: str


class ControlChild:
    """Keeps one control process running until `end`.

    `stored` is what it said last of the configuration in the database, `away` why it couldn't since; `heard` is set
    with each of them. `writers` gives the journals that workers write, or will. `tokens` is what it has fetched.
    """

    def __init__(
        self,
        settings: Settings,
        data: DataFolder,
        listeners: Listeners,
        identity: Callable[[], Identity | None],
        log: Log,
        *,
        as_json: bool,
    ) -> None:
        self.stored: Stored | None = None
        self.away: Away | None = None
        self.heard = asyncio.Event()
        self.writers: Callable[[], set[str]] = lambda: {f"worker-{number + 1}" for number in range(settings.workers)}
        self._settings = settings
        self._data = data
        self._listeners = listeners
        self._identity = identity
        self._audit = Audit()
        self._state: dict[str, object] = {}
        self._log = log
        self._as_json = as_json
        self._keeping: asyncio.Task[None] | None = None
        self._child: Child | None = None
        self._waiting: list[bytes] = []
        self._to_adopt: list[str] = []
        self._receivers = Receivers()
        self._sources = Sources()
        self.tokens = TokenRelay(self._want)
        self.measures = Measures(self._measure)
        self.spans = SpanRelay(self._trace)
        self._events: dict[str, bytes] = {}  # that it hasn't kept yet
        self._ending = asyncio.Event()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return self._listeners.own

    def begin(self) -> None:
        """Keep it running from now on."""
        self._keeping = asyncio.get_running_loop().create_task(keep_running(self._live, self._ending, self._died))

    def _died(self, reason: str, after_s: float) -> None:
        self._log.error("control process died; it is started again", reason=reason, after_s=after_s)

    async def _live(self) -> str:
        try:
            child = await Child.start("exeat.cli.control", self._listeners.descriptors(0), self._settings.process)
        except OSError as error:
            return f"no process: {error.strerror}"
        child.send(Kind.START, pickle.dumps(self._start()))
        try:
            async for kind, payload in child.messages():
                self._hear(child, kind, payload)
            return await child.exit_reason()
        finally:
            self._child = None
            child.kill()

    def _hear(self, child: Child, kind: Kind, payload: bytes) -> None:
        match kind:
            case Kind.READY:
                self._child = child
                self._greet(child)
            case Kind.STORED:
                self.stored, self.away = parse_stored(payload), None
                self.heard.set()
            case Kind.KEYS:
                self._take_news(child, payload)
            case Kind.TOKENS:
                self.tokens.hear(payload)
            case Kind.EVENT:
                self._events.pop(payload.decode(), None)
            case Kind.AWAY:
                self.away = Away(**orjson.loads(payload))
                self.heard.set()
            case _:
                self._log.error("unexpected message", kind=kind.name)

    def _greet(self, child: Child) -> None:
        """Tell a process that has come what counts, and what has waited for it."""
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            child.send(Kind.CHANGE, change)
        to_adopt, self._to_adopt = self._to_adopt, []
        for writer in set(to_adopt) - self.writers():  # a successor has looked into those itself
            child.send(Kind.ADOPT, writer.encode())
        child.send(Kind.AUDIT, pickle.dumps(self._audit))  # the document may have been loaded since its start
        child.send(Kind.STATE, orjson.dumps(self._state))
        child.send(Kind.WEBHOOKS, pickle.dumps(self._receivers))
        self._send_sources(child)
        self.tokens.ask_again()
        self.measures.come()
        self.spans.go_on()
        for event in self._events.values():
            child.send(Kind.EVENT, event)
        if self._ending.is_set():
            child.send(Kind.DRAIN)

    def _take_news(self, child: Child, payload: bytes) -> None:
        try:
            self.stored, self.away = take_news(self.stored or NOTHING, parse_news(payload)), None
        except ValueError as error:  # it is started again, and begins by saying everything
            self._log.error("what the control process says of keys doesn't fit", reason=str(error))
            child.kill()
            return
        self.heard.set()

    def _start(self) -> ControlStart:
        settings, journals = self._settings, self._data.path / JOURNAL_FOLDER
        running = self.writers()
        names = {path.name for path in journals.iterdir()} if journals.is_dir() else set()
        url = settings.database_url
        return ControlStart(
            journals=str(journals),
            instance=self._data.instance,
            orphans=tuple(sorted(name for name in names if name.startswith("worker-") and name not in running)),
            audit=self._audit,
            log_level=settings.log_level,
            log_json=self._as_json,
            listeners=self._listeners.descriptors(0),
            directory=str(settings.directory),
            config=None if settings.config is None else str(settings.config),
            identity=self._identity(),
            ca_file=None if settings.ssl_cert_file is None else str(settings.directory / settings.ssl_cert_file),
            ca_folder=None if settings.ssl_cert_dir is None else str(settings.directory / settings.ssl_cert_dir),
            otlp_url=settings.otlp_url,
            otlp_headers=None if settings.otlp_headers is None else settings.otlp_headers.reveal(),
            environment=settings.process,
            database_url=default_url(self._data.path) if url is None else url.reveal(),
        )

    def follow(self, loaded: Loaded, own: tuple[tuple[str, int], ...]) -> None:
        """Keep records, and tell of events, as a new document says; `own` are the gateway's own listeners."""
        snapshot = loaded.snapshot
        self._audit = snapshot.audit
        before, self._receivers = (
            self._receivers,
            Receivers(own, snapshot.nat64, render_webhooks(loaded.webhooks)),
        )
        if self._child is not None:
            self._child.send(Kind.AUDIT, pickle.dumps(self._audit))
            if self._receivers != before:
                self._child.send(Kind.WEBHOOKS, pickle.dumps(self._receivers))

        self._follow_sources(loaded, own)

    def _follow_sources(self, loaded: Loaded, own: tuple[tuple[str, int], ...]) -> None:
        before = self._sources
        self._sources = Sources(own, loaded.snapshot.nat64, render_token_sources(loaded.token_sources))
        if self._sources != before:
            self.tokens.follow(source.id for source in loaded.token_sources)
            if self._child is not None:
                self._send_sources(self._child)

    def _send_sources(self, child: Child) -> None:
        child.send(Kind.TOKEN_SOURCES, pickle.dumps(replace(self._sources, tokens=self.tokens.known())))

    def _measure(self, payload: bytes) -> bool:
        """Give it samples of metrics; whether it is there."""
        if self._child is None:
            return False
        self._child.send(Kind.METRICS, payload)
        return True

    def _trace(self, payload: bytes) -> bool:
        """Give it what spans are made of; whether it is there, and keeps up."""
        if self._child is None or self._child.waiting_bytes > SPANS_LIMIT_BYTES:
            return False
        self._child.send(Kind.SPANS, payload)
        return True

    def _want(self, payload: bytes) -> None:
        """Have it fetch a token, if it is there; else it is told once it is."""
        if self._child is not None:
            self._child.send(Kind.TOKEN_WANTED, payload)

    def adopt(self, writer: str) -> None:
        """Have the journal of a worker ended that was killed and has no successor, as soon as the process is there."""
        if self._child is not None:
            self._child.send(Kind.ADOPT, writer.encode())
        else:
            self._to_adopt.append(writer)

    def announce(self, identifier: str, event: Mapping[str, object]) -> None:
        """Have webhooks told of an event, as soon as the process is there; it is said again until it is safe there."""
        if len(self._events) >= EVENTS_LIMIT:
            self._log.error("an event isn't told to webhooks: too many wait for the control process", id=identifier)
            return
        payload = self._events[identifier] = orjson.dumps({"id": identifier, "event": event})
        if self._child is not None:
            self._child.send(Kind.EVENT, payload)

    def show(self, identity: Identity) -> None:
        """Show another certificate to who connects from now on."""
        if self._child is not None:
            self._child.send(Kind.CERTIFICATE, pickle.dumps(identity))

    def tell(self, **facts: object) -> None:
        """Have it know what is in force: what isn't named stays as it was."""
        self._state.update(facts)
        if self._child is not None:
            self._child.send(Kind.STATE, orjson.dumps(self._state))

    def record(
        self,
        actor: str,
        action: str,
        what: str,
        before: dict[str, object] | None = None,
        after: dict[str, object] | None = None,
    ) -> None:
        """Have a change that is made now recorded, as soon as the process is there."""
        payload = pickle.dumps(change_of(actor, action, what, before, after))
        if self._child is not None:
            self._child.send(Kind.CHANGE, payload)
        elif len(self._waiting) < WAITING_LIMIT:
            self._waiting.append(payload)

    async def end(self) -> None:
        """Let it move what is left, then end it."""
        self._ending.set()
        if self._child is not None:
            self._child.send(Kind.DRAIN)
        if self._keeping is not None:
            await asyncio.wait([self._keeping], timeout=LAST_ROUND_S)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()
