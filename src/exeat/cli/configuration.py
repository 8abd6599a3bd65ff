"""What the gateway is configured with: file, environment and database; and what was last known of the database.

Rule 1: a gateway starts without its database, by what was kept of it, and says so.
Rule 2: a database that is damaged, or a keyring that doesn't open what is in it, won't mend itself: it stops a start.
"""

import asyncio

from exeat.cli.control_child import ControlChild
from exeat.cli.data_folder import DataFolder
from exeat.config.compile import Loaded, load
from exeat.config.kept import keep_stored, read_kept
from exeat.config.key_changes import Step, load_keys
from exeat.config.problem import ConfigError, Place, Problem
from exeat.config.settings import Settings
from exeat.model.stored import NOTHING, Stored
from exeat.telemetry.logs import Log
from exeat.vault.keyring import KeyringError
from exeat.vault.keyring_file import open_keyring, read_keyring
from exeat.vault.seal import Sealer, SealError

FIRST_WORD_S = 15.0


class Configuration:
    """The sources of one gateway's document. `stored` is the database's part as it was loaded last."""

    def __init__(self, settings: Settings, data: DataFolder, log: Log) -> None:
        self._settings = settings
        self._data = data
        self._log = log
        self.stored = NOTHING
        self._kept: Stored | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self, control: ControlChild) -> Loaded:
        """Load for the first time; ConfigError lists every problem."""
        self.stored = await self._ask(control)
        return load(self._settings, self.stored)

    def load(self, stored: Stored, present: Loaded | None = None) -> Step:
        """Load again; ConfigError leaves everything as it was.

        Where no file is different from when `present` was loaded last, a change of keys alone is soon done.
        """
        step = None if present is None else load_keys(present, self.stored, stored)
        step = step or Step(load(self._settings, stored, running=True), None)
        self.stored = stored
        return step

    def keep(self) -> None:
        """Keep the database's part, which has been seen to be right, for a start without the database.

        Nobody waits for the disk: the next change may come meanwhile, and is kept after this one.
        """
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        while (stored := self.stored) != self._kept and stored.revision:
            self._kept = stored
            await asyncio.to_thread(self._write, stored)

    def _write(self, stored: Stored) -> None:
        settings = self._settings
        try:
            sealer = Sealer(open_keyring(settings.keyring, settings.directory, self._data.path))
            keep_stored(stored, sealer, self._data.path)
        except (KeyringError, OSError) as error:
            self._log.warning("the configuration isn't kept for a start without the database", reason=str(error))

    async def finish(self) -> None:
        """Wait until what is to be kept is."""
        if self._keeping is not None:
            await self._keeping

    async def _ask(self, control: ControlChild) -> Stored:
        """What the database holds, or held when it was last seen."""
        try:
            async with asyncio.timeout(FIRST_WORD_S):
                await control.heard.wait()
        except TimeoutError:
            reason = f"the database doesn't answer within {FIRST_WORD_S:g} s"
        else:
            if control.away is None and control.stored is not None:
                return control.stored
            reason = "" if control.away is None else control.away.reason
            if control.away is not None and not control.away.passing:
                raise ConfigError([Problem("", Place("database", kind="database"), reason)])
        kept = self._read_kept()
        if kept is None:
            self._log.error("nothing is known of the database: only file and environment count", reason=reason)
            return NOTHING
        self._log.error("the database is away: what was last known of it counts", reason=reason, revision=kept.revision)
        return kept

    def _read_kept(self) -> Stored | None:
        settings = self._settings
        try:
            return read_kept(
                Sealer(read_keyring(settings.keyring, settings.directory, self._data.path)), self._data.path
            )
        except KeyringError:
            return None  # nothing was ever sealed here
        except (SealError, OSError, ValueError, TypeError, KeyError) as error:
            self._log.error("what was kept of the database can't be read", reason=str(error))
            return None
