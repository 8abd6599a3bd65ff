"""What workers derive from the keyring: the secrets of signing callers, and those by which links are signed.

The keyring is opened when one of them is needed, and not before.
"""

# ruff: noqa: PLC0415 - a worker that needs none of it doesn't load what can

from pathlib import Path
from typing import TYPE_CHECKING

from exeat.model.secret import Secret
from exeat.telemetry.logs import Log

if TYPE_CHECKING:
    from exeat.vault.keyring import Keyring


class LatePairs:
    """Derives secrets from the keyring that `setting` names, or that of the data directory."""

    def __init__(self, setting: str | None, data_dir: Path, log: Log) -> None:
        self._setting = None if setting is None else Secret(setting)
        self._data_dir = data_dir
        self._log = log
        self._keyring: Keyring | None = None
        self._link_secrets: tuple[Secret, ...] = ()
        self._trouble: str | None = None

    def secrets_of(self, key_id: str) -> tuple[Secret, ...]:
        """The secrets by which the key with this id may sign; none, and a word in the log, without a keyring."""
        from exeat.vault.aws_pair import secrets_of

        if self._keyring is None:
            self._keyring = self._open("callers' AWS signatures can't be verified", makes=False)
        return () if self._keyring is None else secrets_of(self._keyring, key_id)

    def link_secrets(self) -> tuple[Secret, ...]:
        """The secrets by which links are signed, the one that signs first; none, and a word in the log, without one."""
        from exeat.vault.link_secrets import link_secrets_of

        if not self._link_secrets:
            keyring = self._keyring = self._keyring or self._open("links can't be signed", makes=True)
            self._link_secrets = () if keyring is None else link_secrets_of(keyring)
        return self._link_secrets

    def fresh_link_secrets(self) -> tuple[Secret, ...]:
        """The same, after another look at the keyring: who was started later may know a newer one."""
        from exeat.vault.link_secrets import link_secrets_of

        keyring = self._open("links can't be verified", makes=False)
        if keyring is not None:
            self._keyring, self._link_secrets = keyring, link_secrets_of(keyring)
        return self._link_secrets

    def _open(self, consequence: str, *, makes: bool) -> "Keyring | None":
        from exeat.vault.keyring import KeyringError
        from exeat.vault.keyring_file import open_keyring, read_keyring

        provide = open_keyring if makes else read_keyring
        try:
            return provide(self._setting, Path(), self._data_dir)
        except KeyringError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._log.error(consequence, reason=self._trouble)
            return None
