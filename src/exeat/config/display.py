"""The document as it may be shown: as written, with secrets masked; and the revision that names its content."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exeat.config.problem import Path
from exeat.model.by_hand import ByHand
from exeat.model.secret_fields import holds_secret

MASK = "(secret)"
_BYTES = 32
_MODULUS = 2 ** (8 * _BYTES)
_encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))
_REFERENCE = re.compile(r"\$\{[^{}]*\}")


def show(data: Mapping[str, object]) -> dict[str, object]:
    """The document without secrets: a reference is shown, a literal is not."""
    return {name: _show(value, (name,)) for name, value in data.items()}


def _show(value: object, path: Path) -> object:
    if isinstance(value, dict):
        return {name: _show(item, (*path, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_show(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, str) and _holds_secret(path) and not _REFERENCE.fullmatch(value):
        return MASK
    return value


def _holds_secret(path: Path) -> bool:
    if path[0] == "webhooks":
        return path[2:] == ("secret",)
    if path[0] != "upstreams":
        return False
    return holds_secret(path[2:])


class Digest(NamedTuple):
    """What a resolved document comes down to, its secrets and TLS files included.

    `keys` adds up what each key of a consumer comes down to, so that one can be taken out and another put in;
    `by_hand` is what operators said of endpoints.
    """

    rest: bytes
    keys: int
    by_hand: bytes = b""

    def change(self, *, out: Iterable[int], into: Iterable[int]) -> "Digest":
        """The digest with other keys."""
        return self._replace(keys=(self.keys - sum(out) + sum(into)) % _MODULUS)

    def hold(self, said: Iterable[ByHand]) -> "Digest":
        """The digest with what operators said of endpoints; what says nothing any more doesn't count."""
        counting = [(one.id, one.state, one.until, one.reset) for one in said if one.state is not None or one.reset]
        return self._replace(by_hand=_render(counting) if counting else b"")

    def revision(self) -> str:
        """Twelve hexadecimal digits that change with the document."""
        return hashlib.sha256(self.rest + self.keys.to_bytes(_BYTES) + self.by_hand).hexdigest()[:12]


def digest_of(data: Mapping[str, object], fingerprints: Iterable[str]) -> Digest:
    """The digest of a resolved document whose TLS files have these fingerprints."""
    rest, keys = dict(data), 0
    consumers = data.get("consumers")
    if isinstance(consumers, Mapping):
        rest["consumers"] = bare = dict(consumers)
        for name, consumer in consumers.items():
            listed = consumer.get("keys") if isinstance(consumer, Mapping) else None
            if isinstance(listed, list):
                bare[name] = {field: value for field, value in consumer.items() if field != "keys"}
                keys += sum(digest_of_key(name, key) for key in listed)
    return Digest(hashlib.sha256(_render([rest, list(fingerprints)])).digest(), keys % _MODULUS)


def digest_of_key(consumer: str, entry: object) -> int:
    """What a consumer's key comes down to."""
    return int.from_bytes(hashlib.sha256(_render([consumer, entry])).digest())


def _render(value: object) -> bytes:
    return _encoder.encode(value).encode()
