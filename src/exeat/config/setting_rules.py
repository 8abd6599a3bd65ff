"""Rules that hold between settings: each says what is wrong, and what to set instead."""

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from exeat.config.listen import Listen
from exeat.config.problem import printable
from exeat.config.setting_values import is_plaintext_elsewhere
from exeat.model.secret import Secret

EXPORTER = "opentelemetry.exporter.otlp.proto.http"


def plaintext_fault(listens: Iterable[Listen]) -> str | None:
    """What is wrong with addresses on which nothing is encrypted."""
    open_to_others = [str(listen) for listen in listens if not listen.is_local]
    if not open_to_others:
        return None
    return (
        f"{', '.join(open_to_others)} can be reached from other machines, where keys would travel in plaintext; set"
        " EXEAT_TLS_CERTIFICATE and EXEAT_TLS_KEY, or EXEAT_TLS=self-signed, or EXEAT_TLS=off if a proxy in front"
        " ends TLS"
    )


def file_fault(folder: Path, file: Path | None) -> str | None:
    """Why a PEM file that is named can't be used; text in place of a name is never quoted: it may be a key."""
    if file is None:
        return None
    if "-----BEGIN" in str(file):
        return "holds PEM text; write it to a file, and name that"
    try:
        is_there = (folder / file).is_file()
    except (OSError, ValueError):
        return "isn't a possible file name"
    return None if is_there else f"there is no file {printable(str(file))}"


def check_traces(url: str | None, headers: Secret | None) -> Iterator[str]:
    """What is wrong with EXEAT_OTLP_URL, next to EXEAT_OTLP_HEADERS."""
    if url is None:
        if headers is not None:
            yield "is missing; EXEAT_OTLP_HEADERS are sent there"
        return
    if not _has_exporter():
        yield "needs OpenTelemetry: install it with pip install 'exeat[otel]'"
    if headers is not None and is_plaintext_elsewhere(url):
        yield "is http:// on another machine, where EXEAT_OTLP_HEADERS would be read; write https"


def _has_exporter() -> bool:
    """Whether what sends traces is installed."""
    try:
        return importlib.util.find_spec(EXPORTER) is not None
    except ModuleNotFoundError:  # nor is what it is a part of
        return False
