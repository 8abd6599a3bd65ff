"""The admin API within the control process: its listener, and what it needs of the rest."""

# ruff: noqa: PLC0415 - a gateway without a control listener doesn't load a web framework

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from exeat.cli.channel import ControlStart, Identity
from exeat.cli.control.database import Database
from exeat.cli.control.measuring import Measuring
from exeat.cli.control.state import describe_state
from exeat.cli.data_folder import change_of
from exeat.journal.changes import Change
from exeat.model.secret import Secret
from exeat.telemetry.logs import Log
from exeat.vault.keyring import KeyringError
from exeat.vault.keyring_file import open_keyring
from exeat.vault.seal import Sealer

if TYPE_CHECKING:
    import uvicorn

    from exeat.admin.running import Running
    from exeat.admin.services import Members
    from exeat.cli.control.effect import Effect
    from exeat.cli.control.live import Live
    from exeat.cli.control.running import Events
    from exeat.cli.control.shipping import Shipping
    from exeat.config.settings import Settings

END_S = 2.0
BACKLOG = 128
TOKEN_FILE = "admin-token"  # noqa: S105 - a file's name


class Administration:
    """Serves the admin API on the listeners that were inherited; does nothing where there are none.

    `state` is what the supervisor says of what is in force; `changed` is called after each revision made here.
    """

    def __init__(self, start: ControlStart, database: Database, record: Callable[[Change], bool], log: Log) -> None:
        self._start = start
        self._database = database
        self._record = record
        self._log = log
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._context: ssl.SSLContext | None = None
        self._has_said = False
        self.state: Mapping[str, object] = {}
        self.changed: Callable[[], None] = lambda: None
        self.shipping: Shipping | None = None
        self.measuring = Measuring(self._status)
        self.live: Live | None = None
        self.events: Events | None = None
        self.token_of: Callable[[str], Secret | None] = lambda _source: None
        self._certificate = None if start.identity is None else start.identity.certificate

    @cached_property
    def _settings(self) -> "Settings":
        from exeat.config.settings import read_settings

        start = self._start
        return read_settings(start.environment, Path(start.directory), _path(start.config))

    def begin(self) -> None:
        """Listen from now on."""
        if self._start.listeners:
            from exeat.cli.control.running import Events, make_live

            self.live = make_live(self.measuring, lambda: self.state, self._database.unprepared)
            self.events = Events()
            self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def end(self) -> None:
        """Answer what was asked, and stop."""
        if self.live is not None:
            self.live.end()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait([self._serving], timeout=END_S)

    def show(self, identity: Identity) -> None:
        """Show another certificate to who connects from now on."""
        self._certificate = identity.certificate
        if self._context is not None:
            _load(self._context, identity)

    def bootstrap(self, engine: Engine) -> bool:
        """See that there is an administrator, and say once how to log in; from any thread.

        Whether that is done; it isn't where no record of it can be kept now.
        """
        if not self._start.listeners:
            return True
        from exeat.admin.bootstrap import NotRecordedError, bootstrap

        token = self._settings.admin_token
        try:
            made = bootstrap(engine, token, audit=self._audit, now_us=time.time_ns() // 1000)
        except NotRecordedError as error:
            if not self._has_said:
                self._log.error("there is no administrator yet", reason=str(error))
            self._has_said = True
            return False
        if made is not None:
            self._tell_token(made)
        return True

    def _tell_token(self, made: Secret) -> None:
        """Say what the first administrator's token is: where a log would keep it, in a file."""
        if self._start.log_json:
            file = self._settings.directory / self._settings.data_dir / TOKEN_FILE
            file.touch(0o600)
            file.write_text(made.reveal() + "\n", "ascii")
            self._log.warning(
                "the first administrator's token is in a file; remove it once you have it", file=str(file)
            )
            return
        sys.stderr.write(
            f"The first administrator is 'admin', with this token, which is shown once:\n  {made.reveal()}\n"
        )
        sys.stderr.flush()

    def _audit(self, actor: str, action: str, what: str, before: "Members", after: "Members") -> bool:
        return self._record(change_of(actor, action, what, before, after))

    async def _serve(self) -> None:
        try:
            server = self._make_server()
        except KeyringError as error:
            self._log.error("there is no admin API: its secrets can't be sealed", reason=str(error))
            return
        except Exception as error:  # noqa: BLE001 - a boundary: records are moved all the same
            self._log.bug(error)
            return
        self._server = server
        sockets = [socket.socket(fileno=descriptor) for descriptor in self._start.listeners]
        await server.serve(sockets)

    def _make_server(self) -> "uvicorn.Server":
        import uvicorn

        from exeat.admin.app import build_app
        from exeat.admin.services import Services
        from exeat.cli.control.effect import Effect
        from exeat.cli.control.quiet_server import QuietServer

        start, settings = self._start, self._settings
        data_dir = settings.directory / settings.data_dir
        effect = Effect(settings, self._database.unprepared)
        services = Services(
            engine=self._database.unprepared,
            sealer=Sealer(open_keyring(settings.keyring, settings.directory, data_dir)),
            check=effect.check,
            outside=effect.outside,
            explain=effect.explain,
            endpoints=effect.endpoints,
            test_webhook=effect.test_webhook,
            audit=self._audit,
            clock=lambda: time.time_ns() / 1e9,
            steady=time.monotonic,
            status=self._status,
            samples=self.measuring.samples,
            metrics_token=settings.metrics_token,
            changed=lambda _: self.changed(),
            report=lambda error, request: self._log.bug(error, request=request),
            trusted=settings.trusted_proxies,
            running=self._running(effect),
        )
        config = uvicorn.Config(
            build_app(services),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # admin/forwarded.py reads them, as the gateway's own listeners do
            lifespan="off",
            backlog=BACKLOG,
        )
        config.load()
        if start.identity is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
            _load(self._context, start.identity)
            config.ssl = self._context
        return QuietServer(config)

    def _running(self, effect: "Effect") -> "Running":
        from exeat.admin.running import NOTHING
        from exeat.cli.control.running import make_running

        if self.live is None or self.events is None:
            return NOTHING
        return make_running(
            self._settings,
            effect,
            self.measuring,
            self.live,
            self.events,
            lambda: self.state,
            lambda: self._certificate,
            lambda source: self.token_of(source),  # noqa: PLW0108 - it is set later
        )

    def _status(self) -> Mapping[str, object]:
        trouble = {} if self.shipping is None else self.shipping.trouble
        return describe_state(self._start, self.state, trouble)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    from exeat.proxy.dial import load_identity

    load_identity(context, identity.certificate, identity.key)
