"""Turns measurements into the tables of RESULTS.md."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bodies import DIRECTIONS, Direction, Transfer
from latency import Latency
from load import CONNECTIONS, Burst
from memory import COUNTS
from peers.exeat import OF_LIMITS, UNLIMITED
from shapes import Shape
from stages import DIRECT, PACES, Pace, Plan, Results
from testbed import Cores, Route
from upstream import BODY, TLS_CIPHER, TLS_VERSION

YARDSTICK = "nginx"

_SHAPE_TITLES: dict[Shape, str] = {
    "varied": "CPU per request, every request different (the main figure)",
    "same": "CPU per request, the same request each time",
}
_PACE_TITLES: dict[Pace, str] = {
    "common": "Latency, all at the same rate: half of the slowest gateway's full load",
    "own": "Latency, each at half of its own full load",
}
# A peer that reached less of its timetable than this was overloaded.
_REACHED_AT_LEAST = 0.97


@dataclass(frozen=True, slots=True)
class Setting:
    """What the figures were measured on and with."""

    date: datetime
    minutes: float
    facts: list[tuple[str, str]]
    plan: Plan
    names: list[str]
    cores: Cores
    # Whether the measured processes went before everything else on the machine.
    ahead: bool


def render_report(setting: Setting, results: Results) -> str:
    sections = [
        _head(setting),
        *(_cpu_section(setting, results, shape) for shape in _SHAPE_TITLES),
        _throughput_section(setting, results),
        _limits_section(setting, results),
        _paced_cpu_section(setting, results),
        *(_latency_section(setting, results, pace) for pace in PACES),
        _memory_section(setting, results),
        _body_section(setting, results),
        _method(setting),
    ]
    return "\n".join(section for section in sections if section)


def _head(setting: Setting) -> str:
    facts = _table(["", ""], setting.facts)
    when = f"{setting.date:%Y-%m-%d %H:%M} UTC, {setting.minutes:.0f} minutes"
    return f"# Results\n\nWritten by `make bench` ({when}). README.md says what each means.\n\n{facts}"


def _cpu_section(setting: Setting, results: Results, shape: Shape) -> str:
    def cells(name: str, route: Route) -> list[str]:
        made = results.bursts[shape, route, name]
        return [_spread([b.cpu_us for b in made]), _ratio(results, shape, route, name)]

    plan = setting.plan
    note = f"µs of CPU time, median (lowest to highest) of {plan.rounds[shape]} rounds"
    headers = ["µs / request", f"ratio to {YARDSTICK}"]
    proxies = [name for name in setting.names if name != DIRECT]
    body = _by_route(proxies, plan, headers, cells)
    apart = _apart(setting, results, shape)
    return f"## {_SHAPE_TITLES[shape]}\n\n{note} of {plan.seconds[shape]} s.\n\n{body}{apart}"


def _apart(setting: Setting, results: Results, shape: Shape) -> str:
    """Under the table: what of a peer's figure its workers used, and what the process beside them did, in µs."""
    notes = []
    for name in setting.names:
        parts = []
        for route in setting.plan.routes:
            made = results.bursts[shape, route, name]
            workers, beside = median(b.cpu_us - b.beside_us for b in made), median(b.beside_us for b in made)
            if beside:
                parts.append(f"{workers:.1f} + {beside:.1f} µs ({route})")
        if parts:
            notes.append(f"{name}: workers + control process: {', '.join(parts)}.")
    if not notes:
        return ""
    why = (
        "The control process steps back for the workers: on a core that is fully busy it moves few records, and\n"
        "the others when there is time. `audit_store.py` measures what one costs."
    )
    return "\n" + "\n".join(notes) + f"\n{why}\n"


def _ratio(results: Results, shape: Shape, route: Route, name: str) -> str:
    """Median of the ratios within each round: what slows a round slows both."""
    own = results.bursts[shape, route, name]
    yardstick = results.bursts[shape, route, YARDSTICK]
    if not yardstick:
        return "-"
    return f"{median(a.cpu_us / b.cpu_us for a, b in zip(own, yardstick, strict=True)):.2f}"


def _throughput_section(setting: Setting, results: Results) -> str:
    def cells(name: str, route: Route) -> list[str]:
        made = results.bursts["varied", route, name]
        busy = "-" if name == DIRECT else _percent(made, lambda b: b.busy)
        return [
            f"{median(b.per_second for b in made):,.0f}".replace(",", " "),
            busy,
            _percent(made, lambda b: b.disturbance) if name != DIRECT else "-",
        ]

    headers = ["requests/s", "proxy core busy", "by others"]
    body = _by_route(setting.names, setting.plan, headers, cells)
    note = (
        "Every request different. Where the proxy's core is not fully busy, the load generator and "
        "the upstream,\nwhich share the other core, were the limit: then compare CPU per request."
    )
    return f"## Throughput at full load\n\n{note}\n\n{body}"


def _percent(made: list[Burst], read: Callable[[Burst], float]) -> str:
    return f"{median(read(b) for b in made):.0%}"


def _limits_section(setting: Setting, results: Results) -> str:
    """What limits add to a request: medians of the differences within each round."""
    without = results.bursts["varied", "plain", UNLIMITED]
    if UNLIMITED in setting.names or not without:
        return ""
    rows = []
    for name in OF_LIMITS:
        made = results.bursts["varied", "plain", name]
        more = median(a.cpu_us - b.cpu_us for a, b in zip(made, without, strict=True))
        share = median(a.cpu_us / b.cpu_us - 1 for a, b in zip(made, without, strict=True))
        rows.append([name, _spread([b.cpu_us for b in made]), f"{more:+.1f}", f"{share:+.0%}"])
    table = _table(["", "µs / request", "more than without", "share"], rows)
    note = (
        "Full load, plain upstream, every request different: no limit; three (two rates and one of concurrency)\n"
        "counted by the worker; the same three in Redis. The other gateways' one limit each is in their figures above."
    )
    return f"## What limits cost\n\n{note}\n\n{table}"


def _paced_cpu_section(setting: Setting, results: Results) -> str:
    """What a request costs where all serve as many: at full load the faster one also has the warmer caches."""
    if not setting.plan.paced_rounds:
        return ""

    def cells(name: str, route: Route) -> list[str]:
        made = results.latencies["common", route, name]
        yardstick = results.latencies["common", route, YARDSTICK]
        ratio = median(a.workers_us / b.workers_us for a, b in zip(made, yardstick, strict=True)) if yardstick else 0
        return [_reached(made), _spread([m.workers_us for m in made]), f"{ratio:.2f}" if ratio else "-"]

    proxies = [name for name in setting.names if name != DIRECT]
    headers = ["requests/s", "µs / request", f"ratio to {YARDSTICK}"]
    body = _by_route(proxies, setting.plan, headers, cells)
    note = (
        f"Every request different, at half of the slowest gateway's full load; median of {setting.plan.paced_rounds}"
        f" rounds of {setting.plan.paced_seconds:g} s.\nWithout Exeat's control process."
    )
    return f"## CPU per request, all at the same rate\n\n{note}\n\n{body}"


def _latency_section(setting: Setting, results: Results, pace: Pace) -> str:
    if not setting.plan.paced_rounds:
        return ""

    def cells(name: str, route: Route) -> list[str]:
        made = results.latencies[pace, route, name]
        p50, p99 = median(m.p50_us for m in made), median(m.p99_us for m in made)
        return [_reached(made), f"{p50:.0f}", f"{p99:.0f}"]

    every = [made for (at, _, _), made in results.latencies.items() if at == pace]
    late = max(m.late_p99_us for made in every for m in made)
    busy = max(m.generator_busy for made in every for m in made)
    names = [n for n in setting.names if pace == "common" or n != DIRECT]
    body = _by_route(names, setting.plan, ["requests/s", "p50 µs", "p99 µs"], cells)
    note = (
        f"Medians of {setting.plan.paced_rounds} rounds of {setting.plan.paced_seconds:g} s. "
        f"In the worst round the generator used {busy:.0%} of its core and\n"
        f"1 % of its own sends were more than {late:.0f} µs late; that is counted as latency."
    )
    return f"## {_PACE_TITLES[pace]}\n\n{note}\n\n{body}"


def _reached(made: list[Latency]) -> str:
    rate = f"{median(m.rate for m in made):,.0f}".replace(",", " ")
    overloaded = any(m.reached < m.rate * _REACHED_AT_LEAST for m in made)
    return f"{rate} (overloaded)" if overloaded else rate


def _memory_section(setting: Setting, results: Results) -> str:
    if not results.memory:
        return ""

    def cells(name: str, route: Route) -> list[str]:
        sizes = results.memory[route, name]
        most = max(COUNTS)
        each = (sizes[most] - sizes[1]) / (most - 1) / 1000
        return [*(f"{sizes[count] / 1e6:.1f}" for count in COUNTS), f"{each:.1f}"]

    proxies = [name for name in setting.names if name != DIRECT]
    headers = [*(f"MB with {count}" for count in COUNTS), "kB for each more"]
    body = _by_route(proxies, setting.plan, headers, cells)
    note = (
        "Kept connections that each made one request and then rest. All processes of the peer, "
        "shared pages\ncounted once (PSS). The kernel's own buffers are not in it."
    )
    return f"## Resident memory\n\n{note}\n\n{body}"


def _body_section(setting: Setting, results: Results) -> str:
    if not results.bodies:
        return ""
    headers = ["s", "proxy CPU s", "peak MB"]
    tables = [
        _by_route(setting.names, setting.plan, headers, _reader_of_bodies(results, direction))
        for direction in DIRECTIONS
    ]
    titles = [f"## A body of 1 GB, {direction}\n\n" for direction in DIRECTIONS]
    return "\n".join(title + table for title, table in zip(titles, tables, strict=True))


def _reader_of_bodies(results: Results, direction: Direction) -> Callable[[str, Route], list[str]]:
    return lambda name, route: _transfer_cells(results.bodies[direction, route, name])


def _transfer_cells(made: list[Transfer]) -> list[str]:
    seconds = f"{median(t.seconds for t in made):.2f}"
    if not any(t.peak_bytes for t in made):
        return [seconds, "-", "-"]
    peak = max(t.peak_bytes for t in made) / 1e6
    return [seconds, f"{median(t.cpu_s for t in made):.2f}", f"{peak:.1f}"]


def _method(setting: Setting) -> str:
    cores, rounds, seconds = setting.cores, setting.plan.rounds, setting.plan.seconds
    order = "real-time (round robin, 1)" if setting.ahead else "normal: other work may delay them"
    return f"""\
## Settings

* Proxy: one worker, alone on core {cores.proxy}. Load generator, upstream and this script: core {cores.load}.
* Scheduling of all of these: {order}.
* Full load: `wrk -t1 -c{CONNECTIONS}`; {rounds["varied"]} rounds of {seconds["varied"]} s (every request different)
  and {rounds["same"]} of {seconds["same"]} s (the same request); the peers take turns within each round.
* HTTP/1.1 and kept connections on both sides; plaintext from the caller to the proxy. TLS upstream: {TLS_VERSION},
  {TLS_CIPHER}, X25519, ECDSA P-256, certificate and name verified against a test CA.
* Request: GET with nine fields. Answer: {len(BODY)} bytes of JSON with nine fields.
* Each proxy checks the caller's key, replaces it by a bearer credential, and writes one JSON access line for each
  request to a file in memory. nginx writes each line at once, Exeat the lines of one turn of its
  loop together, Envoy each second or 64 KiB.
* Each also consults one rate limit that never refuses: nginx's `limit_req`, Envoy's `local_ratelimit`, a `rate` of
  Exeat's consumer. `exeat-unlimited` has none, `exeat-limited` three (two rates and one of concurrency),
  `exeat-redis` the same three in a Redis on the load generator's core.
* Checked before measuring, for each proxy: the upstream sees the credential once and the caller's key nowhere; a wrong
  key is refused; an upstream with another name or another issuer is refused; the access line is there, without secrets.
* Checked after each measurement: no answer but 200; as many requests at the upstream, and lines in
  the access log, as answers.
"""


def _by_route(
    names: Iterable[str],
    plan: Plan,
    headers: list[str],
    cells: Callable[[str, Route], list[str]],
) -> str:
    """A table with a row for each name, and the same columns for each route."""
    heads = [f"{route}: {header}" for route in plan.routes for header in headers]
    rows = [[name, *(cell for route in plan.routes for cell in cells(name, route))] for name in names]
    return _table(["", *heads], rows)


def _table(headers: list[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
