"""The stages of a run, and what they measured: peers take turns in every round."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from access import expect_lines, forget_lines
from bodies import DIRECTIONS, Direction, Transfer, transfer
from calls import get
from cpu import core_time
from latency import Latency, paced_run
from load import CONNECTIONS, Burst, Cost, burst
from memory import kept_connection_bytes
from peers import Peer, Target, direct_target
from processes import RunFailed, running, say, wait_until
from shapes import Shape
from testbed import Route, Testbed
from upstream import requests_seen

DIRECT = "direct"

# own: half of what this peer did at full load. common: half of what the slowest gateway did.
Pace = Literal["own", "common"]
PACES: tuple[Pace, Pace] = ("common", "own")

_OK = 200
_TRIES = 3
_CALM_BUSY = 0.9
_IDLE_BUSY = 0.1
_IDLE_LIMIT_S = 240
_BODY_ROUTES: dict[Route, Route] = {"plain": "bodies", "tls": "bodies-tls"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    routes: tuple[Route, ...]
    rounds: dict[Shape, int]
    seconds: dict[Shape, int]
    paced_rounds: int
    paced_seconds: float
    body_rounds: int
    memory: bool


@dataclass(slots=True)
class Results:
    """Every single measurement; the report takes medians."""

    bursts: dict[tuple[Shape, Route, str], list[Burst]] = field(default_factory=lambda: defaultdict(list))
    latencies: dict[tuple[Pace, Route, str], list[Latency]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[tuple[Route, str], dict[int, int]] = field(default_factory=dict)
    bodies: dict[tuple[Direction, Route, str], list[Transfer]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Contestant:
    """A name in the tables with where to send its requests; `peer` and `pid` are None for direct."""

    name: str
    testbed: Testbed
    peer: Peer | None
    pid: int | None

    @property
    def cost(self) -> Cost:
        return Cost(self.pid, self.peer.beside if self.peer else None)

    def target(self, route: Route) -> Target:
        return self.peer.target(route) if self.peer else direct_target(self.testbed, route)


@contextmanager
def started(testbed: Testbed, peer: Peer) -> Iterator[Contestant]:
    """The peer running, and known to answer."""
    with running(peer.name, peer.command, testbed.cores.proxy, peer.output) as process:
        contestant = Contestant(peer.name, testbed, peer, process.pid)
        wait_until(f"{peer.name}: a first answer", lambda: _answers(testbed, contestant))
        yield contestant


def _answers(testbed: Testbed, contestant: Contestant) -> bool:
    try:
        return get(testbed, contestant.target("plain"), "/v1/items/1", testbed.key).status == _OK
    except (OSError, RunFailed):
        return False


def measure_bursts(results: Results, plan: Plan, wrk: str, testbed: Testbed, contestants: list[Contestant]) -> None:
    for contestant in contestants:
        for route in plan.routes:
            _checked_burst(wrk, testbed, contestant, route, shape="varied", seconds=1)
    for shape, rounds in plan.rounds.items():
        for turn in range(rounds):
            for route in plan.routes:
                for each in contestants:
                    made = _calm_burst(wrk, testbed, each, route, shape=shape, seconds=plan.seconds[shape])
                    results.bursts[shape, route, each.name].append(made)
                    _say_burst(f"{shape} {turn + 1}/{rounds}", route, each.name, made)


def _calm_burst(
    wrk: str, testbed: Testbed, contestant: Contestant, route: Route, *, shape: Shape, seconds: int
) -> Burst:
    """A burst that had its cores, if one can be had: else the one of a few that had most of them.

    Under full load the proxy's core is busy with the proxy, unless other work took time from either
    core. The choice looks at that alone, never at the cost measured.
    """
    bursts: list[Burst] = []
    for _ in range(_TRIES):
        bursts.append(_checked_burst(wrk, testbed, contestant, route, shape=shape, seconds=seconds))
        if contestant.name == DIRECT or bursts[-1].busy >= _CALM_BUSY:
            break
    return max(bursts, key=lambda each: each.busy)


def _checked_burst(
    wrk: str, testbed: Testbed, contestant: Contestant, route: Route, *, shape: Shape, seconds: int
) -> Burst:
    """One wrk run whose every request reached the upstream and left its access line."""
    with _everything_arrives(testbed, contestant) as answered:
        made = burst(wrk, testbed, contestant.target(route), shape, cost=contestant.cost, seconds=seconds)
        answered(made.requests)
    return made


@contextmanager
def _everything_arrives(testbed: Testbed, contestant: Contestant) -> Iterator[Callable[[int], None]]:
    """Fail unless upstream and access log saw as many requests as the body of the `with` reports."""
    counts: list[int] = []
    if contestant.peer:
        forget_lines(contestant.peer)
    before = requests_seen(testbed)
    yield counts.append
    # The second question itself counts too. At the end of a run each connection may have an answer that came too late
    # to be counted, and a request that is cut off.
    extra = requests_seen(testbed) - before - 1 - sum(counts)
    if not 0 <= extra <= 2 * CONNECTIONS:
        raise RunFailed(f"{contestant.name}: {sum(counts)} answers, but the upstream saw {extra:+d} requests")
    if contestant.peer:
        expect_lines(contestant.peer, sum(counts), 2 * CONNECTIONS)
        forget_lines(contestant.peer)


def measure_latencies(results: Results, plan: Plan, testbed: Testbed, contestants: list[Contestant]) -> None:
    """At half of each gateway's own full load, and all at half of the slowest gateway's."""
    if plan.paced_rounds:
        _wait_until_idle(testbed)
    for turn in range(plan.paced_rounds):
        for pace in PACES:
            for route in plan.routes:
                for each in contestants:
                    if pace == "own" and each.name == DIRECT:
                        continue  # more than the generator can send
                    rate = _rate(results, pace, route, each.name)
                    with _everything_arrives(testbed, each) as answered:
                        made = paced_run(testbed, each.target(route), rate, plan.paced_seconds, each.cost)
                        answered(made.requests)
                    results.latencies[pace, route, each.name].append(made)
                    _say_latency(f"{pace} {turn + 1}/{plan.paced_rounds}", route, each.name, made)


def _wait_until_idle(testbed: Testbed) -> None:
    """Let what full load has left to do be done: it would take the core from whoever is measured next."""
    say("  waiting until the proxies' core is idle")
    for _ in range(_IDLE_LIMIT_S):
        before = core_time(testbed.cores.proxy).busy_s
        time.sleep(1)
        if core_time(testbed.cores.proxy).busy_s - before < _IDLE_BUSY:
            return
    say("  it isn't: figures at a paced load are worse than they would be")


def _rate(results: Results, pace: Pace, route: Route, name: str) -> float:
    full = {
        peer: max(b.per_second for b in made)
        for (shape, on, peer), made in results.bursts.items()
        if shape == "varied" and on == route
    }
    gateways = [value for peer, value in full.items() if peer != DIRECT] or list(full.values())
    return (full[name] if pace == "own" else min(gateways)) / 2


def measure_memory(results: Results, plan: Plan, testbed: Testbed, peers: list[Peer]) -> None:
    """On processes started for this alone: what came before would count."""
    for route in plan.routes:
        for peer in peers:
            with started(testbed, peer) as fresh:
                if fresh.pid is None:
                    continue
                sizes = kept_connection_bytes(testbed, peer, fresh.pid, route)
            results.memory[route, peer.name] = sizes
            shown = ", ".join(f"{count}: {size / 1e6:.1f} MB" for count, size in sizes.items())
            say(f"  memory {route:5} {peer.name:15} {shown}")


def measure_bodies(results: Results, plan: Plan, testbed: Testbed, contestants: list[Contestant]) -> None:
    for _ in range(plan.body_rounds):
        for direction in DIRECTIONS:
            for route in plan.routes:
                for each in contestants:
                    target = each.target(_BODY_ROUTES[route])
                    made = transfer(testbed, target, direction, each.pid)
                    results.bodies[direction, route, each.name].append(made)
                    say(
                        f"  {direction} {route:5} {each.name:15} {made.seconds:5.2f} s"
                        f" {made.cpu_s:5.2f} CPU s {made.peak_bytes / 1e6:7.1f} MB"
                    )


def _say_burst(turn: str, route: Route, name: str, made: Burst) -> None:
    say(
        f"  {turn:12} {route:5} {name:15} {made.per_second:8.0f}/s {made.cpu_us:6.1f} µs"
        f" ({made.beside_us:.1f} beside)"
        f"  core {made.busy:4.0%} + {made.disturbance:.0%} others"
    )


def _say_latency(turn: str, route: Route, name: str, made: Latency) -> None:
    say(
        f"  {turn:12} {route:5} {name:15} {made.rate:8.0f}/s p50 {made.p50_us:6.0f} µs"
        f" p99 {made.p99_us:7.0f} µs  (generator: busy {made.generator_busy:.0%},"
        f" late p99 {made.late_p99_us:.0f} µs)"
    )
