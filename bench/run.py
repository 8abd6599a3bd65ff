"""Measures direct, nginx, Envoy and Exeat side by side on this machine and writes RESULTS.md."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from body_server import body_server_command
from certificates import make_certificates
from machine import choose_cores, describe_machine, describe_python
from peers import Peer
from peers.envoy import prepare_envoy
from peers.exeat import OF_LIMITS, REDIS, REDIS_SOCKET, make_key, prepare_exeat, redis_command
from peers.nginx import nginx_version, prepare_nginx
from processes import RunFailed, go_first, running, say, wait_until
from report import Setting, render_report
from stages import (
    DIRECT,
    Contestant,
    Plan,
    Results,
    measure_bodies,
    measure_bursts,
    measure_latencies,
    measure_memory,
    started,
)
from testbed import LOADED, TLS_ROUTES, Route, Testbed, allot_ports, free_ports, random_word
from tools import Tools, find_tools, openssl_version, wrk_version
from upstream import upstream_command
from verify import verify

NAMES = (DIRECT, "nginx", "envoy", "exeat")
EXTRA_NAMES = ("nginx-buffered", *OF_LIMITS)
RESULTS_FILE = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    asked = _read_arguments()
    # An ending by signal must end the processes too: the `with` blocks do that.
    signal.signal(signal.SIGTERM, _leave)
    try:
        return _run(asked)
    except RunFailed as failure:
        say(f"bench: {failure}")
        return 1
    except KeyboardInterrupt:
        say("bench: stopped")
        return 130


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 2 s, full load only")
    parser.add_argument("--only", metavar="NAMES", help=f"of {', '.join(NAMES + EXTRA_NAMES)}")
    parser.add_argument("--python", metavar="PATH", help="what Exeat runs on; without it, this environment's")
    parser.add_argument("--tls-only", action="store_true", help="leave out the plain upstream")
    asked = parser.parse_args()
    asked.names = asked.only.split(",") if asked.only else list(NAMES)
    if unknown := set(asked.names) - {*NAMES, *EXTRA_NAMES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return asked


def _run(asked: argparse.Namespace) -> int:
    began = datetime.now(UTC)
    plan = _make_plan(quick=asked.quick, routes=("tls",) if asked.tls_only else LOADED)
    tools = find_tools(
        envoy="envoy" in asked.names,
        exeat=any(name.startswith("exeat") for name in asked.names),
        redis=REDIS in asked.names or _is_complete(asked),
        python=asked.python,
    )
    names = _present(asked.names, tools, chosen=asked.only is not None)
    # Memory, not disk: writing logs back would take time from the cores that are measured.
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - mkdtemp is safe
    with tempfile.TemporaryDirectory(prefix="exeat-bench-", dir=shared) as folder:
        testbed = _build_testbed(tools, Path(folder))
        ahead = go_first(testbed.cores.load)
        peers = _prepare(testbed, tools, [name for name in names if name != DIRECT])
        limited = _prepare(testbed, tools, list(OF_LIMITS)) if _is_complete(asked) and "exeat" in names else []
        results = _measure(plan, tools, testbed, peers, limited, direct=DIRECT in names)
    setting = Setting(
        date=began,
        minutes=(datetime.now(UTC) - began).total_seconds() / 60,
        facts=[*describe_machine(), *_versions(tools, peers)],
        plan=plan,
        names=names,
        cores=testbed.cores,
        ahead=ahead,
    )
    report = render_report(setting, results)
    say("\n" + report)
    if not _is_complete(asked):
        say(f"a partial run: {RESULTS_FILE.name} stays as it was")
    else:
        RESULTS_FILE.write_text(report)
    return 0


def _is_complete(asked: argparse.Namespace) -> bool:
    return not (asked.quick or asked.only or asked.tls_only)


def _make_plan(*, quick: bool, routes: tuple[Route, ...]) -> Plan:
    if quick:
        return Plan(
            routes=routes,
            rounds={"varied": 2, "same": 2},
            seconds={"varied": 2, "same": 2},
            paced_rounds=0,
            paced_seconds=0,
            body_rounds=0,
            memory=False,
        )
    return Plan(
        routes=routes,
        rounds={"varied": 4, "same": 3},
        seconds={"varied": 5, "same": 3},
        paced_rounds=3,
        paced_seconds=3,
        body_rounds=2,
        memory=True,
    )


def _of_limits(plan: Plan) -> Plan:
    """Full load on the plain upstream alone."""
    return replace(plan, routes=("plain",), rounds={"varied": plan.rounds["varied"]})


def _present(names: list[str], tools: Tools, *, chosen: bool) -> list[str]:
    if "exeat" in names and tools.exeat is None:
        if chosen:
            raise RunFailed("exeat is not installed beside this Python")
        say("exeat is not installed beside this Python: measuring the others")
        return [name for name in names if name != "exeat"]
    return names


def _build_testbed(tools: Tools, folder: Path) -> Testbed:
    routes: tuple[Route, ...] = ("plain", "bodies", *TLS_ROUTES)
    ports = iter(free_ports(len(routes) + 1))
    return Testbed(
        folder=folder,
        cores=choose_cores(),
        certificates=make_certificates(tools.openssl, folder / "certificates"),
        upstream_ports=allot_ports(routes, ports),
        status_port=next(ports),
        key=make_key(tools.exeat),
        credential=f"sk_live_{random_word(32)}",
    )


def _prepare(testbed: Testbed, tools: Tools, names: list[str]) -> list[Peer]:
    ports = iter(free_ports(2 * len(names)))
    peers: list[Peer] = []
    for name in names:
        port = next(ports)
        if name == "envoy" and tools.envoy:
            peers.append(prepare_envoy(testbed, tools.envoy, port))
        elif name.startswith("exeat") and tools.exeat:
            peers.append(prepare_exeat(testbed, tools.exeat, port, next(ports), name))
        else:
            buffered = name == "nginx-buffered"
            peers.append(prepare_nginx(testbed, tools.nginx, port, buffered_log=buffered))
    return peers


def _measure(
    plan: Plan, tools: Tools, testbed: Testbed, peers: list[Peer], limited: list[Peer], *, direct: bool
) -> Results:
    results = Results()
    with ExitStack() as upstreams:
        _start_upstreams(upstreams, tools, testbed)
        if tools.redis is not None:
            command, log = redis_command(testbed, tools.redis), testbed.file("redis/output")
            upstreams.enter_context(running("redis", command, testbed.cores.load, log))
            wait_until("redis: listening", testbed.file(REDIS_SOCKET).exists)
        with ExitStack() as proxies:
            contestants = [Contestant(DIRECT, testbed, None, None)] if direct else []
            for peer in peers:
                contestants.append(proxies.enter_context(started(testbed, peer)))
                verify(testbed, peer)
                say(f"{peer.name} {peer.version}: does the same work as the others")
            say("full load")
            measure_bursts(results, plan, tools.wrk, testbed, contestants)
            say("paced load")
            measure_latencies(results, plan, testbed, contestants)
            say("bodies of 1 GB")
            measure_bodies(results, plan, testbed, contestants)
        with ExitStack() as proxies:
            if limited:
                say("limits")
                contestants = [proxies.enter_context(started(testbed, peer)) for peer in limited]
                measure_bursts(results, _of_limits(plan), tools.wrk, testbed, contestants)
        if plan.memory:
            say("kept connections")
            measure_memory(results, plan, testbed, peers)
    return results


def _start_upstreams(held: ExitStack, tools: Tools, testbed: Testbed) -> None:
    """The one under load, and the one for bodies; both on the load generator's core."""
    core, ports = testbed.cores.load, testbed.upstream_ports.values()
    command = upstream_command(testbed, tools.nginx)
    held.enter_context(running("upstream", command, core, testbed.file("upstream/output")))
    held.enter_context(running("body server", body_server_command(testbed), core, testbed.file("bodies/output")))
    wait_until("both upstreams: listening", lambda: all(map(_listens, ports)))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _versions(tools: Tools, peers: list[Peer]) -> list[tuple[str, str]]:
    openssl = openssl_version(tools.openssl)
    return [
        *((peer.name, peer.version) for peer in peers),
        ("Revision", _revision()),
        ("Upstream", f"nginx {nginx_version(tools.nginx)}"),
        ("Load", f"wrk {wrk_version(tools.wrk)}, bench/paced.py"),
        ("Python", describe_python(tools.exeat)),
        ("OpenSSL", openssl),
    ]


def _revision() -> str:
    command = ("git", "-C", str(RESULTS_FILE.parent), "describe", "--always", "--dirty")
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    return shown.stdout.strip() or "unknown"


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
