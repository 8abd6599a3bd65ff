"""`exeat demo`: a gateway, a sample API behind it, keys, lines to copy and a little traffic; no network, no set-up.

Everything it makes is in one temporary folder, and goes when it ends.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Never

from exeat.cli.output import WRONG
from exeat.cli.sample.address import Address, choose_control, choose_listen, find_address, find_dashboard
from exeat.cli.sample.certificates import write_certificates
from exeat.cli.sample.document import FILE, make_keys, make_symbols, write_document
from exeat.cli.sample.examples import make_examples
from exeat.cli.sample.page import Facts, render_page
from exeat.cli.sample.process import Sample, SampleError, make_secrets, running
from exeat.cli.sample.traffic import traffic
from exeat.cli.serve import run
from exeat.config.problem import SettingsError
from exeat.config.settings import Settings, read_settings
from exeat.model.admin_token import make_token
from exeat.model.secret import Secret

FAILED = 1
# What of the environment holds here too; everything else, parts of a document included, is left out.
HONOURED = (
    "EXEAT_LISTEN", "EXEAT_CONTROL_LISTEN", "EXEAT_TLS", "EXEAT_WORKERS", "EXEAT_LOG_LEVEL", "EXEAT_LOG_FORMAT",
    "EXEAT_DRAIN_S",
)  # fmt: skip
DRAIN_S = "3"


def demo(*, with_traffic: bool = True) -> int:
    """Run the demonstration until SIGTERM or SIGINT; the exit code."""
    try:
        with _ending_politely(), TemporaryDirectory(prefix="exeat-demo-") as name:
            return _run(Path(name).resolve(), with_traffic=with_traffic)
    except SettingsError as error:
        for problem in error.problems:
            _say(f"exeat: {problem}")
        return WRONG
    except SampleError as error:
        _say(f"exeat: {error}")
        return FAILED
    except KeyboardInterrupt:  # before there was a gateway to drain
        return 0


def _run(folder: Path, *, with_traffic: bool) -> int:
    keys, passwords = make_keys(), make_secrets()
    files = write_certificates(folder)
    token = make_token(make_symbols).token
    settings, remark = _settings(folder, files.authority, token)
    address = find_address(settings)
    with running(files, passwords) as sample:
        document = write_document(folder, sample.ports, passwords, keys)
        groups = make_examples(address.gateway, sample.ports, keys)
        dashboard = find_dashboard(settings)
        facts = Facts(address.gateway, document, keys, groups, remark, with_traffic, dashboard, token.reveal())
        code = _serve(settings, address, facts)
        _ignore_signals()  # what is left to do is short, and should be done
    return _close(code, sample)


def _settings(folder: Path, authority: Path, token: Secret) -> tuple[Settings, str | None]:
    """The demo's settings, within those of the environment, and a remark about the address if there is one."""
    outer = read_settings()
    given = outer.environment().values
    listen, remark = choose_listen(outer, is_given=bool(given.get("EXEAT_LISTEN")))
    control = choose_control(outer, listen, is_given=bool(given.get("EXEAT_CONTROL_LISTEN")))
    process = {
        "EXEAT_DRAIN_S": DRAIN_S,
        **{name: given[name] for name in HONOURED if given.get(name)},
        "EXEAT_LISTEN": listen,
        "EXEAT_CONTROL_LISTEN": control,
        "EXEAT_ADMIN_TOKEN": token.reveal(),  # printed, as the keys are: it opens nothing but this demo
        "EXEAT_DATA_DIR": str(folder / "data"),
        "SSL_CERT_FILE": str(authority),  # a destination has no `tls.ca` of its own
    }
    return read_settings(process, folder, folder / FILE), remark


def _serve(settings: Settings, address: Address, facts: Facts) -> int:
    def page() -> str:
        return render_page(facts, colour=sys.stderr.isatty())

    if not facts.has_traffic:
        return run(settings, banner=page)
    with traffic(address.connect, facts.keys.traffic.key) as start:
        return run(settings, banner=page, ready=start)


def _close(code: int, sample: Sample) -> int:
    """The last word: what the sample API saw."""
    if sample.requests is None or code == WRONG:
        return code
    if sample.keys:
        _say(f"The sample API received {sample.requests} requests; {sample.keys} held an Exeat key. That is a bug.")
        return FAILED
    _say(f"The sample API received {sample.requests} requests, none of them with an Exeat key. Nothing is left behind.")
    return code


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


@contextmanager
def _ending_politely() -> Iterator[None]:
    """SIGTERM unwinds as Ctrl-C does, so that what was made is removed, wherever it arrives."""

    def interrupt(number: int, frame: FrameType | None) -> Never:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
