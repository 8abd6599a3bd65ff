"""The balancing of one worker, asked directly: its endpoints are called a, b, c …, and time is set by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.circuit import Balance, Circuit
from exeat.model.upstream import Endpoint, Upstream
from exeat.policy.circuit import CircuitState
from exeat.proxy.balancing import Balancing
from exeat.proxy.tiers import EndpointState
from tests.support.values import snapshot, upstream

CIRCUIT = Circuit(failures=2)
NAMES = "abcdef"


@dataclass
class Office:
    """A balancing with a clock that is set by hand, and what it told of changes."""

    upstream: Upstream
    now: float = 1000.0
    told: list[tuple[str, str, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with the one upstream."""
        self.balancing = Balancing(lambda: self.now, self._tell)
        self.follow(self.upstream)

    def _tell(self, endpoint_id: str, state: str, reason: str, rest_s: float) -> None:
        self.told.append((letter(endpoint_id), state, reason, rest_s))

    def follow(self, *upstreams: Upstream) -> None:
        """Another configuration."""
        if upstreams:
            self.upstream = upstreams[0]
        self.balancing.follow(snapshot(*upstreams))

    def choose(self, *tried: Endpoint) -> tuple[Endpoint, EndpointState]:
        """Choose for an attempt."""
        return self.balancing.choose(self.upstream, self.upstream.endpoints, tried, self.now)

    def call(self, *, fails: str = "", tried: Sequence[Endpoint] = ()) -> str:
        """One attempt, from its choice to its end; it fails at the endpoints named by `fails`. Where it went."""
        chosen, state = self.choose(*tried)
        name = letter(chosen.id)
        self.balancing.judge(state, failed=name in fails, took_s=0.0, now=self.now)
        self.balancing.leave(state)
        return name

    def calls(self, count: int, *, fails: str = "") -> str:
        """So many attempts, one after the other; where they went."""
        return "".join(self.call(fails=fails) for _ in range(count))

    def rest(self, names: str, for_s: float = 100.0) -> None:
        """Have endpoints rest, as others say."""
        for name in names:
            self.balancing.rest(self.id(name), for_s, "elsewhere")

    def id(self, name: str) -> str:
        """The id of an endpoint."""
        return next(each.id for each in self.upstream.endpoints if letter(each.id) == name)

    def circuit(self, one: Endpoint) -> CircuitState:
        """The circuit of an endpoint."""
        state = self.balancing.state_of(one.id)
        assert state is not None
        return state.circuit

    def stages(self) -> dict[str, str]:
        """Where the circuits stand."""
        return {letter(str(one["endpoint"])): str(one["state"]) for one in self.balancing.report()}

    def refuses(self, *tried: Endpoint) -> GatewayError:
        """Choosing fails."""
        with pytest.raises(GatewayError) as caught:
            self.choose(*tried)
        assert caught.value.code is Code.CIRCUIT_OPEN
        assert caught.value.untouched
        return caught.value


def letter(endpoint_id: str) -> str:
    """The letter that an endpoint is called here."""
    return endpoint_id.rpartition("/")[2][:1]


def api(
    *endpoints: tuple[int, int], balance: Balance = "weighted", circuit: Circuit | None = CIRCUIT, name: str = "api"
) -> Upstream:
    """An upstream of endpoints a, b, … by weight and priority."""
    made = upstream(name, *[f"https://{NAMES[place]}.test" for place in range(len(endpoints))])
    weighed = [
        replace(one, weight=weight, priority=priority)
        for one, (weight, priority) in zip(made.endpoints, endpoints, strict=True)
    ]
    return replace(made, endpoints=tuple(weighed), balance=balance, circuit=circuit)
