"""The endpoints of an upstream in tiers: who gets a call by priority, weight and how it is, and who is probed."""

from collections.abc import Sequence
from typing import final

from exeat.model.upstream import Endpoint, Upstream
from exeat.policy.balance import NOBODY, Spill, Turns
from exeat.policy.circuit import CircuitState


@final
class EndpointState:
    """What is known of one endpoint by one worker.

    `pending` are the calls under way. A probe gets a state of its own, with the number of the probe and the state of
    its endpoint in `probes`.
    """

    __slots__ = ("by_check", "circuit", "id", "number", "pending", "probes")

    def __init__(
        self, name: str, circuit: CircuitState, probes: "EndpointState | None" = None, number: int = 0
    ) -> None:
        self.id = name
        self.circuit = circuit
        self.probes = probes
        self.number = number
        self.pending = 0
        self.by_check = False  # whether it rests because a check says so


@final
class Tier:
    """Endpoints of one upstream that share calls; the next tier gets some when nobody here is well."""

    __slots__ = ("endpoints", "spill", "states", "turns", "weights")

    def __init__(self, endpoints: list[Endpoint], states: list[EndpointState], weights: list[float]) -> None:
        self.endpoints = endpoints
        self.states = states
        self.weights = weights
        self.turns = Turns(len(endpoints))
        self.spill = Spill()


@final
class Plan:
    """The tiers of an upstream, by priority; those of weight 0 come after the others of their priority."""

    __slots__ = ("endpoints", "is_least_pending", "tiers")

    def __init__(self, upstream: Upstream, states: list[EndpointState]) -> None:
        self.endpoints = upstream.endpoints
        self.is_least_pending = upstream.balance == "least-pending"
        places: dict[tuple[int, bool], list[int]] = {}
        for place, endpoint in enumerate(upstream.endpoints):
            places.setdefault((endpoint.priority, endpoint.weight == 0), []).append(place)
        self.tiers = [
            Tier(
                [upstream.endpoints[place] for place in places[key]],
                [states[place] for place in places[key]],
                [float(upstream.endpoints[place].weight or 1) for place in places[key]],
            )
            for key in sorted(places)
        ]

    def pick(
        self, endpoints: tuple[Endpoint, ...], tried: Sequence[Endpoint], now: float
    ) -> tuple[Endpoint, EndpointState] | None:
        """Where a call goes that goes to none of the tried ones; None if nobody may have it."""
        any_of_them = endpoints is self.endpoints and not tried
        spared: tuple[Tier, list[float]] | None = None
        due: tuple[Endpoint, EndpointState] | None = None
        for tier in self.tiers:
            shares, most = [], 0.0
            for place, state in enumerate(tier.states):
                endpoint, circuit = tier.endpoints[place], state.circuit
                share = 0.0
                if any_of_them or (is_among(endpoint, endpoints) and not is_among(endpoint, tried)):
                    share = circuit.share(now)
                    if share == 0.0 and circuit.is_due(now):
                        due = due or (endpoint, state)
                most = max(most, share)
                shares.append(share * tier.weights[place])
            if due is not None and not tried:
                return begin_probe(due, now)
            if most >= 1.0 or (most > 0.0 and tier.spill.passes(most)):
                return self._take(tier, shares)
            if most > 0.0 and spared is None:
                spared = tier, shares
        if spared is not None:
            return self._take(*spared)
        return None if due is None else begin_probe(due, now)

    def _take(self, tier: Tier, shares: list[float]) -> tuple[Endpoint, EndpointState]:
        if self.is_least_pending:
            place = tier.turns.pick_least(shares, [state.pending for state in tier.states])
        else:
            place = tier.turns.pick(shares)
        assert place != NOBODY  # noqa: S101 - somebody has a share
        state = tier.states[place]
        state.pending += 1
        return tier.endpoints[place], state


def begin_probe(due: tuple[Endpoint, EndpointState], now: float) -> tuple[Endpoint, EndpointState]:
    """Let a call try an endpoint that rests; its state is one of its own."""
    endpoint, state = due
    state.pending += 1
    return endpoint, EndpointState(state.id, state.circuit, state, state.circuit.begin_probe(now))


def is_among(endpoint: Endpoint, others: Sequence[Endpoint]) -> bool:
    """Whether an endpoint is one of these."""
    return any(other.id == endpoint.id for other in others)
