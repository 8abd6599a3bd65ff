"""A snapshot on its way from the supervisor to a worker: the one place where a Secret is pickled.

Rule 1: the bytes travel over a socket pair between two processes of this machine, never to a file.
Rule 2: what is read back may build only the classes listed here, and call nothing else.
"""

import io
import pickle
import re
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import Any

from exeat.model import consumer, credential, json_path, origin, paths, snapshot, upstream
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot

PROTOCOL = 5

_CLASSES: tuple[type, ...] = (
    consumer.Consumer,
    consumer.Grant,
    consumer.Key,
    credential.Injection,
    origin.Origin,
    paths.PathPattern,
    paths.PathRules,
    snapshot.Audit,
    snapshot.Cors,
    snapshot.Snapshot,
    json_path.JsonPath,
    json_path.Step,
    upstream.Bodies,
    upstream.Destination,
    upstream.Endpoint,
    upstream.Reach,
    upstream.Route,
    upstream.Timeouts,
    upstream.TlsIdentity,
    upstream.Upstream,
    Secret,
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
