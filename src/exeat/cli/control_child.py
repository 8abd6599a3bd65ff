"""The control process as the supervisor sees it: started again when it dies, told what changes, ended last."""

import asyncio
import pickle
from collections.abc import Callable

from exeat.cli.channel import ControlStart, Kind
from exeat.cli.child import Child
from exeat.cli.data_folder import JOURNAL_FOLDER, DataFolder, change_of
from exeat.config.settings import Settings
from exeat.model.snapshot import Audit
from exeat.store.database import default_url
from exeat.telemetry.logs import Log

SHORT_LIFE_S = 5.0
LAST_ROUND_S = 12.0
WAITING_LIMIT = 1000


class ControlChild:
    """Keeps one control process running until `end`."""

    def __init__(
        self,
        settings: Settings,
        data: DataFolder,
        audit: Audit,
        log: Log,
        *,
        as_json: bool,
        pause: Callable[[int], float],
    ) -> None:
        self._settings = settings
        self._data = data
        self._audit = audit
        self._log = log
        self._as_json = as_json
        self._pause = pause
        self._child: Child | None = None
        self._waiting: list[bytes] = []
        self._ending = asyncio.Event()

    async def keep(self) -> None:
        """Run it, and start it again whenever it ends."""
        loop = asyncio.get_running_loop()
        quick_deaths = 0
        while not self._ending.is_set():
            began = loop.time()
            reason = await self._live()
            if self._ending.is_set():
                return
            pause_s = self._pause(quick_deaths)
            quick_deaths = quick_deaths + 1 if loop.time() - began < SHORT_LIFE_S else 0
            self._log.error("control process died; it is started again", reason=reason, after_s=pause_s)
            try:
                async with asyncio.timeout(pause_s):
                    await self._ending.wait()
            except TimeoutError:
                pass

    async def _live(self) -> str:
        try:
            child = await Child.start("exeat.cli.control", (), self._settings.process)
        except OSError as error:
            return f"no process: {error.strerror}"
        child.send(Kind.START, pickle.dumps(self._start()))
        try:
            async for kind, _ in child.messages():
                if kind == Kind.READY:
                    self._child = child
                    waiting, self._waiting = self._waiting, []
                    for payload in waiting:
                        child.send(Kind.CHANGE, payload)
                    if self._ending.is_set():
                        child.send(Kind.DRAIN)
            return await child.exit_reason()
        finally:
            self._child = None
            child.kill()

    def _start(self) -> ControlStart:
        settings, journals = self._settings, self._data.path / JOURNAL_FOLDER
        running = {f"worker-{number + 1}" for number in range(settings.workers)}
        names = {path.name for path in journals.iterdir()} if journals.is_dir() else set()
        url = settings.database_url
        return ControlStart(
            journals=str(journals),
            instance=self._data.instance,
            orphans=tuple(sorted(name for name in names if name.startswith("worker-") and name not in running)),
            audit=self._audit,
            log_level=settings.log_level,
            log_json=self._as_json,
            database_url=default_url(self._data.path) if url is None else url.reveal(),
        )

    def follow(self, audit: Audit) -> None:
        """Keep records as a new snapshot says."""
        self._audit = audit
        if self._child is not None:
            self._child.send(Kind.AUDIT, pickle.dumps(audit))

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

    async def end(self, keeping: "asyncio.Task[None]") -> None:
        """Let it move what is left, then end it; `keeping` is the task that runs `keep`."""
        self._ending.set()
        if self._child is not None:
            self._child.send(Kind.DRAIN)
        await asyncio.wait([keeping], timeout=LAST_ROUND_S)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()
