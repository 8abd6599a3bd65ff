"""Runs the paced load of paced.py against one target and reads what it measured."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom

from load import CONNECTIONS, Cost
from peers import Target
from processes import RunFailed, pinned
from shapes import head_around_number
from testbed import UPSTREAM_NAME, Testbed
from upstream import BODY


@dataclass(frozen=True, slots=True)
class Latency:
    """One paced run; rates per second, times in µs."""

    rate: float
    reached: float
    requests: int
    p50_us: float
    p99_us: float
    late_p99_us: float
    generator_busy: float
    workers_us: float = 0.0  # CPU per request, without the process beside the workers


def paced_run(testbed: Testbed, target: Target, rate: float, seconds: float, cost: Cost) -> Latency:
    """Requests at this rate for so long; RunFailed when an answer is missing or is not a 200."""
    before, between, after = (p.decode() for p in head_around_number(target, testbed.key))
    order = {
        "port": target.port,
        "authority": str(testbed.certificates.authority) if target.tls else None,
        "name": UPSTREAM_NAME,
        "before": before,
        "between": between,
        "after": after,
        "first": SystemRandom().randrange(2**32),
        "body_end": BODY[-24:],
        "rate": rate,
        "seconds": seconds,
        "connections": CONNECTIONS,
    }
    script = Path(__file__).with_name("paced.py")
    command = (sys.executable, str(script), json.dumps(order))
    pinned_command = pinned(testbed.cores.load, command)
    before_s = cost.whole_s() - cost.beside_s()
    done = subprocess.run(pinned_command, capture_output=True, text=True, check=False)
    used_s = cost.whole_s() - cost.beside_s() - before_s
    if done.returncode:
        raise RunFailed(f"paced load at {rate:.0f}/s: {done.stderr}")
    made = Latency(**json.loads(done.stdout))
    return replace(made, workers_us=used_s / made.requests * 1e6)
