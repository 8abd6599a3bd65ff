"""The certificate of the gateway's listeners: from files, read again when they change, or self-signed.

A pair is used only once it has been seen to load; until then, the one before stays. Workers get the text of the pair,
so that one which is started again while the files are half replaced shows the last good one too.
"""

import contextlib
import os
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from exeat.cli.channel import Identity
from exeat.config.settings import Settings
from exeat.config.watch import Watch

RENEW_EVERY_S = 3600.0


class CertificateError(Exception):
    """A pair can't be used; the text is one line that says why."""


class Certificate:
    """The pair of files that the listeners show, and what they held when they were last good."""

    def __init__(self, certificate: Path, key: Path, renew: Callable[[], object] | None = None) -> None:
        self.file = certificate
        self.is_self_signed = renew is not None
        self._key = key
        self._renew = renew
        self._renew_at = 0.0
        self._watch = Watch([certificate, key])
        self.identity = read_pair(certificate, key)

    def changed(self, now: float) -> bool:
        """Whether the files have changed since the last look; one's own is made anew in time. `now` is monotonic."""
        if self._renew is not None and now >= self._renew_at:
            self._renew_at = now + RENEW_EVERY_S
            with contextlib.suppress(OSError):
                self._renew()
        return self._watch.changed()

    def read_again(self) -> bool:
        """Take what the files hold now, whether it is another pair; CertificateError leaves the one before."""
        before, self.identity = self.identity, read_pair(self.file, self._key)
        return self.identity != before


def open_certificate(settings: Settings, names: list[str]) -> Certificate | None:
    """The certificate that the settings ask for, made first if it is to be self-signed; None is plaintext."""
    if settings.tls_certificate is not None and settings.tls_key is not None:
        folder = settings.directory
        return Certificate(folder / settings.tls_certificate, folder / settings.tls_key)
    if settings.tls != "self-signed":
        return None
    from exeat.cli.self_signed import ensure_pair  # noqa: PLC0415 - cryptography takes long to import

    folder = settings.directory / settings.data_dir
    renew = partial(ensure_pair, folder, names)
    try:
        certificate, key = renew()
    except OSError as error:
        raise CertificateError(f"EXEAT_DATA_DIR: can't keep a certificate in {folder}: {error.strerror}") from error
    return Certificate(certificate, key, renew)


def read_pair(certificate: Path, key: Path) -> Identity:
    """Read both files, and see that they load and belong together."""
    pair = Identity(_read(certificate, "EXEAT_TLS_CERTIFICATE"), _read(key, "EXEAT_TLS_KEY"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty passphrase instead of OpenSSL's question on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise CertificateError(f"{certificate} and {key} can't be used: {_explain(error, pair)}") from error
    return pair


def _read(file: Path, variable: str) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise CertificateError(f"{variable}: {file} can't be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise CertificateError(f"{variable}: {file} isn't PEM") from error


def _explain(error: ssl.SSLError, pair: Identity) -> str:
    """What is wrong with a pair: OpenSSL gives little more than that it is."""
    if "-----BEGIN CERTIFICATE-----" not in pair.certificate:
        return "the first holds no PEM certificate"
    if "PRIVATE KEY-----" not in pair.key:
        return "the second holds no PEM private key"
    if "ENCRYPTED" in pair.key:
        return "the key is encrypted; give it without a passphrase"
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key isn't that of the certificate"
    return (error.reason or "they can't be read").replace("_", " ").lower()
