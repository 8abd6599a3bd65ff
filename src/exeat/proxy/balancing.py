"""Which endpoint an attempt goes to, and what is known of each endpoint: calls under way, its circuit.

Rule 1: what is known of an endpoint lives under its id: a new configuration changes weights and rules, not what was
learnt. Endpoints that are gone are forgotten.
Rule 2: no call goes to an endpoint that rests while another one of the upstream is well, except one probe when its
time has come.
"""

from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.circuit import Circuit
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Endpoint, Upstream
from exeat.policy.circuit import CircuitState, Stage
from exeat.proxy.tiers import EndpointState, Plan, is_among

OPENED: Final = "open"  # a rest began
RESTING: Final = "resting"  # a rest goes on, longer
RECOVERING: Final = "recovering"
CLOSED: Final = "closed"
HEARD_LATER_S: Final = 0.5  # who saw an endpoint fail tries it first
OnChange = Callable[[str, str, str, float], None]


def tell_nobody(endpoint_id: str, state: str, reason: str, rest_s: float) -> None:
    """What is called of changes until somebody asks for them."""


@final
class Balancing:
    """The endpoints of one worker. `clock` is monotonic seconds.

    `on_change(endpoint_id, state, reason, rest_s)` is called for what this worker sees by itself, of calls or of
    checks: "open" (it rests from now on, for `rest_s`), "resting" (it goes on to rest, for `rest_s` from now),
    "recovering" (it is well, and its share grows), "closed" (it has recovered). Not for what `rest` and `recover` do.
    """

    def __init__(self, clock: Callable[[], float], on_change: OnChange = tell_nobody) -> None:
        self.on_change = on_change
        self._clock = clock
        self._nobody = EndpointState("", CircuitState(None))  # of destinations, of which nothing is known
        self._states: dict[str, EndpointState] = {"": self._nobody}
        self._rules: dict[str, Circuit | None] = {}
        self._plans: dict[bytes, Plan] = {}  # by an upstream's or sibling's name
        self._ailing: dict[str, EndpointState] = {}  # those whose circuit isn't closed

    def follow(self, snapshot: Snapshot) -> None:
        """Know the endpoints of this snapshot, and no others."""
        rules = {
            endpoint.id: upstream.circuit
            for upstream in snapshot.upstreams.values()
            for endpoint in upstream.everywhere
            if endpoint.id
        }
        for name in list(self._states):
            if name and name not in rules:
                del self._states[name]
                self._ailing.pop(name, None)
            elif name and rules[name] != self._rules.get(name):
                self._follow_rules(self._states[name], rules[name])
        self._rules = rules
        upstreams = snapshot.upstreams.values()
        endpoints = {
            one.mark + one.name.encode(): one.endpoints for up in upstreams for one in (up, *up.siblings.values())
        }
        for known, plan in list(self._plans.items()):
            if plan.endpoints is not endpoints.get(known):
                del self._plans[known]

    def _follow_rules(self, state: EndpointState, rules: Circuit | None) -> None:
        circuit = state.circuit
        circuit.follow(rules)
        if rules is None and not circuit.held and not state.by_check:
            circuit.recover(self._clock())  # what it rests for is no reason any more

    # For attempts

    def choose(
        self, upstream: Upstream | None, endpoints: tuple[Endpoint, ...], tried: Sequence[Endpoint], now: float
    ) -> tuple[Endpoint, EndpointState]:
        """The endpoint for the next attempt, and its state, to which the attempt is added.

        `endpoints` are the upstream's, or those of them that the call may go to. Those that the call has `tried` come
        after all others. GatewayError: all of them rest, and none may be probed now.
        """
        if len(endpoints) == 1:
            endpoint = endpoints[0]
            state = self._states.get(endpoint.id)
            if state is not None and state.circuit.is_closed:
                state.pending += 1
                return endpoint, state
        return self._choose(upstream, endpoints, tried, now)

    def has_other(self, endpoints: tuple[Endpoint, ...], tried: Sequence[Endpoint], now: float) -> bool:
        """Whether there is an endpoint that a call hasn't tried, and that doesn't rest."""
        for endpoint in endpoints:
            if not is_among(endpoint, tried):
                state = self._states.get(endpoint.id)
                if state is None or state.circuit.share(now) > 0:
                    return True
        return False

    def all_rest(self, endpoints: tuple[Endpoint, ...], now: float) -> bool:
        """Whether none of these may be called now, not even to see whether it is well."""
        for endpoint in endpoints:
            state = self._states.get(endpoint.id)
            if state is None or state.circuit.share(now) > 0 or state.circuit.is_due(now):
                return False
        return True

    def judge(self, state: EndpointState, *, failed: bool, took_s: float, now: float) -> None:
        """Take how an attempt went: `took_s` seconds until the head of its answer, or until it failed."""
        circuit = state.circuit
        if state.probes is None:
            if circuit.judge(took_s, now, failed=failed):
                self._change(state, OPENED, now)
        elif circuit.judge_probe(state.number, now, failed=failed):
            self._change(state.probes, RESTING if failed else RECOVERING, now)

    def leave(self, state: EndpointState) -> None:
        """An attempt is over. A probe of which nothing was said leaves its place to another."""
        probed = state.probes
        if probed is None:
            state.pending -= 1
        else:
            probed.pending -= 1
            state.circuit.abandon_probe(state.number, self._clock())

    # For what others know

    def rest(self, endpoint_id: str, for_s: float, reason: str, *, held: bool = False) -> None:
        """Let an endpoint rest for so many seconds (inf: until `recover`): another worker saw it fail.

        `held`: somebody decided so by hand. Neither checks nor other workers' sightings change that.
        """
        state = self.state_of(endpoint_id)
        if state is not None:
            later_s = 0.0 if held else min(HEARD_LATER_S, for_s / 10)
            state.circuit.rest(for_s + later_s, reason, self._clock(), held=held)
            state.by_check = state.by_check and not held
            self._ailing[endpoint_id] = state

    def recover(self, endpoint_id: str) -> None:
        """End an endpoint's rest: another worker saw it well, or somebody says so by hand."""
        state = self.state_of(endpoint_id)
        if state is not None:
            state.circuit.recover(self._clock())
            state.by_check = False

    def reset(self, endpoint_id: str) -> None:
        """Forget what is known of an endpoint: calls go to it as if it had never failed."""
        state = self.state_of(endpoint_id)
        if state is not None:
            state.by_check = False
            now = self._clock()
            if state.circuit.reset(now):
                self._change(state, CLOSED, now)

    def state_of(self, endpoint_id: str) -> EndpointState | None:
        """The state of an endpoint, if the configuration has it."""
        return self._state(endpoint_id, self._rules[endpoint_id]) if endpoint_id in self._rules else None

    def report(self) -> list[dict[str, str | int | float | None]]:
        """Every endpoint that was called or rests; `rests_s` is for how long it does yet, None where nobody knows."""
        now = self._clock()
        return [
            {
                "endpoint": name,
                "state": str(state.circuit.stage),
                "pending": state.pending,
                "failures": state.circuit.failures,
                "reason": state.circuit.reason,
                "held": state.circuit.held,
                "rests_s": _left(state.circuit, now),
            }
            for name, state in self._states.items()
            if name
        ]

    # For active checks

    def check_failed(self, endpoint_id: str, for_s: float, reason: str) -> None:
        """An endpoint isn't well: it rests until it passes its checks, or for so many seconds if none follows."""
        state = self.state_of(endpoint_id)
        if state is None or state.circuit.held:
            return
        now = self._clock()
        state.by_check = True
        began = state.circuit.rest(for_s, reason, now)
        self._change(state, OPENED if began else RESTING, now)

    def check_passed(self, endpoint_id: str) -> None:
        """An endpoint is well: if it rests because of checks, it recovers."""
        state = self.state_of(endpoint_id)
        if state is not None and state.by_check:
            state.by_check = False
            now = self._clock()
            if not state.circuit.held and state.circuit.recover(now):
                self._change(state, RECOVERING, now)

    # For the clock

    def tend(self) -> None:
        """Close the circuits that have recovered; called several times a second."""
        if self._ailing:
            now = self._clock()
            for name, state in list(self._ailing.items()):
                if state.circuit.tend(now):
                    self._change(state, CLOSED, now)
                if state.circuit.is_closed:
                    del self._ailing[name]

    # Inside

    def _choose(
        self, upstream: Upstream | None, endpoints: tuple[Endpoint, ...], tried: Sequence[Endpoint], now: float
    ) -> tuple[Endpoint, EndpointState]:
        if upstream is None or not endpoints[0].id:
            self._nobody.pending += 1
            return endpoints[0], self._nobody
        plan = self._plan(upstream)
        found = plan.pick(endpoints, tried, now)
        if found is None and tried:
            found = plan.pick(endpoints, (), now)
        if found is None:
            raise self._refusal(upstream, endpoints, now)
        return found

    def _plan(self, upstream: Upstream) -> Plan:
        name = upstream.mark + upstream.name.encode()
        plan = self._plans.get(name)
        if plan is None or plan.endpoints is not upstream.endpoints:
            states = [self._state(endpoint.id, upstream.circuit) for endpoint in upstream.endpoints]
            plan = self._plans[name] = Plan(upstream, states)
        return plan

    def _state(self, name: str, rules: Circuit | None) -> EndpointState:
        state = self._states.get(name)
        if state is None:
            state = self._states[name] = EndpointState(name, CircuitState(rules))
        return state

    def _change(self, state: EndpointState, change: str, now: float) -> None:
        if self._states.get(state.id) is not state:
            return  # it isn't configured any more
        circuit = state.circuit
        if not circuit.is_closed:
            self._ailing[state.id] = state
        rest_s = circuit.until - now if change in {OPENED, RESTING} else 0.0
        self.on_change(state.id, change, circuit.reason, rest_s)

    def _refusal(self, upstream: Upstream, endpoints: tuple[Endpoint, ...], now: float) -> GatewayError:
        plan = self._plan(upstream)
        circuits = [
            state.circuit
            for tier in plan.tiers
            for endpoint, state in zip(tier.endpoints, tier.states, strict=True)
            if is_among(endpoint, endpoints)
        ]
        until = min(now if circuit.stage is Stage.PROBING else circuit.until for circuit in circuits)
        after = None if until == inf else max(1, ceil(until - now))
        which = "The endpoint" if len(endpoints) == 1 else "Each endpoint"
        detail = f"{which} of {upstream.name} rests, so nothing was sent."
        return GatewayError(Code.CIRCUIT_OPEN, detail, untouched=True, retry_after=after)


def _left(circuit: CircuitState, now: float) -> float | None:
    if circuit.stage is not Stage.OPEN or circuit.until == inf:
        return None
    return max(0.0, circuit.until - now)
