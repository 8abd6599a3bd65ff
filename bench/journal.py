"""What the audit trail costs a worker: CPU time per exchange with a journal and without, and what it is made of.

    .venv/bin/python bench/journal.py                       as it is
    PYTHONPATH=build/compiled .venv/bin/python bench/journal.py   with the hot path compiled

Each exchange is put down twice (intent, record) and written with the others of its turn of the loop, and its batch is
sealed; the journal lies in memory (/dev/shm) where there is one, so that the disk isn't measured.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import exeat.proxy.ledger
from exeat.config.compile import load
from exeat.config.settings import read_settings
from exeat.journal.writer import Journal
from exeat.model.key import make_key
from exeat.model.limits import DEFAULT
from exeat.model.snapshot import Snapshot
from exeat.policy.authenticate import identify, present
from exeat.policy.authorize import permit_upstreams
from exeat.policy.resolve import resolve
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.downstream import Downstream
from exeat.proxy.exchange import Attempt, Caller, Exchange, Identifiers
from exeat.proxy.ledger import Ledger
from exeat.proxy.names import AresLookup, Names
from exeat.proxy.record import interrupted
from exeat.proxy.worker import Worker
from exeat.telemetry.access_log import render_json
from exeat.telemetry.lines import Lines
from exeat.telemetry.logs import Log
from exeat.wire.http1 import parse_request

EXCHANGES = 200_000
PER_TURN = (1, 8, 32)
ROUNDS = 3
HEAD = (
    "GET /github/repos/octo/hello/issues?state=open&page=2 HTTP/1.1\r\nHost: gateway.example\r\nExeat-Key: {key}\r\n"
    "User-Agent: bench/1\r\nAccept: application/json\r\nAccept-Encoding: gzip"
)
DOCUMENT = """
upstreams:
  github: {{url: "https://api.github.com", credential: {{kind: bearer, secret: not-a-secret}}}}
consumers:
  web-shop: {{keys: [{{sha256: {sha256}}}], grants: [github]}}
"""


class Bench:
    """One exchange that has been served, put down again and again."""

    def __init__(self, folder: Path) -> None:
        key = make_key("".join(f"{number:02d}" for number in range(22)))
        (folder / "exeat.yaml").write_text(DOCUMENT.format(sha256=key.sha256))
        self._snapshot: Snapshot = load(read_settings({}, folder)).snapshot
        self._head = parse_request(HEAD.format(key=key.key).encode())
        self._folder = folder
        self._identifiers = Identifiers()
        self._journals = 0

    def exchange(self, caller: Caller) -> Exchange:
        """One that has come as far as its answer."""
        exchange = Exchange(self._head, self._snapshot, caller)
        exchange.id = self._identifiers.next(1_790_000_000.0)
        exchange.started, exchange.began_at = 1000.0, 1_790_000_000.0
        exchange.address = "10.1.2.3"
        exchange.resolved = resolved = resolve(self._head, self._snapshot)
        exchange.presented = presented = present(self._head, None, None, resolved.query)
        exchange.key = key = identify(presented.key, self._snapshot, exchange.began_at)
        permit = permit_upstreams(resolved.upstreams, None, key.consumer, self._head.method, resolved.path)
        exchange.permit, exchange.decision = permit, permit.decision
        attempt = Attempt(permit.endpoints[0], 1000.0001)
        attempt.address, attempt.status, attempt.head_at = "140.82.121.6", 200, 1000.05
        exchange.attempts.append(attempt)
        exchange.status, exchange.bytes_out, exchange.head_at = 200, 4321, 1000.05
        return exchange

    def ledger(self, *, journals: bool) -> Ledger:
        """One that writes its access lines nowhere."""
        lines, log = Lines(os.open(os.devnull, os.O_WRONLY)), Log("bench")
        if not journals:
            return Ledger(lines, render_json, log)
        self._journals += 1
        folder = self._folder / f"worker-{self._journals}"
        return Ledger(lines, render_json, log, Journal(folder, "bench/worker-1", list, interrupted=interrupted))

    async def measure(self, per_turn: int, *, journals: bool) -> float:
        """µs of CPU time per exchange."""
        ledger, log = self.ledger(journals=journals), Log("bench")
        names = Names(AresLookup(), time.monotonic)
        worker = Worker(self._snapshot, Dialler(names, (), Trust(), DEFAULT), log=log, ledger=ledger)
        outbox = worker.outbox
        exchanges = [self.exchange(Downstream(worker, secure=False)) for _ in range(per_turn)]
        began = time.process_time()
        for turn in range(EXCHANGES // per_turn):
            for exchange in exchanges:
                ledger.intend(exchange)
            outbox.flush()
            for exchange in exchanges:
                ledger.record(exchange, 1000.051)
            outbox.flush()
            if turn % 256 == 0:
                await asyncio.sleep(0)
                ledger.tend()
        taken = time.process_time() - began
        ledger.close()
        return taken / EXCHANGES * 1e6


def best(measure: Callable[[], float]) -> float:
    """The least of some rounds: the machine has other things to do, too."""
    return min(measure() for _ in range(ROUNDS))


def main() -> None:
    """Measure and print a table."""
    compiled = "compiled" if str(exeat.proxy.ledger.__file__).endswith(".so") else "not compiled"
    print(f"µs of CPU per exchange, hot path {compiled}, {EXCHANGES:,} exchanges, the least of {ROUNDS} rounds\n")
    print("| exchanges in a turn | access line alone | with the journal | the journal's share |")
    print("|---|---|---|---|")
    memory = Path("/dev/shm")  # noqa: S108 - TemporaryDirectory is safe
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        bench = Bench(Path(name))
        for per_turn in PER_TURN:
            without = best(lambda: asyncio.run(bench.measure(per_turn, journals=False)))  # noqa: B023 - run at once
            with_it = best(lambda: asyncio.run(bench.measure(per_turn, journals=True)))  # noqa: B023 - run at once
            print(f"| {per_turn} | {without:.2f} | {with_it:.2f} | {with_it - without:.2f} |")


if __name__ == "__main__":
    main()
