"""Sealing in a worker: the keyring is opened when something is to be sealed, and not before."""

# ruff: noqa: PLC0415 - a worker that seals nothing doesn't load what can

from pathlib import Path
from typing import TYPE_CHECKING

from exeat.model.secret import Secret
from exeat.telemetry.logs import Log

if TYPE_CHECKING:
    from exeat.vault.seal import Sealer


class LateSealer:
    """Seals with the keyring that `setting` names, or that of the data directory."""

    def __init__(self, setting: str | None, data_dir: Path, log: Log) -> None:
        self._setting = None if setting is None else Secret(setting)
        self._data_dir = data_dir
        self._log = log
        self._sealer: Sealer | None = None
        self._trouble: str | None = None

    def seal(self, plaintext: bytes, context: bytes) -> bytes | None:
        """Seal a value; None, and a word in the log, where there is no keyring to do it with."""
        if self._sealer is None:
            self._sealer = self._open()
        return None if self._sealer is None else self._sealer.seal(plaintext, context)

    def _open(self) -> "Sealer | None":
        from exeat.vault.keyring import KeyringError
        from exeat.vault.keyring_file import open_keyring
        from exeat.vault.seal import Sealer

        try:
            return Sealer(open_keyring(self._setting, Path(), self._data_dir))
        except KeyringError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._log.error("bodies aren't kept", reason=self._trouble)
            return None
