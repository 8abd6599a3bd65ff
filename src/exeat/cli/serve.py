"""`exeat serve`: from settings to a running gateway; the only place that wires the planes together."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

from exeat.cli.banner import Served, render_banner
from exeat.cli.certificate import Certificate, CertificateError, open_certificate
from exeat.cli.data_folder import DataFolderError, open_data_folder
from exeat.cli.listeners import ListenError, Listeners, listen
from exeat.cli.output import complain
from exeat.cli.supervisor import Supervisor
from exeat.config.compile import Loaded, load
from exeat.config.problem import ConfigError
from exeat.config.settings import Settings, read_settings
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
    watch = Watch(_first_watched(settings))
    try:
        loaded = load(settings)
        listeners = listen(settings.listen, settings.workers)
    except ConfigError as error:
        return complain(error.problems)
    except ListenError as error:
        return complain([error])
    try:
        data = open_data_folder(settings)
    except DataFolderError as error:
        listeners.close()
        return complain([error])
    try:
        certificate = open_certificate(settings, [host for host, _ in listeners.own])
    except CertificateError as error:
        listeners.close()
        data.release()
        return complain([error])
    watch.follow(loaded.watched)
    for warning in loaded.warnings:
        log.warning("in the document", warning=str(warning))
    served = _describe(settings, loaded, listeners, certificate)

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

    async def supervise() -> int:
        supervisor = Supervisor(
            settings, loaded, listeners, certificate, data, watch=watch, log=log, as_json=as_json, ready=serving
        )
        return await supervisor.run()

    try:
        return asyncio.run(supervise())
    finally:
        listeners.close()
        data.release()


def _first_watched(settings: Settings) -> list[Path]:
    """What the first load depends on for certain: a change while it loads is then seen."""
    return [settings.document_file() or settings.directory / "exeat.yaml", settings.environment().dotenv]


def _describe(settings: Settings, loaded: Loaded, listeners: Listeners, certificate: Certificate | None) -> Served:
    return Served(
        addresses=tuple(listeners.addresses),
        snapshot=loaded.snapshot,
        file=settings.document_file(),
        certificate=None if certificate is None else certificate.file,
        is_self_signed=certificate is not None and certificate.is_self_signed,
        workers=settings.workers,
    )
