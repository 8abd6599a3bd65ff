"""What the database holds of the configuration, as it travels to who compiles it; its secrets are sealed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from exeat.model.by_hand import ByHand

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
    `vault_context(NAME)`. `endpoints` is what operators have said of endpoints, whichever source their upstream is
    written in.
    """

    revision: int = 0
    document: Mapping[str, object] = field(default_factory=dict)
    keys: tuple[StoredKey, ...] = ()
    vault: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    endpoints: tuple[ByHand, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyNews:
    """The keys that are new or different after revision `revision`; since `before`, nothing else was changed.

    Or what is said of endpoints: then `endpoints` is all of that.
    """

    before: int
    revision: int
    keys: tuple[StoredKey, ...]
    endpoints: tuple[ByHand, ...] | None = None


NOTHING = Stored()


def take_news(stored: Stored, news: KeyNews) -> Stored:
    """The database's part with its news; ValueError if they are those of another revision."""
    if stored.revision != news.before:
        raise ValueError(f"news of revision {news.before} don't fit {stored.revision}")
    fresh = {key.id: key for key in news.keys}
    keys = tuple([fresh.pop(key.id, key) for key in stored.keys])
    if fresh:
        keys = tuple(sorted((*keys, *fresh.values()), key=lambda key: key.id))
    endpoints = stored.endpoints if news.endpoints is None else news.endpoints
    return replace(stored, revision=news.revision, keys=keys, endpoints=endpoints)


def vault_context(name: str) -> bytes:
    """What a value of the vault is sealed for, so that none can be put in another's place."""
    return b"vault:" + name.encode()
