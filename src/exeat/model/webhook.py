"""Webhooks: who is told of events, where, and what signs it."""

from dataclasses import dataclass
from typing import Final, Literal

from exeat.model.origin import Origin
from exeat.model.secret import Secret
from exeat.model.upstream import Network

EventType = Literal["limit.nearly", "limit.reached"]
EVENT_TYPES: Final[tuple[EventType, ...]] = ("limit.nearly", "limit.reached")


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
