"""Full load: wrk with 64 kept connections, and what it cost the proxy while wrk counted."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from cpu import CoreTime, core_time, cpu_seconds, cpu_seconds_of
from peers import Target
from processes import RunFailed, pinned
from shapes import Shape, head_around_number
from testbed import Testbed

CONNECTIONS = 64

# One script for both shapes, so that the generator does the same work for both: only `step` differs.
# It appends the number in three concatenations; a request costs LuaJIT well under a microsecond.
_SCRIPT = """\
local before, between, after = {before}, {between}, {after}
local number, step, format = {first}, {step}, string.format

function request()
  number = (number + step) % 4294967296
  local id = format("%08x", number)
  return before .. id .. between .. id .. after
end

function done(summary)
  local e = summary.errors
  io.write(format(
    'RESULT {{"requests":%d,"duration_us":%d,"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Whose CPU is counted: the tree of a proxy, None where there is none; in it, the process beside its workers."""

    pid: int | None
    beside: str | None = None

    def whole_s(self) -> float:
        return cpu_seconds(self.pid) if self.pid is not None else 0.0

    def beside_s(self) -> float:
        return cpu_seconds_of(self.pid, self.beside) if self.pid is not None and self.beside is not None else 0.0


@dataclass(frozen=True, slots=True)
class Burst:
    """One wrk run."""

    requests: int
    per_second: float
    # CPU of the proxy's processes, and the share of its core: by it, and by anything else at all.
    cpu_us: float
    beside_us: float  # of that, by the process beside the workers
    busy: float
    disturbance: float


def burst(wrk: str, testbed: Testbed, target: Target, shape: Shape, *, cost: Cost, seconds: int) -> Burst:
    """Load the target for so long."""
    command = _wrk_command(wrk, testbed, target, shape, seconds)
    beside_before = cost.beside_s()
    core_before, cpu_before, began = _usage(testbed, cost)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    core_after, cpu_after, ended = _usage(testbed, cost)
    beside_s = cost.beside_s() - beside_before
    result = _read_result(done)
    wall_s, cpu_s = ended - began, cpu_after - cpu_before
    foreign_s = core_after.busy_s - core_before.busy_s - cpu_s
    stolen_s = core_after.stolen_s - core_before.stolen_s
    return Burst(
        requests=result["requests"],
        per_second=result["requests"] / (result["duration_us"] / 1e6),
        cpu_us=cpu_s / result["requests"] * 1e6,
        beside_us=beside_s / result["requests"] * 1e6,
        busy=cpu_s / wall_s,
        disturbance=(max(foreign_s, 0.0) + stolen_s) / wall_s,
    )


def _wrk_command(wrk: str, testbed: Testbed, target: Target, shape: Shape, seconds: int) -> tuple[str, ...]:
    script = testbed.file("wrk.lua")
    _write_script(script, target, testbed.key, shape)
    url = f"{'https' if target.tls else 'http'}://127.0.0.1:{target.port}/"
    how = ("-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "5s", "-s", str(script))
    return pinned(testbed.cores.load, (wrk, *how, url))


def _write_script(script: Path, target: Target, key: str, shape: Shape) -> None:
    # A JSON string of ASCII text is a Lua string too.
    before, between, after = (json.dumps(p.decode()) for p in head_around_number(target, key))
    script.write_text(
        _SCRIPT.format(
            before=before,
            between=between,
            after=after,
            # Another start each time: no request of one run was seen in a run before.
            first=SystemRandom().randrange(2**32),
            step=1 if shape == "varied" else 0,
        )
    )


def _usage(testbed: Testbed, cost: Cost) -> tuple[CoreTime, float, float]:
    return core_time(testbed.cores.proxy), cost.whole_s(), time.monotonic()


def _read_result(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            result: dict[str, int] = json.loads(line.removeprefix("RESULT "))
            break
    else:
        raise RunFailed(f"wrk said: {done.stderr}{done.stdout}")
    if result["refused"] or result["broken"] or not result["requests"]:
        raise RunFailed(f"not every answer was a 200: {result}\n{done.stdout}")
    return result
