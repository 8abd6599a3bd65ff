"""What holds secrets on its way to another process: the one place where a Secret is pickled, or put into JSON.

That is a snapshot for a worker, webhooks and token sources for the control process, and the tokens that it fetches.

Rule 1: the bytes travel over a socket pair between two processes of this machine, never to a file.
Rule 2: what is read back may build only the classes listed here, and call nothing else.
"""

import io
import pickle
import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Any

import orjson

from exeat.model import (
    by_hand,
    circuit,
    consumer,
    credential,
    json_path,
    limit,
    links,
    origin,
    paths,
    signing,
    snapshot,
    token_source,
    upstream,
)
from exeat.model.key_changes import ChangedKey, KeyChanges
from exeat.model.retries import Retries
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from exeat.model.token import TokenNews
from exeat.model.token_source import TokenSource
from exeat.model.webhook import Webhook

PROTOCOL = 5

_CLASSES: tuple[type, ...] = (
    by_hand.ByHand,
    circuit.Circuit,
    circuit.HealthCheck,
    consumer.Consumer,
    consumer.Grant,
    consumer.Key,
    credential.Injection,
    credential.Member,
    credential.Token,
    signing.AwsSignature,
    signing.BodyField,
    signing.HmacSignature,
    limit.Increase,
    limit.Kind,
    limit.Limit,
    limit.Per,
    limit.Price,
    limit.PriceRule,
    limit.Scope,
    links.Links,
    links.SignedLinks,
    origin.Origin,
    origin.Target,
    paths.PathPattern,
    paths.PathRules,
    snapshot.Audit,
    snapshot.Cors,
    snapshot.Snapshot,
    json_path.JsonPath,
    json_path.Step,
    token_source.Client,
    token_source.ClientCredentials,
    token_source.GithubApp,
    token_source.GoogleServiceAccount,
    token_source.JwtBearer,
    token_source.RefreshToken,
    token_source.SigningKey,
    token_source.TokenSource,
    upstream.Bodies,
    upstream.Destination,
    upstream.Endpoint,
    upstream.Reach,
    upstream.Route,
    upstream.Timeouts,
    upstream.TlsIdentity,
    upstream.Upstream,
    Retries,
    Secret,
    Webhook,
    IPv4Network,
    IPv6Network,
)


def freeze(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """A read-only mapping; its own type has no name that pickle could ask for."""
    return MappingProxyType(mapping)


# By the names under which pickle asks for them.
_MAY_BUILD: dict[tuple[str, str], object] = {
    **{(kind.__module__, kind.__qualname__): kind for kind in _CLASSES},
    (re.compile.__module__, re.compile.__qualname__): re.compile,
    (freeze.__module__, freeze.__qualname__): freeze,
}


def dumps(snapshot: Snapshot) -> bytes:
    """A snapshot with its secrets as bytes for a worker; treat them as the secrets themselves."""
    buffer = io.BytesIO()
    _Pickler(buffer, PROTOCOL).dump(snapshot)
    return buffer.getvalue()


def loads(data: bytes) -> Snapshot:
    """The snapshot that `dumps` wrote; UnpicklingError if the bytes build anything else."""
    result = _Unpickler(io.BytesIO(data)).load()
    if not isinstance(result, Snapshot):
        raise pickle.UnpicklingError("the bytes hold no snapshot")
    return result


def render_webhooks(webhooks: tuple[Webhook, ...]) -> bytes:
    """Webhooks with their secrets as bytes for the control process, none where there are none.

    Treat them as the secrets themselves.
    """
    if not webhooks:
        return b""
    buffer = io.BytesIO()
    _Pickler(buffer, PROTOCOL).dump(webhooks)
    return buffer.getvalue()


def parse_webhooks(data: bytes) -> tuple[Webhook, ...]:
    """The webhooks that `render_webhooks` wrote; UnpicklingError if the bytes build anything else."""
    if not data:
        return ()
    result = _Unpickler(io.BytesIO(data)).load()
    if not isinstance(result, tuple) or not all(isinstance(one, Webhook) for one in result):
        raise pickle.UnpicklingError("the bytes hold no webhooks")
    return result


def render_token_sources(sources: tuple[TokenSource, ...]) -> bytes:
    """Token sources with their secrets as bytes for the control process, none where there are none.

    Treat them as the secrets themselves.
    """
    if not sources:
        return b""
    buffer = io.BytesIO()
    _Pickler(buffer, PROTOCOL).dump(sources)
    return buffer.getvalue()


def parse_token_sources(data: bytes) -> tuple[TokenSource, ...]:
    """The sources that `render_token_sources` wrote; UnpicklingError if the bytes build anything else."""
    if not data:
        return ()
    result = _Unpickler(io.BytesIO(data)).load()
    if not isinstance(result, tuple) or not all(isinstance(one, TokenSource) for one in result):
        raise pickle.UnpicklingError("the bytes hold no token sources")
    return result


def render_tokens(news: Iterable[TokenNews], now: float) -> bytes:
    """What is known of tokens as JSON, at a time of the machine's monotonic clock (s), which all processes share.

    Treat it as the tokens themselves.
    """
    return orjson.dumps(
        [
            {
                "source": one.source,
                "token": None if one.token is None else one.token.reveal(),
                "expires_at": None if one.expires_in_s is None else now + one.expires_in_s,
                "reason": one.reason,
                "again_at": None if one.again_in_s is None else now + one.again_in_s,
            }
            for one in news
        ]
    )


def parse_tokens(data: bytes, now: float) -> list[TokenNews]:
    """What `render_tokens` wrote, as it is known at another time of the same clock."""
    return [
        TokenNews(
            one["source"],
            None if one["token"] is None else Secret(one["token"]),
            None if one["expires_at"] is None else one["expires_at"] - now,
            one["reason"],
            None if one["again_at"] is None else max(one["again_at"] - now, 0.0),
        )
        for one in orjson.loads(data)
    ]


def render_changes(changes: KeyChanges) -> bytes:
    """Changes of keys as JSON for a worker."""
    changed = [
        (
            key.sha256.hex(),
            key.id,
            key.consumer,
            key.expires_at,
            key.revoked,
            [str(network) for network in key.networks],
        )
        for key in changes.changed
    ]
    gone = [digest.hex() for digest in changes.gone]
    names = {"before": changes.before, "after": changes.after}
    return orjson.dumps({**names, "changed": changed, "gone": gone, "by_hand": changes.by_hand})


def parse_changes(data: bytes) -> KeyChanges:
    """What `render_changes` wrote."""
    found = orjson.loads(data)
    changed = tuple(
        ChangedKey(bytes.fromhex(digest), id_, consumer, expires_at, revoked, tuple(map(ip_network, networks)))
        for digest, id_, consumer, expires_at, revoked, networks in found["changed"]
    )
    said = found["by_hand"]
    return KeyChanges(
        found["before"],
        found["after"],
        changed,
        tuple(map(bytes.fromhex, found["gone"])),
        None if said is None else tuple(by_hand.ByHand(**one) for one in said),
    )


class _Pickler(pickle.Pickler):
    """Knows the values that refuse to be pickled, or that do it in a way that asks for more classes."""

    def reducer_override(self, value: Any) -> Any:
        """The class to call and its arguments, or NotImplemented for pickle's own way."""
        kind = type(value)
        if kind is Secret:
            return Secret, (value.reveal(),)
        if kind is MappingProxyType:
            return freeze, (dict(value),)
        if kind is IPv4Network or kind is IPv6Network:
            return kind, ((int(value.network_address), value.prefixlen),)
        if kind is limit.Kind or kind is limit.Scope:
            return kind, (value.value,)
        if kind is re.Pattern:
            return re.compile, (value.pattern, value.flags)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Builds only what a snapshot is made of."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """A listed class; nothing is imported by name."""
        try:
            return _MAY_BUILD[module_name, global_name]
        except KeyError:
            message = f"a snapshot has no {module_name}.{global_name}"
            raise pickle.UnpicklingError(message) from None
