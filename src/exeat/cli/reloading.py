"""What a gateway serves by: read again when it changes, judged as a whole, and handed to every worker.

Rule 1: a change that is wrong in any part changes nothing; why it is wrong is logged.
"""

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Iterable

from exeat.cli.certificate import Certificate, CertificateError
from exeat.cli.changes import describe_changes
from exeat.cli.channel import Kind
from exeat.cli.circuit_events import CircuitEvents
from exeat.cli.configuration import Configuration
from exeat.cli.control_child import ControlChild
from exeat.cli.workers import Workers
from exeat.config.compile import Loaded
from exeat.config.handover import dumps, render_changes
from exeat.config.problem import ConfigError, Problem
from exeat.config.watch import Watch
from exeat.model.key_changes import KeyChanges
from exeat.model.stored import Stored
from exeat.telemetry.logs import Log
from exeat.telemetry.metrics import RELOADS

WATCH_S = 0.25


class Reloading:
    """`loaded` is what is served by now. `follow_limits` is awaited before workers serve by something else.

    `own` are the addresses and ports that Exeat listens on.
    """

    def __init__(
        self,
        loaded: Loaded,
        certificate: Certificate | None,
        configuration: Configuration,
        control: ControlChild,
        workers: Workers,
        circuits: CircuitEvents,
        *,
        watch: Watch,
        own: tuple[tuple[str, int], ...],
        follow_limits: Callable[[], Awaitable[None]],
        log: Log,
    ) -> None:
        self.loaded = loaded
        self._certificate = certificate
        self._configuration = configuration
        self._control = control
        self._workers = workers
        self._circuits = circuits
        self._watch = watch
        self._own = own
        self._follow_limits = follow_limits
        self._log = log
        self._payload: bytes | None = None
        self._seen = configuration.stored
        self._serves = False
        self._is_asked = asyncio.Event()
        self._askers: list[asyncio.Future[list[str]]] = []

    def begin(self) -> None:
        """Have the control process know what the gateway starts with."""
        self._control.follow(self.loaded, self._own)
        self._tell()
        self._configuration.keep()

    def serves(self) -> None:
        """All workers serve for the first time."""
        self._serves = True
        self._tell_in_force()

    def ask(self) -> None:
        """Read everything again, whether or not it has changed."""
        self._is_asked.set()

    async def reload(self) -> dict[str, object]:
        """Read everything again, and say what has become of it, once all workers serve by it."""
        before = self.loaded.snapshot.revision
        asker: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._askers.append(asker)
        self.ask()
        problems = await asker
        if not problems:
            await self._workers.in_force.wait()
        revision = self.loaded.snapshot.revision
        return {"revision": revision, "is_different": revision != before, "problems": problems}

    async def follow(self) -> None:
        """Reload when asked, when the database has changed, or when a file has."""
        while True:
            await self._wait_for_change()
            asked = self._is_asked.is_set()
            self._is_asked.clear()
            askers, self._askers = self._askers, []
            try:
                problems = await self._look(asked=asked)
            except Exception as error:  # noqa: BLE001 - a boundary: a fault in a reload must not end what runs
                self._log.bug(error)
                problems = ["this is a fault of Exeat; its log says where"]
            for asker in askers:
                asker.set_result(problems)

    async def _wait_for_change(self) -> None:
        """Until somebody asks, the database's part is heard of, or it is time to look at the files again."""
        asked = asyncio.ensure_future(self._is_asked.wait())
        heard = asyncio.ensure_future(self._control.heard.wait())
        await asyncio.wait([asked, heard], timeout=WATCH_S, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        heard.cancel()
        self._control.heard.clear()

    async def _look(self, *, asked: bool) -> list[str]:
        """Take what has changed; what is wrong with it."""
        now = asyncio.get_running_loop().time()
        problems = []
        if self._certificate is not None and (self._certificate.changed(now) or asked):
            problems += self._take_certificate(self._certificate)
        stored = self._control.stored or self._configuration.stored
        by_hand = self._watch.changed() or asked
        if by_hand or stored != self._seen:
            self._seen = stored
            problems += await self._reload(stored, by_hand=by_hand)
        return problems

    def _take_certificate(self, certificate: Certificate) -> list[str]:
        try:
            if not certificate.read_again():
                return []
        except CertificateError as error:
            self._log.error("the certificate can't be used; the one before stays", reason=str(error))
            return [str(error)]
        self._log.info("certificate changed", file=str(certificate.file))
        self._workers.send(Kind.CERTIFICATE, pickle.dumps(certificate.identity))
        self._control.show(certificate.identity)
        return []

    async def _reload(self, stored: Stored, *, by_hand: bool) -> list[str]:
        present = None if by_hand else self.loaded  # what stands in files is looked at then
        try:
            loaded, changes = await asyncio.to_thread(self._configuration.load, stored, present)
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("problem in the document", problem=str(problem))
            revision = self.loaded.snapshot.revision
            self._control.measures.count(RELOADS, "refused")
            self._log.error("reload refused; nothing changed", problems=len(error.problems), revision=revision)
            self._tell(error.problems)
            return [str(problem) for problem in error.problems]
        before, self.loaded = self.loaded, loaded
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
            return []
        await self._follow_limits()
        self._hand_over(changes)
        self._note_reload(before, loaded, "document" if by_hand else "database")
        self._configuration.keep()
        return []

    def _hand_over(self, changes: KeyChanges | None) -> None:
        """Have every worker serve by the newest snapshot; of changes of keys alone they make it themselves."""
        self._payload = None
        kind, payload = (Kind.SNAPSHOT, self.snapshot()) if changes is None else (Kind.KEYS, render_changes(changes))
        self._workers.hand_over(kind, payload, self.loaded.snapshot.revision)

    def snapshot(self) -> bytes:
        """The newest snapshot for a worker."""
        if self._payload is None:
            self._payload = dumps(self.loaded.snapshot)
        return self._payload

    def _note_reload(self, before: Loaded, loaded: Loaded, actor: str) -> None:
        """Record and log what is different; `actor` is what has changed: the document, or what the database holds."""
        self._control.measures.count(RELOADS, "applied")
        changes = describe_changes(before, loaded)
        self._control.follow(loaded, self._own)
        self._circuits.follow(before.snapshot, loaded.snapshot)
        self._control.record(
            actor,
            "apply",
            "configuration",
            {"revision": before.snapshot.revision},
            {"revision": loaded.snapshot.revision, "changes": changes},
        )
        self._log.info("reloaded", revision=loaded.snapshot.revision, changes=changes)

    def _tell(self, problems: Iterable[Problem] = ()) -> None:
        """Have the control process know what counts, and why what is written elsewhere doesn't."""
        self._control.tell(
            snapshot=self.loaded.snapshot.revision,
            revision=self._configuration.stored.revision,
            problems=[str(problem) for problem in problems],
            warnings=[str(warning) for warning in self.loaded.warnings],
        )

    def applied(self) -> None:
        """All workers serve by the newest snapshot."""
        self._tell_in_force()
        self._log.info("in force", revision=self.loaded.snapshot.revision, workers=self._workers.count)

    def _tell_in_force(self) -> None:
        if self._serves and self._workers.in_force.is_set():
            self._control.tell(in_force=self._configuration.stored.revision)
