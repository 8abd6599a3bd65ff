"""What `${vault:NAME}` stands for: values of the database, opened where the document is compiled and nowhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exeat.config.problem import suggest
from exeat.model.stored import VAULT_NAME, vault_context
from exeat.vault.keyring import KeyringError
from exeat.vault.seal import Sealer, SealError


class VaultError(Exception):
    """A value that can't be had; the sentence says why, and holds nothing of it."""


@dataclass(slots=True)
class Vault:
    """Sealed values by name, and how to come by what opens them; the keyring is read when the first one is asked for.

    `keyring` raises KeyringError where it can't be used.
    """

    values: Mapping[str, bytes] = field(repr=False)
    keyring: Callable[[], Sealer]
    _sealer: Sealer | None = None

    def open(self, name: str) -> str:
        """The value of a name; VaultError if there is none, or it can't be opened."""
        sealed = self.values.get(name)
        if not VAULT_NAME.fullmatch(name):  # it may be a secret that somebody has put into the wrong place
            raise VaultError("what stands behind 'vault:' can't be a name there: a-z, digits, '.', '_' and '-'")
        if sealed is None:
            raise VaultError(f"the vault has no '{name}'{suggest(name, self.values)}")
        try:
            if self._sealer is None:
                self._sealer = self.keyring()
            return self._sealer.open(sealed, vault_context(name)).decode()
        except (KeyringError, SealError, UnicodeDecodeError) as error:
            reason = "isn't text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise VaultError(f"the vault's '{name}' can't be opened: {reason}") from error
