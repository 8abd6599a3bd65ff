"""`exeat serve`: from settings to a running gateway; the only place that wires the planes together."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exeat.cli.banner import Served, render_banner
from exeat.cli.certificate import Certificate, CertificateError, open_certificate
from exeat.cli.configuration import Configuration
from exeat.cli.control_child import ControlChild
from exeat.cli.data_folder import DataFolder, DataFolderError, open_data_folder
from exeat.cli.listeners import ListenError, Listeners, listen
from exeat.cli.output import complain
from exeat.cli.supervisor import Supervisor
from exeat.config.compile import Loaded, load
from exeat.config.problem import ConfigError
from exeat.config.settings import DOCUMENT_FILE, Settings, read_settings
from exeat.config.watch import Watch
from exeat.telemetry.logs import Log


def serve(config: Path | None = None) -> int:
    """Run the gateway that the environment describes, until a signal ends it; the exit code."""
    try:
        settings = read_settings(config=config)
    except ConfigError as error:
        return complain(error.problems)
    return run(settings)


def run(settings: Settings, *, banner: Callable[[], str] | None = None, ready: Callable[[], None] | None = None) -> int:
    """Run a gateway with these settings until SIGTERM or SIGINT.

    `banner` makes the text that is printed once it serves, in place of the usual one; `ready` is called after that.
    Exit codes: 0 for a clean end, 1 if it had to be forced, 2 if the document, a certificate or an address is wrong.
    """
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stdout.isatty())
    log = Log("supervisor", level=settings.log_level, as_json=as_json)
    with contextlib.ExitStack() as held:
        try:
            start = _prepare(settings, held)
        except ConfigError as error:
            return complain(error.problems)
        except (ListenError, DataFolderError, CertificateError) as error:
            return complain([error])
        return asyncio.run(_supervise(start, log, as_json=as_json, banner=banner, ready=ready))


class Prepared(NamedTuple):
    """What a gateway holds before it serves; `loaded` is None where the database has to be asked first."""

    settings: Settings
    watch: Watch
    loaded: Loaded | None
    listeners: Listeners
    control_listeners: Listeners
    data: DataFolder
    certificate: Certificate | None


def _prepare(settings: Settings, held: contextlib.ExitStack) -> Prepared:
    """Bind, lock and read what a gateway can't do without; what is held is let go with `held`."""
    watch = Watch(_first_watched(settings))
    loaded = None if settings.has_database() else load(settings)
    listeners = listen(settings.listen, settings.workers)
    held.callback(listeners.close)
    control = () if settings.control_listen is None else (settings.control_listen,)
    try:
        control_listeners = listen(control, 1)
    except ListenError as error:
        raise ListenError(f"EXEAT_CONTROL_LISTEN: {error}; set another address, or off") from error
    held.callback(control_listeners.close)
    data = open_data_folder(settings)
    held.callback(data.release)
    names = [host for host, _ in (*listeners.own, *control_listeners.own)]
    certificate = open_certificate(settings, names)
    return Prepared(settings, watch, loaded, listeners, control_listeners, data, certificate)


async def _supervise(
    start: Prepared,
    log: Log,
    *,
    as_json: bool,
    banner: Callable[[], str] | None,
    ready: Callable[[], None] | None,
) -> int:
    """Load what the gateway serves, and serve it."""
    settings, certificate = start.settings, start.certificate
    control = ControlChild(
        settings,
        start.data,
        start.control_listeners,
        lambda: None if certificate is None else certificate.identity,
        log,
        as_json=as_json,
    )
    configuration = Configuration(settings, start.data, log)
    control.begin()
    try:
        loaded = start.loaded or await configuration.begin(control)
    except ConfigError as error:
        await control.end()
        return complain(error.problems)
    start.watch.follow(loaded.watched)
    for warning in loaded.warnings:
        log.warning("in the document", warning=str(warning))
    served = _describe(start, loaded)

    def serving() -> None:
        if banner is not None or not as_json:
            text = render_banner(served) if banner is None else banner()
            with contextlib.suppress(OSError):  # nobody reads it
                sys.stderr.write(text.rstrip("\n") + "\n")
                sys.stderr.flush()
        else:
            log.info("serving", **served.facts())
        if ready is not None:
            ready()

    supervisor = Supervisor(
        settings,
        loaded,
        start.listeners,
        certificate,
        start.data,
        configuration,
        control,
        watch=start.watch,
        log=log,
        as_json=as_json,
        ready=serving,
    )
    return await supervisor.run()


def _first_watched(settings: Settings) -> list[Path]:
    """What the first load depends on for certain: a change while it loads is then seen."""
    return [settings.document_file() or settings.directory / DOCUMENT_FILE, settings.environment().dotenv]


def _describe(start: Prepared, loaded: Loaded) -> Served:
    certificate = start.certificate
    return Served(
        addresses=tuple(start.listeners.addresses),
        snapshot=loaded.snapshot,
        file=start.settings.document_file(),
        certificate=None if certificate is None else certificate.file,
        is_self_signed=certificate is not None and certificate.is_self_signed,
        workers=start.settings.workers,
        control=tuple(start.control_listeners.addresses),
    )
