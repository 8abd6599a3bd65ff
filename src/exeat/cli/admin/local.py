"""The admin API within this process, for who can read the gateway's data directory: no network, and no token.

Rule 1: nothing is made but what a change needs: the journal with its record, the keyring when it first seals.
Rule 2: a keyring is made only beside the data directory's own database; to another one it would be a stranger.
"""

import asyncio
import os
import pwd
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
from starlette.types import ASGIApp

from exeat import __version__
from exeat.admin.app import build_app
from exeat.admin.caller import Caller
from exeat.admin.roles import Role
from exeat.admin.services import Members, Services
from exeat.cli.audit.database import open_trail
from exeat.cli.control.effect import Effect
from exeat.cli.data_folder import change_of, open_own_journal
from exeat.config.settings import Settings
from exeat.journal.changes import record_change
from exeat.journal.writer import Journal
from exeat.model.aws_pair import AwsPair
from exeat.store.failure import StoreError
from exeat.vault.keyring import KeyringError
from exeat.vault.keyring_file import open_keyring, read_keyring
from exeat.vault.seal import Sealer

WRITER = "cli"


class LateSealer(Sealer):
    """Opens the keyring when something is sealed or opened, and not before; KeyringError if that can't be."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: Sealer | None = None

    def renew(self) -> None:
        """Seal with a new data key from now on."""
        self._sealer().renew()

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Seal a value for one place."""
        return self._sealer().seal(plaintext, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The value that was sealed for this place."""
        return self._sealer().open(sealed, context)

    def pair_of(self, key_id: str) -> AwsPair:
        """The pair of a key."""
        return self._sealer().pair_of(key_id)

    def _sealer(self) -> Sealer:
        if self._found is None:
            settings = self._settings
            provide = open_keyring if settings.database_url is None else read_keyring
            try:
                keyring = provide(settings.keyring, settings.directory, settings.directory / settings.data_dir)
            except KeyringError as error:
                advice = "" if settings.database_url is None else "; set EXEAT_KEYRING to the keyring of its gateways"
                raise KeyringError(f"Nothing can be sealed for this database: {error}{advice}") from error
            self._found = Sealer(keyring)
        return self._found


class Records:
    """The journal of what this command changes, made when it changes something."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._journal: Journal | None = None
        self.trouble: StoreError | None = None

    def record(self, actor: str, action: str, what: str, before: Members, after: Members) -> bool:
        """Put a change down; whether its record is safe."""
        try:
            if self._journal is None:
                self._journal = open_own_journal(self._settings, WRITER)
            is_safe = record_change(self._journal, change_of(actor, action, what, before, after))
        except StoreError as error:
            self.trouble = error
            return False
        if not is_safe:
            self.trouble = StoreError(f"The change can't be recorded, so it isn't made: {self._journal.failure}")
        return is_safe

    def close(self) -> None:
        """End the journal, if there is one."""
        if self._journal is not None:
            self._journal.close()


class Local:
    """Sends requests to the application itself."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner, records: Records, faults: list[Exception]) -> None:
        self.where = "the local database"
        self._app = app
        self._runner = runner
        self._records = records
        self._faults = faults

    def send(
        self, method: str, path: str, *, params: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> httpx.Response:
        """The answer; what it doesn't say of a failure, because others may read it, is raised here."""
        response = self._runner.run(self._send(method, path, params, headers, content))
        if self._faults:
            raise self._faults[0]
        if self._records.trouble is not None:
            raise self._records.trouble
        return response

    async def _send(
        self, method: str, path: str, params: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, params=params, headers=headers, content=content)


@contextmanager
def open_local(settings: Settings) -> Iterator[Local]:
    """The application over the local database, for a block; StoreError if there is none."""
    records, faults = Records(settings), list[Exception]()
    if not settings.has_database():
        folder = settings.directory / settings.data_dir
        raise StoreError(
            f"There is no database in {folder} yet: start the gateway there, run `exeat migrate`, or set"
            " EXEAT_DATA_DIR, EXEAT_DATABASE_URL or EXEAT_CONTROL_URL."
        )
    with open_trail(settings, makes_tables=True) as engine, asyncio.Runner() as runner:
        effect = Effect(settings, engine)
        services = Services(
            engine=engine,
            sealer=LateSealer(settings),
            check=effect.check,
            outside=effect.outside,
            explain=effect.explain,
            endpoints=effect.endpoints,
            test_webhook=effect.test_webhook,
            audit=records.record,
            clock=lambda: datetime.now(UTC).timestamp(),
            steady=time.monotonic,
            status=lambda: {"version": __version__},
            report=lambda error, _: faults.append(error),
        )
        try:
            yield Local(build_app(services, acting_as=myself()), runner, records, faults)
        finally:
            records.close()


def myself() -> Caller:
    """Who runs the command: whoever can read keyring and database is an administrator."""
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return Caller(f"cli:{name}", Role.ADMINISTRATOR)
