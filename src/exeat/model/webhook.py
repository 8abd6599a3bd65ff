"""Webhooks: who is told of events, where, and what signs it."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.model.upstream import Network

EventType = Literal[
    "limit.nearly",
    "limit.reached",
    "circuit.opened",
    "circuit.closed",
    "endpoint.tripped",
    "endpoint.drained",
    "endpoint.reset",
    "endpoint.restored",
]
EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
# Those that every instance tells, under the same id.
SHARED_EVENTS: Final = frozenset[str]({"endpoint.tripped", "endpoint.drained", "endpoint.reset", "endpoint.restored"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver of events; `target` is the path with its query, `private` the networks that it may be in.

    `secret` is base64, without `whsec_` before it.
    """

    name: str
    origin: Origin
    target: bytes
    secret: Secret
    events: frozenset[str]
    private: tuple[Network, ...] = ()
