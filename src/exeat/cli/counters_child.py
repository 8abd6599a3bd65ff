"""The process that counts for all workers, as the supervisor sees it: there while it is needed, and started again."""

import asyncio
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from exeat.cli.channel import CountersStart, Kind
from exeat.cli.child import Child, keep_running
from exeat.cli.measures import Measures
from exeat.config.settings import Settings
from exeat.telemetry.logs import Log

SOCKET_FILE = "counters.sock"
LONGEST_PATH = 100  # of a socket's address: 104 bytes on some systems
END_S = 3.0


class CountersChild:
    """Keeps one process running while it is needed. `socket` is where workers reach it.

    `crossed` is called with each word of a window that has passed a mark, `measures` takes what is counted.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        log: Log,
        *,
        as_json: bool,
        crossed: Callable[[bytes], None],
        measures: Measures,
    ) -> None:
        self._settings = settings
        self._folder = folder.absolute()
        self._log = log
        self._as_json = as_json
        self._crossed = crossed
        self._measures = measures
        self._temporary: str | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._child: Child | None = None
        self._ending = asyncio.Event()
        self._lives = 0
        self.socket = self._place()

    def _place(self) -> str:
        path = self._folder / SOCKET_FILE
        if len(os.fsencode(path)) <= LONGEST_PATH:
            return str(path)
        self._temporary = tempfile.mkdtemp(prefix="exeat-")
        return str(Path(self._temporary) / SOCKET_FILE)

    async def follow(self, *, needed: bool) -> None:
        """Have it run, or not."""
        if needed and self._keeping is None:
            self._ending.clear()
            self._keeping = asyncio.get_running_loop().create_task(keep_running(self._live, self._ending, self._died))
        elif not needed and self._keeping is not None:
            await self._end_process()

    async def end(self) -> None:
        """End it, and leave nothing behind."""
        await self._end_process()
        self._tidy()

    def _tidy(self) -> None:
        Path(self.socket).unlink(missing_ok=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    async def _end_process(self) -> None:
        self._ending.set()
        if self._child is not None:
            self._child.send(Kind.DRAIN)
        if self._keeping is not None:
            await asyncio.wait([self._keeping], timeout=END_S)
            self.kill()
            await self._keeping
            self._keeping = None

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()

    def _died(self, reason: str, after_s: float) -> None:
        self._log.error("counters process died; it is started again", reason=reason, after_s=after_s)

    async def _live(self) -> str:
        try:
            child = self._child = await Child.start("exeat.cli.counters", (), self._settings.process)
        except OSError as error:
            return f"no process: {error.strerror}"
        try:
            child.send(Kind.START, pickle.dumps(self._start()))
            if self._ending.is_set():
                child.send(Kind.DRAIN)
            async for kind, payload in child.messages():
                if kind is Kind.READY:
                    self._log.debug("counters are ready", pid=child.pid)
                elif kind is Kind.EVENT:
                    self._crossed(payload)
                elif kind is Kind.METRICS:
                    self._measures.hear(payload)
            return await child.exit_reason()
        finally:
            self._child = None
            self._measures.forget(child.pid)
            child.kill()

    def _start(self) -> CountersStart:
        self._lives += 1
        settings = self._settings
        return CountersStart(
            data_dir=str(self._folder),
            socket=self.socket,
            is_successor=self._lives > 1,
            log_level=settings.log_level,
            log_json=self._as_json,
            ca_file=None if settings.ssl_cert_file is None else str(settings.directory / settings.ssl_cert_file),
            ca_folder=None if settings.ssl_cert_dir is None else str(settings.directory / settings.ssl_cert_dir),
            redis_url=None if settings.redis_url is None else settings.redis_url.reveal(),
        )
