"""What the database holds of the configuration, as it travels to who compiles it; its secrets are sealed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

VAULT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
DATABASE_FILE = "exeat.db"  # in the data directory, where no other database is named


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of a consumer, whichever source the consumer comes from. Times are seconds since 1970.

    `expires_at` ends it, also where a rotation's grace does; `networks` and `limits` are written as in the document.
    """

    id: str
    sha256: str
    consumer: str
    expires_at: float | None = None
    revoked: bool = False
    networks: tuple[str, ...] = ()
    limits: tuple[Mapping[str, object], ...] = ()


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


@dataclass(frozen=True, slots=True)
class KeyNews:
    """The keys that are new or different after revision `revision`; since `before`, nothing else was changed."""

    before: int
    revision: int
    keys: tuple[StoredKey, ...]


NOTHING = Stored()


def take_news(stored: Stored, news: KeyNews) -> Stored:
    """The database's part with its news; ValueError if they are those of another revision."""
    if stored.revision != news.before:
        raise ValueError(f"news of revision {news.before} don't fit {stored.revision}")
    fresh = {key.id: key for key in news.keys}
    keys = tuple([fresh.pop(key.id, key) for key in stored.keys])
    if fresh:
        keys = tuple(sorted((*keys, *fresh.values()), key=lambda key: key.id))
    return replace(stored, revision=news.revision, keys=keys)


def vault_context(name: str) -> bytes:
    """What a value of the vault is sealed for, so that none can be put in another's place."""
    return b"vault:" + name.encode()
