"""What the database holds of the configuration, as it travels to who compiles it; its secrets are sealed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

VAULT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
DATABASE_FILE = "exeat.db"  # in the data directory, where no other database is named


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of a consumer, whichever source the consumer comes from. Times are seconds since 1970.

    `expires_at` ends it, also where a rotation's grace does; `networks` are written as in the document.
    """

    id: str
    sha256: str
    consumer: str
    expires_at: float | None = None
    revoked: bool = False
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """The database's part of the configuration after revision `revision`; 0 is before the first change.

    `document` is shaped like the document that people write: `upstreams` and `consumers` by name, `destinations` as a
    list, `cors`, `domains`, `network`, `audit`. `vault` holds what `${vault:NAME}` stands for, each value sealed for
    `vault_context(NAME)`.
    """

    revision: int = 0
    document: Mapping[str, object] = field(default_factory=dict)
    keys: tuple[StoredKey, ...] = ()
    vault: Mapping[str, bytes] = field(default_factory=dict, repr=False)


NOTHING = Stored()


def vault_context(name: str) -> bytes:
    """What a value of the vault is sealed for, so that none can be put in another's place."""
    return b"vault:" + name.encode()
