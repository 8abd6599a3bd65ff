"""The database's part of the configuration as bytes: on its way to the supervisor, and kept for when it is away.

Rule 1: the file is sealed as a whole with the keyring: it holds digests of keys, and what is only known to be sealed.
Rule 2: it is seen whole or not at all, and one that doesn't open is as good as none.
"""

import contextlib
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from exeat.model.by_hand import ByHand
from exeat.model.sealed import master_key_of
from exeat.model.stored import KeyNews, Stored, StoredKey, vault_context
from exeat.vault.seal import Sealer

KEPT_FILE = "configuration.sealed"
_CONTEXT = b"configuration"


def render_stored(stored: Stored) -> bytes:
    """What the database holds as JSON; its secrets stay sealed."""
    return orjson.dumps(
        {
            "revision": stored.revision,
            "document": stored.document,
            "keys": stored.keys,
            "vault": {name: b64encode(sealed).decode() for name, sealed in stored.vault.items()},
            "endpoints": stored.endpoints,
        }
    )


def parse_stored(data: bytes) -> Stored:
    """What `render_stored` wrote; ValueError, TypeError or KeyError for anything else."""
    found = orjson.loads(data)
    return Stored(
        revision=found["revision"],
        document=found["document"],
        keys=tuple(_key(key) for key in found["keys"]),
        vault={name: b64decode(sealed) for name, sealed in found["vault"].items()},
        endpoints=_endpoints(found.get("endpoints", ())),  # an older file has none
    )


def _endpoints(found: Iterable[Mapping[str, Any]]) -> tuple[ByHand, ...]:
    return tuple(ByHand(**one) for one in found)


def _key(found: dict[str, Any]) -> StoredKey:
    lists = {name: tuple(found.get(name, ())) for name in ("networks", "limits")}  # an older file has no limits
    return StoredKey(**{**found, **lists})


def render_news(news: KeyNews) -> bytes:
    """What is new of the database's keys as JSON."""
    return orjson.dumps(news)


def parse_news(data: bytes) -> KeyNews:
    """What `render_news` wrote."""
    found = orjson.loads(data)
    endpoints = None if found["endpoints"] is None else _endpoints(found["endpoints"])
    return KeyNews(found["before"], found["revision"], tuple(map(_key, found["keys"])), endpoints)


def keep_stored(stored: Stored, sealer: Sealer, data_dir: Path) -> None:
    """Keep it for a start without the database; OSError if it can't be written."""
    file = data_dir / KEPT_FILE
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(sealer.seal(render_stored(stored), _CONTEXT))
        out.flush()
        os.fsync(descriptor)
    new.replace(file)


def read_kept(sealer: Sealer, data_dir: Path) -> Stored | None:
    """What was kept last; None if nothing was. SealError if it doesn't open, OSError if it can't be read."""
    file = data_dir / KEPT_FILE
    with contextlib.suppress(FileNotFoundError):
        return parse_stored(sealer.open(file.read_bytes(), _CONTEXT))
    return None


def find_master_keys(sealer: Sealer, data_dir: Path) -> frozenset[str]:
    """The ids of the master keys that are needed to read what was kept last; SealError if it doesn't open."""
    kept = read_kept(sealer, data_dir)
    if kept is None:
        return frozenset()
    outer = master_key_of((data_dir / KEPT_FILE).read_bytes())
    return frozenset({outer, *map(master_key_of, kept.vault.values())})


def reseal_kept(sealer: Sealer, data_dir: Path) -> None:
    """Seal what was kept last anew, with all that is sealed in it; SealError if any of it doesn't open."""
    kept = read_kept(sealer, data_dir)
    if kept is not None:
        contexts = {name: vault_context(name) for name in kept.vault}
        vault = {
            name: sealer.seal(sealer.open(sealed, contexts[name]), contexts[name])
            for name, sealed in kept.vault.items()
        }
        keep_stored(replace(kept, vault=vault), sealer, data_dir)
